"""Give a charger a mode on whole local days: its own dates, or all days of a holiday calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from access_policy.application.commands import Done
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.context import Context
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import CalendarId, ChargerId, ExceptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddException:
    charger_id: ChargerId
    first: date
    last: date
    mode: AccessMode
    reason: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCalendarException:
    charger_id: ChargerId
    calendar_id: CalendarId
    mode: AccessMode
    reason: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class AddExceptionHandler:
    change: ChangePolicy

    async def __call__(self, context: Context, command: AddException | AddCalendarException) -> Done:
        exception_id = ExceptionId(context.created_id("exception", command.charger_id))
        now = self.change.clock.now()

        def add(policy: ChargerAccessPolicy) -> tuple[PolicyEvent, ...]:
            if isinstance(command, AddCalendarException):
                return policy.add_calendar_exception(
                    exception_id, calendar_id=command.calendar_id, mode=command.mode, reason=command.reason
                )
            return policy.add_exception(
                exception_id,
                first=command.first,
                last=command.last,
                mode=command.mode,
                reason=command.reason,
                now=now,
            )

        return await self.change(context, command, add, exception_id)
