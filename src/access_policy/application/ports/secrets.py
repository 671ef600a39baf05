"""Keys and what is made with them. Identifier values leave the edge as pseudonyms; values are sealed per vehicle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from access_policy.domain.identifiers import Identifier, IdentifierRef
from access_policy.domain.ids import ChargePointId, ChargerId, TenantId, VehicleId


class Pseudonyms(Protocol):
    def ref(self, tenant_id: TenantId, identifier: Identifier) -> IdentifierRef:
        """The identifier as events carry it: HMAC-SHA-256 over kind and normal form under a key that lies outside the
        database, 128 bits in hex. Equal identifiers of a tenant have equal pseudonyms; of two tenants, different ones.
        For PINs this is the keyed hash that stands for the PIN: its value is never kept."""
        ...


def refs_of(pseudonyms: Pseudonyms, tenant_id: TenantId, identifier: Identifier) -> tuple[IdentifierRef, ...]:
    """The ref of each of the identifier's readings, its own first: under one of these a vehicle may hold it."""
    return tuple(pseudonyms.ref(tenant_id, reading) for reading in identifier.readings)


class VehicleVault(Protocol):
    """Identifier values encrypted with one key per vehicle, so that forgetting the key forgets the values."""

    async def seal(self, tenant_id: TenantId, vehicle_id: VehicleId, value: str) -> str: ...

    async def unseal(self, tenant_id: TenantId, vehicle_id: VehicleId, sealed: str) -> str | None:
        """The value; None once the vehicle was forgotten."""
        ...

    async def forget(self, tenant_id: TenantId, vehicle_id: VehicleId) -> None:
        """Destroy the vehicle's key. Forgetting twice is fine."""
        ...

    async def seal_many(self, tenant_id: TenantId, values: Sequence[tuple[VehicleId, str]]) -> list[str]:
        """As `seal` for each, at the cost of few; hand over some thousands at most."""
        ...

    async def unseal_many(self, tenant_id: TenantId, sealed: Sequence[tuple[VehicleId, str]]) -> list[str | None]:
        """As `unseal` for each, at the cost of few."""
        ...

    async def forget_many(self, tenant_id: TenantId, vehicle_ids: Sequence[VehicleId]) -> None: ...


Holder = tuple[TenantId, ChargerId]
"""The charger, of a tenant, that holds a charge point id on record."""


class ChargerCredentials(Protocol):
    """Passwords of chargers, as keyed hashes. A password belongs to one holder of a charge point id, and is worth nothing
    for another: the event log and this store are written one after the other, and either write may fail. Whoever calls
    takes the holder from the log. All methods raise `StoreUnavailable`.
    """

    async def set_password(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None: ...

    async def propose(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        """A second password that holds beside the one there is, and alone once it was used. Another proposal replaces it."""
        ...

    async def withdraw(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        """Forget a proposed password that was not used."""
        ...

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        """Forget the holder's passwords, and those stored before passwords had holders. Other holders keep theirs."""
        ...

    async def verify(self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None) -> bool | None:
        """True or False by comparison in constant time; None when the holder has no password."""
        ...

    async def close(self) -> None: ...
