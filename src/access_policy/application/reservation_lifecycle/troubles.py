"""The causes that take a charger from the holders of its reservations, as the decision view knows them now."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.view import DecisionView
from access_policy.domain.access_mode import AccessMode, CauseKind
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.ids import ChargerId, DepotId, TenantId
from access_policy.domain.reservations.conflicts import Trouble, Troubles
from access_policy.domain.reservations.events import ConflictKind

AWAY_FOR: Final = timedelta(minutes=5)  # a charger that restarts, or whose gateway restarts, is back by then


def troubles_now(
    view: DecisionView, tenant_id: TenantId, depot_id: DepotId, charger_ids: Collection[ChargerId], now: datetime
) -> Troubles:
    """Return the troubles of those of these chargers that have any."""
    found = {each: list(_troubles_of(view, tenant_id, depot_id, each, now)) for each in charger_ids}
    return {charger_id: troubles for charger_id, troubles in found.items() if troubles}


def _troubles_of(
    view: DecisionView, tenant_id: TenantId, depot_id: DepotId, charger_id: ChargerId, now: datetime
) -> Iterator[Trouble]:
    try:
        charger = view.charger(tenant_id, charger_id)
    except ChargerUnknown:
        yield Trouble(kind=ConflictKind.RETIREMENT, cause="the charger is unknown")
        return
    if charger.policy.retired_at is not None:
        yield Trouble(kind=ConflictKind.RETIREMENT, cause="the charger is retired")
    elif charger.policy.settings.depot_id != depot_id:
        yield Trouble(kind=ConflictKind.RETIREMENT, cause=f"the charger is at {charger.policy.settings.depot_id}")
    else:
        yield from _faults(view.condition((tenant_id, charger_id)), now)
        yield from _opening(charger, now)


def _faults(condition: ChargerCondition, now: datetime) -> Iterator[Trouble]:
    away_since = condition.disconnected_at
    if away_since is not None and away_since + AWAY_FOR <= now:
        yield Trouble(kind=ConflictKind.FAULT, cause=f"not connected since {away_since:%Y-%m-%dT%H:%MZ}")
    for number, (code, vendor_code) in sorted(condition.faults.items()):
        shown = " ".join(each for each in (code, vendor_code) if each)
        where = "" if number == 0 else f" on connector {number}"
        yield Trouble(kind=ConflictKind.FAULT, cause=f"{shown}{where}", connector_id=number or None)


def _opening(charger: ChargerView, now: datetime) -> Iterator[Trouble]:
    """Yield the overrides that open the charger for everyone."""
    if not any(each.ends_at > now for each in charger.policy.overrides.values()):
        return
    for segment in charger.timeline_now(now).segments:
        is_open = segment.mode is AccessMode.FREEVEND and segment.cause.kind is CauseKind.OVERRIDE
        if is_open and segment.end > now and segment.cause.id is not None:
            yield Trouble(
                kind=ConflictKind.OVERRIDE, cause=segment.cause.id, since=max(segment.start, now), until=segment.end
            )
