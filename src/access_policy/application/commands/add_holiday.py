"""Add one holiday to calendars of a depot; its chargers adopt them."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.context import Context
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.depots import Depots
from access_policy.domain.ids import CalendarId, DepotId
from access_policy.domain.mode_schedule.calendars import Holiday


@dataclass(frozen=True, slots=True, kw_only=True)
class AddHoliday:
    """`calendar_ids` None means all calendars of the depot."""

    depot_id: DepotId
    calendar_ids: tuple[CalendarId, ...] | None
    day: Holiday


@dataclass(frozen=True, slots=True)
class AddHolidayHandler:
    depots: Depots
    chargers_follow: ChargersFollow
    clock: Clock

    async def __call__(self, context: Context, command: AddHoliday) -> Done:
        """Add the day; calendars that already have the entry are unchanged. Raises `DepotUnknown`, `CalendarUnknown`,
        `CalendarInvalid`, `InvalidName` or `InstantOutOfRange`."""
        depot = await self.depots.get(context.tenant_id, command.depot_id)
        into = depot.calendars if command.calendar_ids is None else command.calendar_ids
        events = depot.add_holiday(into, command.day)
        done = await self.depots.record(
            context, command.depot_id, events, expected_version=depot.version, now=self.clock.now()
        )
        position = max(done.position, await self.chargers_follow(context, command.depot_id))
        return Done(version=done.version, position=position)
