"""Proposed changes of schedules, completed by the depot that has them and by the chargers that follow them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands.schedule_drafts import ScheduleDraft
from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.what_if.proposal import ProposedSchedule
from access_policy.domain.charger_access_policy.errors import ScheduleElsewhere
from access_policy.domain.depots.depot import Depot, DepotUnknown, ScheduleUnknown
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, ScheduleId, TenantId
from access_policy.domain.mode_schedule.schedules import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleChange:
    """New content for a schedule and all chargers that follow it, a new schedule at `depot_id` (`schedule_id` None), or
    its withdrawal (`withdrawn`). `charger_ids` would begin to follow it (None: all of the depot). `draft` None: its
    content stays."""

    schedule_id: ScheduleId | None
    depot_id: DepotId | None = None
    draft: ScheduleDraft | None = None
    charger_ids: frozenset[ChargerId] | None = frozenset()
    withdrawn: bool = False


async def proposed_schedule(
    view: DecisionView, tenant_id: TenantId, change: ScheduleChange, *, now: datetime
) -> ProposedSchedule:
    """Return the completed change. Raises `ScheduleUnknown`, `DepotUnknown`, `ChargerUnknown`, `ScheduleElsewhere`, or
    the refusals of the schedule, each with a pointer into the change."""
    depot = await _depot(view, tenant_id, change)
    context = Context(tenant_id=tenant_id, actor=SYSTEM, correlation_id=new_id())
    schedule_id = change.schedule_id or ScheduleId(context.created_id("schedule", depot.depot_id))
    followers = frozenset(view.followers_of(tenant_id, schedule_id))
    if change.withdrawn:
        return ProposedSchedule(schedule_id=schedule_id, charger_ids=followers, schedule=None)
    schedule = _schedule(context, depot, schedule_id, change.draft, now)
    at_depot = frozenset(await view.charger_ids(tenant_id, depot.depot_id))
    beginning = at_depot if change.charger_ids is None else change.charger_ids
    for each in sorted(beginning - at_depot):
        view.charger(tenant_id, each)  # raises ChargerUnknown
        raise ScheduleElsewhere(
            f"Charger {each[:64]} is not in service at depot {depot.depot_id}; choose chargers of the schedule's depot.",
            pointer="/charger_ids",
        )
    return ProposedSchedule(schedule_id=schedule_id, charger_ids=followers | beginning, schedule=schedule)


async def _depot(view: DecisionView, tenant_id: TenantId, change: ScheduleChange) -> Depot:
    if change.schedule_id is not None:
        depot_id = await view.depot_of_schedule(tenant_id, change.schedule_id)
        depot = None if depot_id is None else view.depot(tenant_id, depot_id)
        if depot is None:
            raise ScheduleUnknown.named(change.schedule_id, pointer="/schedule_id")
        return depot
    depot = None if change.depot_id is None else view.depot(tenant_id, change.depot_id)
    if depot is None:
        raise DepotUnknown.named(change.depot_id or "", pointer="/depot_id")
    return depot


def _schedule(
    context: Context, depot: Depot, schedule_id: ScheduleId, draft: ScheduleDraft | None, now: datetime
) -> Schedule:
    if draft is None:
        return depot.schedule(schedule_id)
    before = depot.schedules.get(schedule_id)
    try:
        schedule = draft.schedule(context, schedule_id, depot.settings.time_zone, before, now=now)
        depot.put_schedule(schedule)  # raises the reason why it is impossible
    except Refused as refusal:
        refusal.pointer = f"/schedule{refusal.pointer or ''}"
        raise
    return schedule
