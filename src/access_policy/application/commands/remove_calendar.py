"""Remove a holiday calendar that no charger of the depot uses."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import ChargersOfDepot
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.domain.charger_access_policy.errors import CalendarInUse
from access_policy.domain.ids import CalendarId, DepotId

NAMED_MAX = 10  # chargers that a refusal names


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveCalendar:
    depot_id: DepotId
    calendar_id: CalendarId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveCalendarHandler:
    depots: Depots
    policies: ChargerAccessPolicies
    chargers: ChargersOfDepot
    chargers_follow: ChargersFollow
    clock: Clock

    async def __call__(self, context: Context, command: RemoveCalendar) -> Done:
        """Remove the calendar. A charger that starts to use it at the same moment keeps its copy, and drops it when it
        can."""
        depot = await self.depots.get(context.tenant_id, command.depot_id)
        if command.calendar_id not in depot.calendar_changed_at:
            await self.chargers_follow(context, command.depot_id)  # an earlier removal may have failed before this
        depot.calendar(command.calendar_id)
        check_version(command.expected_version, depot.calendar_changed_at[command.calendar_id])
        await self._must_be_unused(context, command)
        events = depot.remove_calendar(command.calendar_id)
        done = await self.depots.record(
            context, command.depot_id, events, expected_version=depot.version, now=self.clock.now()
        )
        position = max(done.position, await self.chargers_follow(context, command.depot_id))
        return Done(version=done.version, position=position)

    async def _must_be_unused(self, context: Context, command: RemoveCalendar) -> None:
        users = []
        for charger_id in await self.chargers.charger_ids(context.tenant_id, command.depot_id):
            policy = await self.policies.get(context.tenant_id, charger_id)
            if command.calendar_id in policy.plan.calendars_in_use:
                users.append(charger_id)
        if users:
            more = f" and {len(users) - NAMED_MAX} more" if len(users) > NAMED_MAX else ""
            raise CalendarInUse(
                f"Calendar {command.calendar_id} is used at {', '.join(sorted(users)[:NAMED_MAX])}{more}; "
                "remove it from their rules and exceptions first."
            )
