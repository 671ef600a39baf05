"""The lists that chargers should have now, with their values and digests, computed once for chargers with equal inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.local_lists.desired import (
    Entries,
    Entry,
    agreements_here,
    desired_entries,
    reservations_near,
)
from access_policy.application.local_lists.shared import Shared
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.secrets import VehicleVault
from access_policy.application.ports.views import Views
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey, TenantId
from access_policy.domain.reservations.book import ReservationBook


@dataclass(frozen=True, slots=True)
class WantedList:
    """`alike` is equal for the lists of chargers with equal inputs."""

    tenant_id: TenantId
    entries: Entries
    alike: tuple[object, ...]


@dataclass(slots=True)
class WantedLists:
    view: DecisionView
    views: Views
    vault: VehicleVault
    clock: Clock
    _shared: Shared = field(default_factory=Shared)

    async def of(self, key: ChargerKey, capacity: int) -> WantedList:
        """Return at most `capacity` entries. Raises `ChargerUnknown`."""
        alike = self._alike(key, capacity)
        return WantedList(key[0], await self._shared.of(alike, lambda: self._entries(key, capacity)), alike)

    def changes_at(self, key: ChargerKey) -> datetime | None:
        """Return the next instant at which a reservation changes the list merely because time passes."""
        now = self.clock.now()
        near = reservations_near(self.view.charger(*key), self._book(key), now)
        instants = (instant for each in near for instant in (each.begins, each.lost_at, each.reservation.end))
        return min((instant for instant in instants if instant is not None and instant > now), default=None)

    async def values(self, wanted: WantedList) -> dict[Entry, Identifier]:
        """Return the readable values of the entries, in the order of the list. Raises `StoreUnavailable`."""
        return await self._shared.of((wanted.alike, "values"), lambda: self._read(wanted.tenant_id, wanted.entries))

    async def values_of(self, tenant_id: TenantId, entries: Entries) -> dict[Entry, Identifier]:
        """Like `values`, for entries that leave the lists of several chargers at once."""
        return await self._shared.of((tenant_id, entries), lambda: self._read(tenant_id, entries))

    async def digest(self, wanted: WantedList, form: str, entries: Entries) -> str:
        """Return the digest of `entries`, a prefix of the wanted list, so that their number identifies them."""

        async def work_out() -> str:
            return digest_of(form, entries)

        return await self._shared.of((wanted.alike, "digest", form, len(entries)), work_out)

    def forget(self) -> None:
        """Compute everything again for later callers."""
        self._shared.forget()

    def _alike(self, key: ChargerKey, capacity: int) -> tuple[object, ...]:
        tenant_id, charger_id = key
        charger, registry = self.view.charger(*key), self.view.registry(tenant_id)
        settings = charger.policy.settings
        depot = self.view.depot(tenant_id, settings.depot_id)
        return (
            tenant_id,
            registry.version,
            settings.depot_id,
            0 if depot is None else depot.version,
            charger.zone.key,
            settings.offline_starts,
            settings.reservation_only,
            agreements_here(registry, charger_id, settings.depot_id),
            charger.level_at(self.clock.now()),
            self._reservations(key),
            capacity,
        )

    def _reservations(self, key: ChargerKey) -> tuple[object, ...]:
        """Return the reservations on which the list depends, which are the charger's own up to their next instant;
        empty if there are none."""
        charger, now = self.view.charger(*key), self.clock.now()
        near = reservations_near(charger, self._book(key), now)
        return (
            (key[1], *((each.reservation.reservation_id, each.changed_at, each.holds(now)) for each in near))
            if near
            else ()
        )

    def _book(self, key: ChargerKey) -> ReservationBook:
        return self.view.book(key[0], self.view.charger(*key).policy.settings.depot_id)

    async def _entries(self, key: ChargerKey, capacity: int) -> Entries:
        charger = self.view.charger(*key)
        if charger.policy.settings.offline_starts is OfflineStarts.CLOSED:
            return ()
        registry = self.view.registry(key[0])
        depot = self.view.depot(key[0], charger.policy.settings.depot_id)
        now = self.clock.now()
        return tuple(await desired_entries(charger, depot, registry, self._book(key), capacity=capacity, now=now))

    async def _read(self, tenant_id: TenantId, entries: Entries) -> dict[Entry, Identifier]:
        of_vehicles = [each.ref.pseudonym for each in entries if each.sealed is None]
        rows = await self.views.sealed_identifiers(tenant_id, of_vehicles)
        stored = {row["pseudonym"]: row["sealed"] for row in rows}
        sealed = {entry: entry.sealed or stored.get(entry.ref.pseudonym) for entry in entries}
        readable = {entry: secret for entry, secret in sealed.items() if secret}
        values = await self.vault.unseal_many(tenant_id, [(entry.owner, secret) for entry, secret in readable.items()])
        return {  # as sealed: the charger compares with this spelling
            entry: Identifier(entry.ref.kind, value)
            for entry, value in zip(readable, values, strict=True)
            if value is not None
        }


def digest_of(form: str, entries: Sequence[Entry]) -> str:
    """Return the digest of a list's entries, computed from pseudonyms, which reveal no identifier."""
    listed = [form, *map(_encoded, entries)]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _encoded(entry: Entry) -> list[str]:
    """Encode an entry. One without an end is encoded as in earlier releases, so that an unchanged list is not sent
    again after an upgrade."""
    encoded = [entry.owner, entry.ref.kind, entry.ref.pseudonym]
    return encoded if entry.until is None else [*encoded, entry.until.isoformat()]
