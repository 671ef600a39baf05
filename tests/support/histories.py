"""Histories of a small world, for properties: any events of any kind, in any order, of two tenants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from access_policy.application.ports.event_store import Append, EventStore, NewEvent, Recorded
from access_policy.application.projections import PROJECTIONS
from access_policy.domain.access.events import DecisionLineage
from access_policy.domain.ids import TenantId
from tests.support.rows import log_of
from tests.support.stores import NOON
from tests.unit.event_stores.samples import SAMPLES

_READ = frozenset(name for projection in PROJECTIONS for name in projection.types)
_KINDS = tuple(sample for sample in SAMPLES if type(sample).TYPE in _READ)
_POOLS: dict[str, tuple[Any, ...]] = {
    "charger_id": ("bay-1", "bay-2"),
    "attempt_id": ("try-1", "try-2", "try-3"),
    "connector_id": (1, 2),
    "vehicle_id": ("van-1", "van-2"),
    "generation": (1, 2, 3),
    "caused_by": (None, "try-1"),
}
_INSTANTS = ("decided_for", "started_at", "ended_at", "faulted_at", "recovered_at", "applied_at", "failed_at", "due_at")


@st.composite
def events(draw: st.DrawFn) -> object:
    event = draw(st.sampled_from(_KINDS))
    names = {each.name for each in fields(event)}
    if "lineage" in names:
        return replace(event, lineage=_varied(draw, event.lineage))
    return _varied(draw, event)


def _varied(draw: st.DrawFn, event: Any) -> Any:
    names = {each.name for each in fields(event)}
    changes = {name: draw(st.sampled_from(pool)) for name, pool in _POOLS.items() if name in names}
    changes |= {
        name: NOON + timedelta(minutes=draw(st.integers(0, 3)))
        for name in _INSTANTS
        if name in names and not (isinstance(event, DecisionLineage) and name != "decided_for")
    }
    return replace(event, **changes)


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """Ascending, as read from a log."""
    log: list[Recorded] = []
    for _ in range(draw(st.integers(1, 12))):
        tenant = TenantId(draw(st.sampled_from(["acme", "other"])))
        log += log_of(*draw(st.lists(events(), min_size=1, max_size=6)), tenant=tenant, after=log)
    return log


async def store_history(store: EventStore, history: Sequence[Recorded]) -> None:
    for recorded in history:
        new = NewEvent(recorded.event, recorded.envelope)
        await store.append([Append(recorded.stream, recorded.version - 1, (new,))])
