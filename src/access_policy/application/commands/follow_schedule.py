"""Let chargers follow or leave a schedule of their depot, independently, with a result for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from access_policy.application.commands import Done
from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.commands.previews import Horizon, Preview
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy, check_version
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.directories import DepotsOfSchedules
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.retrying import retrying
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.following import follow_schedule, leave_schedule
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.depots.depot import Depot, ScheduleUnknown
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, ScheduleId, TenantId
from access_policy.domain.mode_schedule.schedules import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowSchedule:
    """`follows` False: the charger leaves the schedule. `expected_version` is the charger's."""

    schedule_id: ScheduleId
    charger_id: ChargerId
    follows: bool = True
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowScheduleWithMany:
    """`charger_ids` None means all chargers in service at the depot. With `dry_run`, record nothing and return the
    timelines over `[start, end)` before and after."""

    schedule_id: ScheduleId
    charger_ids: tuple[ChargerId, ...] | None
    follows: bool = True
    dry_run: bool = False
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class FollowScheduleHandler:
    chargers_follow: ChargersFollow
    schedules: DepotsOfSchedules

    async def __call__(self, context: Context, command: FollowSchedule) -> Done:
        """Let the charger follow or leave the schedule. Raises `ScheduleUnknown`, `ChargerUnknown`, `VersionMismatch`,
        or a refusal of the charger."""
        depot_id = await depot_of(self.schedules, context.tenant_id, command.schedule_id)
        return await _one(context, self.chargers_follow, depot_id, command)


@dataclass(frozen=True, slots=True)
class FollowScheduleWithManyHandler:
    chargers_follow: ChargersFollow
    schedules: DepotsOfSchedules

    async def __call__(self, context: Context, command: FollowScheduleWithMany) -> list[ChangedOne]:
        """Return a result for each charger. Raises `ScheduleUnknown`, or `PreviewRangeInvalid`."""
        follow = self.chargers_follow
        depot_id = await depot_of(self.schedules, context.tenant_id, command.schedule_id)
        depot = await follow.depots.get(context.tenant_id, depot_id)
        depot.schedule(command.schedule_id)
        wanted = command.charger_ids
        if wanted is None:
            wanted = tuple(await follow.chargers.charger_ids(context.tenant_id, depot_id))
        chosen = list(dict.fromkeys(wanted))
        if not command.dry_run:
            return await follow_each(context, follow, chosen, depot_id, command.schedule_id, follows=command.follows)
        horizon = Horizon.of(command.start, command.end, chargers=len(chosen), now=follow.clock.now())
        return await preview_each(
            context, follow.policies, chosen, command.schedule_id, depot, horizon, follows=command.follows
        )


async def depot_of(schedules: DepotsOfSchedules, tenant_id: TenantId, schedule_id: ScheduleId) -> DepotId:
    """Return the depot that has the schedule. Raises `ScheduleUnknown`."""
    depot_id = await schedules.depot_of_schedule(tenant_id, schedule_id)
    if depot_id is None:
        raise ScheduleUnknown.named(schedule_id)
    return depot_id


def with_schedule(depot: Depot, schedule: Schedule) -> Depot:
    """Return the depot as it would be with `schedule`."""
    return replace(depot, schedules={**depot.schedules, schedule.schedule_id: schedule})


async def follow_each(
    context: Context,
    follow: ChargersFollow,
    charger_ids: Iterable[ChargerId],
    depot_id: DepotId,
    schedule_id: ScheduleId,
    *,
    follows: bool = True,
) -> list[ChangedOne]:
    """Return a result for each charger. Raises only `StoreUnavailable`; every other failure is the charger's own result."""
    results = []
    async for charger_id in cooperatively(list(charger_ids)):
        command = FollowSchedule(schedule_id=schedule_id, charger_id=charger_id, follows=follows)
        try:
            done = await retrying(_OneOf(follow, depot_id))(context, command)
            changes = int(done.position > 0)
            results.append(ChangedOne(charger_id=charger_id, changes=changes, position=done.position))
        except (Refused, TooBusy) as refusal:
            results.append(ChangedOne(charger_id=charger_id, refusal=refusal))
    return results


async def preview_each(
    context: Context,
    policies: ChargerAccessPolicies,
    charger_ids: Iterable[ChargerId],
    schedule_id: ScheduleId,
    depot: Depot,
    horizon: Horizon,
    *,
    follows: bool = True,
) -> list[ChangedOne]:
    """Return each charger's timelines before and after; `depot` is the depot as it would be."""
    results = []
    async for charger_id in cooperatively(list(charger_ids)):
        try:
            policy = await policies.get(context.tenant_id, charger_id)
            events = _decided(policy, depot, schedule_id, follows=follows)
            preview = Preview.of(policy, events, horizon)
            results.append(ChangedOne(charger_id=charger_id, changes=len(events), preview=preview))
        except Refused as refusal:
            results.append(ChangedOne(charger_id=charger_id, refusal=refusal))
    return results


@dataclass(frozen=True, slots=True)
class _OneOf:
    follow: ChargersFollow
    depot_id: DepotId

    async def __call__(self, context: Context, command: FollowSchedule) -> Done:
        return await _one(context, self.follow, self.depot_id, command)


async def _one(context: Context, follow: ChargersFollow, depot_id: DepotId, command: FollowSchedule) -> Done:
    """Read the policy before the depot, and bring the charger up to date afterwards, so that a schedule amended in
    between reaches the charger either way."""
    policy = await follow.policies.get(context.tenant_id, command.charger_id)
    check_version(command.expected_version, policy.changed_at)
    depot = await follow.depots.get(context.tenant_id, depot_id)
    events = _decided(policy, depot, command.schedule_id, follows=command.follows)
    done = await follow.policies.record(
        context, command.charger_id, events, expected_version=policy.version, now=follow.clock.now()
    )
    if not events:
        return Done(version=policy.changed_at, position=0)
    levelled = await follow.one(context, depot_id, command.charger_id)
    return Done(version=done.version + levelled.changes, position=max(done.position, levelled.position))


def _decided(
    policy: ChargerAccessPolicy, depot: Depot, schedule_id: ScheduleId, *, follows: bool
) -> tuple[PolicyEvent, ...]:
    if follows:
        return follow_schedule(policy, schedule_id, depot)
    return leave_schedule(policy, schedule_id)
