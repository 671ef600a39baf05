"""Create or replace a holiday calendar of a depot; its chargers adopt it."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.depots import Depots
from access_policy.domain.ids import CalendarId, DepotId
from access_policy.domain.mode_schedule.calendars import Holiday, HolidayCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class PutCalendar:
    depot_id: DepotId
    calendar_id: CalendarId
    name: str
    days: tuple[Holiday, ...]
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutCalendarHandler:
    depots: Depots
    chargers_follow: ChargersFollow
    clock: Clock

    async def __call__(self, context: Context, command: PutCalendar) -> Done:
        depot = await self.depots.get(context.tenant_id, command.depot_id)
        changed_at = depot.calendar_changed_at.get(command.calendar_id, 0)
        check_version(command.expected_version, changed_at)
        events = depot.put_calendar(HolidayCalendar.of(command.calendar_id, command.name, command.days))
        done = await self.depots.record(
            context, command.depot_id, events, expected_version=depot.version, now=self.clock.now()
        )
        position = max(done.position, await self.chargers_follow(context, command.depot_id))
        return Done(version=done.version if events else changed_at, position=position, created=changed_at == 0)
