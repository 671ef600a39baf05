"""Forget the keys under which the identifiers of old reservations are sealed, a week after the reservation's end.

A pass inspects every stored key, so that a failure or a restart only costs time. A key whose reservation is not
recorded stays, because a command seals the identifiers before it records their reservation. A key is deleted while
holding the lock of the depot's book, like that of commands of this process that seal. If a caller uses an id again
after the week while another process deletes its key, the values are lost for lists on chargers, but the reservation
still admits its holder.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.secrets import RESERVATION_KEYS, VaultKeys, reservation_of_key, vault_key
from access_policy.application.ports.views import Views
from access_policy.application.projections.stored_reservations import entry_of
from access_policy.application.repositories.reservation_books import ReservationBooks
from access_policy.domain.ids import DepotId, ReservationId, TenantId, VehicleId
from access_policy.domain.reservations.entries import KEPT_FOR
from access_policy.domain.reservations.entry import Entry

log = logging.getLogger(__name__)

AT_ONCE: Final = 500  # keys
FORGET_EVERY_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class OldReservationKeys:
    vault: VaultKeys
    views: Views
    view: DecisionView
    books: ReservationBooks
    clock: Clock

    async def run(self) -> None:
        """Forget old keys until cancelled."""
        while True:
            try:
                if forgotten := await self.forget():
                    log.info("deleted the keys of %d reservations a week after their end", forgotten)
            except StoreUnavailable as trouble:
                log.warning("keys of old reservations are not deleted yet: %s", trouble)
            await asyncio.sleep(FORGET_EVERY_S)

    async def forget(self) -> int:
        """Make one pass; return the number of deleted keys. Raises `StoreUnavailable`."""
        forgotten = 0
        after: tuple[TenantId, VehicleId] | None = None
        while page := await self.vault.owners(RESERVATION_KEYS, after=after, limit=AT_ONCE):
            after = page[-1]
            by_tenant: defaultdict[TenantId, list[ReservationId]] = defaultdict(list)
            for tenant_id, owner in page:
                by_tenant[tenant_id].append(reservation_of_key(owner))
            for tenant_id, ids in by_tenant.items():
                for depot_id, old in (await self._old(tenant_id, ids)).items():
                    forgotten += await self._forget(tenant_id, depot_id, old)
        return forgotten

    async def _old(self, tenant_id: TenantId, ids: Sequence[ReservationId]) -> dict[DepotId, list[ReservationId]]:
        now, found = self.clock.now(), defaultdict(list)
        live = {each: self.view.depot_of_reservation(tenant_id, each) for each in ids}
        for each, depot_id in live.items():
            if depot_id is not None and _is_old(self.view.book(tenant_id, depot_id).entries.by_id.get(each), now):
                found[depot_id].append(each)
        forgotten_by_books = [each for each, depot_id in live.items() if depot_id is None]
        for row in await self.views.reservations_of(tenant_id, forgotten_by_books):
            if _is_old(entry_of(row), now):
                found[DepotId(row["depot_id"])].append(ReservationId(row["reservation_id"]))
        return found

    async def _forget(self, tenant_id: TenantId, depot_id: DepotId, ids: Sequence[ReservationId]) -> int:
        async with self.books.locked(tenant_id, depot_id) as book:
            entries, now = book.entries.by_id, self.clock.now()
            still_old = [each for each in ids if each not in entries or _is_old(entries[each], now)]
            await self.vault.forget_many(tenant_id, list(_keys_of(still_old)))
        return len(still_old)


def _is_old(entry: Entry | None, now: datetime) -> bool:
    """Return whether the outcome is recorded and the end was a week ago."""
    if entry is None or entry.over_at is None:
        return False
    return max(entry.over_at, entry.reservation.clears) + KEPT_FOR <= now


def _keys_of(ids: Sequence[ReservationId]) -> Iterator[VehicleId]:
    return map(vault_key, ids)
