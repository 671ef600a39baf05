"""The registry as a CSV file, one page at a time. Importing the file changes nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from access_policy.application.audit.readings import Readings
from access_policy.application.context import Context
from access_policy.application.ports.event_store import EventStore, StoreUnavailable
from access_policy.application.ports.secrets import VehicleVault
from access_policy.application.ports.views import PAGE_MAX, Row, Views
from access_policy.application.registry_import.csv_file import COLUMNS
from access_policy.application.registry_import.identifier_cells import KINDS
from access_policy.application.registry_import.other_values import other_mask_spelled, other_spelled
from access_policy.application.spreadsheets import guarded
from access_policy.domain.audit.readings import ShownIn
from access_policy.domain.identifiers import VID_PREFIX
from access_policy.domain.ids import TenantId, VehicleId

WAITS = 15  # each for as long as a command waits to be visible


@dataclass(frozen=True, slots=True)
class RegistryExport:
    """`followed_to` returns the log position that the views have reached."""

    views: Views
    vault: VehicleVault
    store: EventStore
    followed_to: Callable[[], Awaitable[int]]
    readings: Readings

    async def ready(self, settled: Callable[[int], Awaitable[bool]]) -> None:
        """Wait until the views contain everything stored now: importing a stale export with `replace` would remove
        the missing vehicles. Raises `StoreUnavailable` if that takes too long.
        """
        await followed(self.store, self.followed_to, settled)

    async def __call__(self, context: Context) -> AsyncIterator[str]:
        """Yield the vehicles by id, in their state when the page is read, after recording the reading. PINs, and values
        that cannot be decrypted, are masked. Raises `StoreUnavailable`."""
        tenant_id = context.tenant_id
        yield csv_lines([COLUMNS])
        cursor: str | None = None
        while True:
            page = await self.views.vehicles(tenant_id, cursor=cursor, limit=PAGE_MAX)
            values = await self._values(tenant_id, page.items)
            await self._record(context, page.items, values)
            yield csv_lines([_cells(vehicle, values) for vehicle in page.items])
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _record(self, context: Context, vehicles: Sequence[Row], values: dict[str, str | None]) -> None:
        shown = {sealed for sealed, value in values.items() if value is not None}
        holders = [
            VehicleId(vehicle["vehicle_id"])
            for vehicle in vehicles
            if any(each["sealed"] in shown for each in vehicle["identifiers"])
        ]
        await self.readings.record(context, ShownIn.REGISTRY_EXPORT, values=len(shown), vehicle_ids=holders)

    async def _values(self, tenant_id: TenantId, vehicles: Sequence[Row]) -> dict[str, str | None]:
        """Return the values by sealed value."""
        sealed = [
            (VehicleId(vehicle["vehicle_id"]), each["sealed"])
            for vehicle in vehicles
            for each in vehicle["identifiers"]
            if each["sealed"]
        ]
        opened = await self.vault.unseal_many(tenant_id, sealed) if sealed else []
        return {text: value for (_, text), value in zip(sealed, opened, strict=True)}


async def followed(
    store: EventStore, followed_to: Callable[[], Awaitable[int]], settled: Callable[[int], Awaitable[bool]]
) -> None:
    """Wait until the views contain everything stored now. Raises `StoreUnavailable` if that takes too long."""
    position = await store.last_position()
    for _ in range(WAITS):
        await settled(position)
        if await followed_to() >= position:
            return
    raise StoreUnavailable("the read models are behind, as after a large import; export again in a moment")


def csv_lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cells(vehicle: Row, values: dict[str, str | None]) -> list[str]:
    cells = {
        "vehicle_id": guarded(vehicle["vehicle_id"]),
        "name": guarded(vehicle["name"]),
        "access_class": vehicle["access_class"],
        "agreement_id": guarded(vehicle["agreement_id"] or ""),
        "valid_from": _instant(vehicle["valid_from"]),
        "valid_until": _instant(vehicle["valid_until"]),
    }
    for column, kind in KINDS.items():
        shown = [_shown(each, values) for each in vehicle["identifiers"] if each["kind"] == kind]
        cells[column] = ";".join(shown)
    return [cells[column] for column in COLUMNS]


def _shown(identifier: Row, values: dict[str, str | None]) -> str:
    """Return the value in a spelling that no spreadsheet converts to a number."""
    value = values.get(identifier["sealed"])
    match identifier["kind"]:
        case "other" if value is None:
            return other_mask_spelled(identifier["masked"])
        case _ if value is None:
            return str(identifier["masked"])
        case "rfid":
            return ":".join(value[begin : begin + 2] for begin in range(0, len(value), 2))
        case "mac":
            return VID_PREFIX + value
        case "other":
            return other_spelled(value)
        case _:
            return value


def _instant(at: Any) -> str:
    return at.isoformat().replace("+00:00", "Z") if isinstance(at, datetime) else ""
