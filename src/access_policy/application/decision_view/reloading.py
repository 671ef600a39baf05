"""Reload the last minutes from the read models after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from access_policy.application.decision_view.recent_activity import START_WITHIN, OpenAttempt, RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.views import RecentPast
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.events import AccessAllowed, AccessDenied, SessionDecision
from access_policy.domain.access.pin_lockout import LOCKED_FOR, WITHIN
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import (
    ActorId,
    AttemptId,
    ChargerId,
    ChargerKey,
    DepotId,
    EntranceId,
    EntranceKey,
    TenantId,
    VehicleId,
)

Row = Mapping[str, Any]


async def reload(live: RecentActivity, past: RecentPast, store: EventStore, *, now: datetime) -> None:
    """Fill `live` from the read models, which must have caught up before."""
    for row in await past.open_sessions():
        live.started(_charger(row), _session(row))
    span = max(START_WITHIN, WITHIN + LOCKED_FOR, timedelta(minutes=20))
    for row in await past.attempts_since(now - span):
        if row["entrance_id"] is not None:
            _reload_wrong_pin(
                live, row, (TenantId(row["tenant_id"]), DepotId(row["depot_id"]), EntranceId(row["entrance_id"]))
            )
            continue
        _reload_denial(live, row)
        if row["session_started_at"] is not None:
            live.take_open(_charger(row), _ref(row), now)  # this attempt replaced an earlier open attempt
        elif now - row["decided_for"] <= START_WITHIN:
            await _reload_open(live, store, row)


def _session(row: Row) -> Session:
    return Session(
        attempt_id=AttemptId(row["attempt_id"]),
        transaction_id=row["transaction_id"],
        connector_id=row["connector_id"],
        identifier=_ref(row),
        vehicle_id=None if row["vehicle_id"] is None else VehicleId(row["vehicle_id"]),
        decision=SessionDecision(row["session_decision"]),
        started_at=row["session_started_at"],
        meter_start_wh=row["meter_start_wh"],
        version=0,
        not_honoured=bool(row["denial_not_honoured"]),
    )


def _reload_denial(live: RecentActivity, row: Row) -> None:
    if row["decision"] == "denied":
        live.denied(_charger(row), row["connector_id"], AttemptId(row["attempt_id"]), row["decided_for"])
    _reload_wrong_pin(live, row, _charger(row))


def _reload_wrong_pin(live: RecentActivity, row: Row, place: ChargerKey | EntranceKey) -> None:
    refused_for = row["would_deny"] or row["reason"]
    is_unknown = refused_for == Reason.UNKNOWN_IDENTIFIER or (
        refused_for == Reason.ENERGY_RESTRICTED and row["vehicle_id"] is None
    )
    if row["identifier_kind"] == IdentifierKind.PIN and is_unknown:
        live.wrong_pin((place, ActorId(row["actor"])), row["decided_for"])


async def _reload_open(live: RecentActivity, store: EventStore, row: Row) -> None:
    history = await store.load(attempt_stream(TenantId(row["tenant_id"]), AttemptId(row["attempt_id"])))
    decided = [recorded.event for recorded in history if isinstance(recorded.event, AccessAllowed | AccessDenied)]
    if decided:
        attempt = OpenAttempt(AttemptId(row["attempt_id"]), decided[-1], len(history), row["decided_for"])
        live.opened(_charger(row), _ref(row), attempt)


def _charger(row: Row) -> ChargerKey:
    return (TenantId(row["tenant_id"]), ChargerId(row["charger_id"]))


def _ref(row: Row) -> IdentifierRef | None:
    if row["identifier_kind"] is None:
        return None
    return IdentifierRef(IdentifierKind(row["identifier_kind"]), row["identifier_pseudonym"], row["identifier_masked"])
