"""The lists that chargers should have now, with their values and digests: worked out once for chargers with equal
inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.local_lists.desired import Entries, Entry, agreements_here, desired_entries
from access_policy.application.local_lists.shared import Shared
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.secrets import VehicleVault
from access_policy.application.ports.views import Views
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey, TenantId


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
        """At most `capacity` entries. Raises `ChargerUnknown`."""
        alike = self._alike(key, capacity)
        return WantedList(key[0], await self._shared.of(alike, lambda: self._entries(key, capacity)), alike)

    async def values(self, wanted: WantedList) -> dict[Entry, Identifier]:
        """The values of those entries whose values can be read, in the order of the list. Raises `StoreUnavailable`."""
        return await self._shared.of((wanted.alike, "values"), lambda: self._read(wanted.tenant_id, wanted.entries))

    async def values_of(self, tenant_id: TenantId, entries: Entries) -> dict[Entry, Identifier]:
        """Like `values`, for entries that leave the lists of several chargers at once."""
        return await self._shared.of((tenant_id, entries), lambda: self._read(tenant_id, entries))

    async def digest(self, wanted: WantedList, form: str, entries: Entries) -> str:
        """The digest of `entries`, a prefix of the wanted list, so that their number identifies them."""

        async def work_out() -> str:
            return digest_of(form, entries)

        return await self._shared.of((wanted.alike, "digest", form, len(entries)), work_out)

    def forget(self) -> None:
        """Work everything out again for later callers."""
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
            agreements_here(registry, charger_id, settings.depot_id),
            capacity,
        )

    async def _entries(self, key: ChargerKey, capacity: int) -> Entries:
        charger = self.view.charger(*key)
        if charger.policy.settings.offline_starts is OfflineStarts.CLOSED:
            return ()
        registry = self.view.registry(key[0])
        depot = self.view.depot(key[0], charger.policy.settings.depot_id)
        return tuple(await desired_entries(charger, depot, registry, capacity=capacity, now=self.clock.now()))

    async def _read(self, tenant_id: TenantId, entries: Entries) -> dict[Entry, Identifier]:
        rows = await self.views.sealed_identifiers(tenant_id, [ref.pseudonym for _, ref in entries])
        sealed = {row["pseudonym"]: row["sealed"] for row in rows}
        readable = [entry for entry in entries if sealed.get(entry[1].pseudonym)]
        of = [(vehicle_id, sealed[ref.pseudonym]) for vehicle_id, ref in readable]
        values = await self.vault.unseal_many(tenant_id, of)
        return {  # as it was sealed: the spelling that the charger is to compare with
            entry: Identifier(entry[1].kind, value)
            for entry, value in zip(readable, values, strict=True)
            if value is not None
        }


def digest_of(form: str, entries: Sequence[Entry]) -> str:
    """The digest of a list's entries, made of pseudonyms, which reveal no identifier."""
    listed = [form, *((vehicle_id, ref.kind, ref.pseudonym) for vehicle_id, ref in entries)]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
