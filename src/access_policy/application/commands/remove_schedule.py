"""Remove a schedule that no charger follows."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.follow_schedule import depot_of
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.directories import DepotsOfSchedules
from access_policy.domain.depots.depot import Depot, ScheduleInUse
from access_policy.domain.ids import ChargerId, ScheduleId

NAMED_MAX = 10  # chargers that a refusal names


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSchedule:
    schedule_id: ScheduleId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveScheduleHandler:
    chargers_follow: ChargersFollow
    schedules: DepotsOfSchedules

    async def __call__(self, context: Context, command: RemoveSchedule) -> Done:
        """Remove the schedule. A charger that begins to follow it at the same moment leaves it again."""
        follow = self.chargers_follow
        depot_id = await depot_of(self.schedules, context.tenant_id, command.schedule_id)
        depot = await follow.depots.get(context.tenant_id, depot_id)
        depot.schedule(command.schedule_id)
        check_version(command.expected_version, depot.schedule_changed_at[command.schedule_id])
        await self._must_be_unused(context, depot, command.schedule_id)
        done = await follow.depots.record(
            context,
            depot_id,
            depot.remove_schedule(command.schedule_id),
            expected_version=depot.version,
            now=follow.clock.now(),
        )
        return Done(version=done.version, position=max(done.position, await follow(context, depot_id)))

    async def _must_be_unused(self, context: Context, depot: Depot, schedule_id: ScheduleId) -> None:
        follow, users = self.chargers_follow, list[ChargerId]()
        async for charger_id in cooperatively(await follow.chargers.charger_ids(context.tenant_id, depot.depot_id)):
            policy = await follow.policies.get(context.tenant_id, charger_id)
            if schedule_id in policy.schedules:
                users.append(charger_id)
        if users:
            more = f" and {len(users) - NAMED_MAX} more" if len(users) > NAMED_MAX else ""
            raise ScheduleInUse(
                f"The schedule {depot.schedule(schedule_id).name} is followed by {', '.join(sorted(users)[:NAMED_MAX])}"
                f"{more}; let them leave it first."
            )
