"""A depot's own reservations as a CSV file. Importing the file changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from access_policy.application.dispatch_import.cells import ASSIGNMENTS
from access_policy.application.dispatch_import.checks import BookSnapshot
from access_policy.application.dispatch_import.values import cells_of, keys_of, own_entries
from access_policy.application.ports.clock import Clock
from access_policy.application.queries.registry_export import csv_lines
from access_policy.application.repositories.depots import Depots
from access_policy.application.repositories.reservation_books import ReservationBooks
from access_policy.application.spreadsheets import guarded
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.reservations.operating_days import begin_of, operating_day

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DispatchExport:
    books: ReservationBooks
    depots: Depots
    clock: Clock

    async def __call__(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime | None, until: datetime | None
    ) -> AsyncIterator[str]:
        """Yield the entries of the operating days that overlap `[since, until)`, by start; without bounds, those of
        today and of the depot's horizon. Partners' bookings and cancelled entries are left out. Raises `DepotUnknown`."""
        zone = (await self.depots.get(tenant_id, depot_id)).zone
        async with self.books.locked(tenant_id, depot_id) as book:
            snapshot = BookSnapshot.of(book)
        since = since or self.clock.now()
        until = until or since + timedelta(days=snapshot.settings.horizon_days)
        lines = await asyncio.to_thread(_lines, snapshot, zone, since, until)
        yield csv_lines([ASSIGNMENTS.columns])
        yield lines


def _lines(snapshot: BookSnapshot, zone: ZoneInfo, since: datetime, until: datetime) -> str:
    own = own_entries(snapshot.book(), zone)
    first = operating_day(since, zone, own.starts_at)
    last = operating_day(max(since, until - timedelta(microseconds=1)), zone, own.starts_at)
    begin, end = begin_of(first, zone, own.starts_at), begin_of(last + _DAY, zone, own.starts_at)
    found = [each for each in own.by_id.values() if begin <= each.reservation.start < end]
    keys = keys_of(own, found)
    found.sort(key=lambda each: (each.reservation.start, each.reservation.reservation_id))
    rows = (
        {ASSIGNMENTS.key: keys[each.reservation.reservation_id], **cells_of(each.reservation, zone)} for each in found
    )
    return csv_lines([[guarded(cells[column]) for column in ASSIGNMENTS.columns] for cells in rows])
