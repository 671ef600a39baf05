"""Create or amend a schedule of a depot. The chargers that follow it adopt the change, each with a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.follow_schedule import (
    follow_each,
    preview_each,
    with_schedule,
)
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.commands.previews import Horizon
from access_policy.application.commands.schedule_drafts import ScheduleDraft
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.directories import DepotsOfSchedules
from access_policy.domain.depots.depot import Depot, ScheduleUnknown
from access_policy.domain.ids import ChargerId, DepotId, ScheduleId
from access_policy.domain.mode_schedule.schedules import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSchedule:
    """`schedule_id` None: a new one at `depot_id`. `charger_ids` begin to follow it (None: all chargers of the depot).
    With `dry_run`, record nothing and return the timelines over `[start, end)` before and after."""

    draft: ScheduleDraft
    schedule_id: ScheduleId | None = None
    depot_id: DepotId | None = None
    charger_ids: tuple[ChargerId, ...] | None = ()
    dry_run: bool = False
    start: datetime | None = None
    end: datetime | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePutDone:
    """`version` is the schedule's. There is one result for each charger that follows the schedule or was to begin to
    follow it."""

    depot_id: DepotId
    schedule: Schedule
    version: int
    results: list[ChangedOne]
    position: int = 0
    created: bool = False

    @property
    def created_id(self) -> str:
        return self.schedule.schedule_id


@dataclass(frozen=True, slots=True)
class PutScheduleHandler:
    chargers_follow: ChargersFollow
    schedules: DepotsOfSchedules

    async def __call__(self, context: Context, command: PutSchedule) -> SchedulePutDone:
        """Record the schedule. Repeat the command after a failure: chargers that already have the change produce no
        event. Raises `ScheduleUnknown`, `DepotUnknown`, `VersionMismatch`, the refusals of the schedule, or
        `StoreUnavailable`."""
        depot, schedule_id = await self._depot(context, command)
        changed_at = depot.schedule_changed_at.get(schedule_id, 0)
        now = self.chargers_follow.clock.now()
        before = depot.schedules.get(schedule_id)
        if command.schedule_id is not None:
            depot.schedule(schedule_id)
            check_version(command.expected_version, changed_at)
        repeated = command.schedule_id is None and before is not None
        zone = depot.settings.time_zone
        schedule = (
            before if repeated and before else command.draft.schedule(context, schedule_id, zone, before, now=now)
        )
        events = depot.put_schedule(schedule)
        if command.dry_run:
            return await self._tried(context, command, depot, schedule)
        done = await self.chargers_follow.depots.record(
            context, depot.depot_id, events, expected_version=depot.version, now=now
        )
        results = await self._followed(context, command, depot.depot_id, schedule_id)
        position = max((done.position, *(each.position for each in results)))
        version = done.version if events else changed_at
        return SchedulePutDone(
            depot_id=depot.depot_id,
            schedule=schedule,
            version=version,
            results=results,
            position=position,
            created=before is None,
        )

    async def _depot(self, context: Context, command: PutSchedule) -> tuple[Depot, ScheduleId]:
        depots = self.chargers_follow.depots
        if command.schedule_id is not None:
            depot_id = await self.schedules.depot_of_schedule(context.tenant_id, command.schedule_id)
            if depot_id is None:
                raise ScheduleUnknown.named(command.schedule_id)
            return await depots.get(context.tenant_id, depot_id), command.schedule_id
        assert command.depot_id is not None  # a new schedule names its depot
        depot = await depots.get(context.tenant_id, command.depot_id)
        return depot, ScheduleId(context.created_id("schedule", command.depot_id))

    async def _tried(self, context: Context, command: PutSchedule, depot: Depot, schedule: Schedule) -> SchedulePutDone:
        """Decide for the chargers as they are, with the depot as it would be."""
        follow = self.chargers_follow
        at_depot = await follow.chargers.charger_ids(context.tenant_id, depot.depot_id)
        begin = set(at_depot if command.charger_ids is None else command.charger_ids)
        concerned = [each for each in at_depot if each in begin or await self._follows(context, each, schedule)]
        concerned += [each for each in command.charger_ids or () if each not in concerned]
        horizon = Horizon.of(command.start, command.end, chargers=len(concerned), now=follow.clock.now())
        results = await preview_each(
            context, follow.policies, concerned, schedule.schedule_id, with_schedule(depot, schedule), horizon
        )
        version = depot.schedule_changed_at.get(schedule.schedule_id, 0)
        return SchedulePutDone(depot_id=depot.depot_id, schedule=schedule, version=version, results=results)

    async def _follows(self, context: Context, charger_id: ChargerId, schedule: Schedule) -> bool:
        policy = await self.chargers_follow.policies.get(context.tenant_id, charger_id)
        return schedule.schedule_id in policy.schedules

    async def _followed(
        self, context: Context, command: PutSchedule, depot_id: DepotId, schedule_id: ScheduleId
    ) -> list[ChangedOne]:
        follow = self.chargers_follow
        levelled = await follow.each(context, depot_id)
        begin: Iterable[ChargerId] = levelled if command.charger_ids is None else command.charger_ids
        results = {
            each.charger_id: each
            for each in await follow_each(context, follow, dict.fromkeys(begin), depot_id, schedule_id)
        }
        for charger_id, followed in levelled.items():
            if charger_id not in results and schedule_id in followed.schedules:
                results[charger_id] = ChangedOne(
                    charger_id=charger_id,
                    changes=followed.changes,
                    refusal=followed.refusal,
                    position=followed.position,
                )
        return list(results.values())
