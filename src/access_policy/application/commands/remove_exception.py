"""Remove an exception."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.context import Context
from access_policy.domain.ids import ChargerId, ExceptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveException:
    charger_id: ChargerId
    exception_id: ExceptionId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveExceptionHandler:
    change: ChangePolicy

    async def __call__(self, context: Context, command: RemoveException) -> Done:
        return await self.change(context, command, lambda policy: policy.remove_exception(command.exception_id))
