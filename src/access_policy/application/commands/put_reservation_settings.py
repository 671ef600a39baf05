"""Set the default terms of a depot's reservations, the start of its operating day and the horizon of its plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from access_policy.application.commands import Done
from access_policy.application.commands.on_book import ChangeBook
from access_policy.application.context import Context
from access_policy.domain.ids import DepotId
from access_policy.domain.reservations.settings import ReservationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PutReservationSettings:
    depot_id: DepotId
    settings: ReservationSettings
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutReservationSettingsHandler:
    change: ChangeBook

    async def __call__(self, context: Context, command: PutReservationSettings) -> Done:
        """Set the terms, the day and the horizon. Raises `DepotUnknown`, `ReservationInvalid`, `VersionMismatch`,
        `VersionConflict` or `StoreUnavailable`."""
        await self.change.depots.get(context.tenant_id, command.depot_id)
        done = await self.change(
            context,
            command.depot_id,
            command.expected_version,
            lambda book: book.settings_changed_at,
            lambda book: book.put_settings(command.settings),
        )
        return replace(done, created=False)  # the depot had the default settings before
