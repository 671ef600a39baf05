"""Give a charger a mode on whole local days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from access_policy.application.commands import Done
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.context import Context, new_id
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import ChargerId, ExceptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddException:
    charger_id: ChargerId
    first: date
    last: date
    mode: AccessMode
    reason: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class AddExceptionHandler:
    change: ChangePolicy

    async def __call__(self, context: Context, command: AddException) -> Done:
        exception_id = ExceptionId(new_id()[:16])
        return await self.change(
            context,
            command,
            lambda policy: policy.add_exception(
                exception_id,
                first=command.first,
                last=command.last,
                mode=command.mode,
                reason=command.reason,
                now=self.change.clock.now(),
            ),
            exception_id,
        )
