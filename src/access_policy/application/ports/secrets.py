"""Pseudonyms, sealed values and passwords. Beyond the edge, identifiers exist only as pseudonyms; values are sealed per
vehicle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from access_policy.domain.identifiers import Identifier, IdentifierRef
from access_policy.domain.ids import ChargePointId, ChargerId, ReservationId, TenantId, VehicleId


class Pseudonyms(Protocol):
    def ref(self, tenant_id: TenantId, identifier: Identifier) -> IdentifierRef:
        """Return the form in which events contain the identifier: HMAC-SHA-256 over kind and normal form, 128 bits in
        hex, with a key that is stored outside the database. Equal identifiers have equal pseudonyms within a tenant and
        different ones across tenants. A PIN exists only as this keyed hash: its value is never stored."""
        ...


def refs_of(pseudonyms: Pseudonyms, tenant_id: TenantId, identifier: Identifier) -> tuple[IdentifierRef, ...]:
    """Return the refs of all readings of the identifier, its own first. A vehicle may hold the identifier under any of
    them."""
    return tuple([pseudonyms.ref(tenant_id, reading) for reading in identifier.readings])


class VehicleVault(Protocol):
    """Identifier values encrypted with one key per vehicle; deleting the key erases the values."""

    async def seal(self, tenant_id: TenantId, vehicle_id: VehicleId, value: str) -> str: ...

    async def unseal(self, tenant_id: TenantId, vehicle_id: VehicleId, sealed: str) -> str | None:
        """Return the value; None after `forget`."""
        ...

    async def forget(self, tenant_id: TenantId, vehicle_id: VehicleId) -> None:
        """Delete the vehicle's key. A repeated call has no effect."""
        ...

    async def seal_many(self, tenant_id: TenantId, values: Sequence[tuple[VehicleId, str]]) -> list[str]:
        """Like `seal`, for many values in few transactions; pass a few thousand at most."""
        ...

    async def unseal_many(self, tenant_id: TenantId, sealed: Sequence[tuple[VehicleId, str]]) -> list[str | None]:
        """Like `unseal`, for many values in few transactions."""
        ...

    async def forget_many(self, tenant_id: TenantId, vehicle_ids: Sequence[VehicleId]) -> None: ...


class VaultKeys(Protocol):
    """The keys of a vault, without the values that they seal."""

    async def owners(
        self, beginning: str, *, after: tuple[TenantId, VehicleId] | None, limit: int
    ) -> list[tuple[TenantId, VehicleId]]:
        """Return the owners whose id starts with `beginning`, ordered by tenant and id, from after `after` on."""
        ...

    async def forget_many(self, tenant_id: TenantId, vehicle_ids: Sequence[VehicleId]) -> None: ...


RESERVATION_KEYS: Final = "reservation/"


def vault_key(reservation_id: ReservationId) -> VehicleId:
    """Return the key in the vault under which the reservation's identifiers are sealed. No vehicle id contains a slash."""
    return VehicleId(f"{RESERVATION_KEYS}{reservation_id}")


def reservation_of_key(key: VehicleId) -> ReservationId:
    return ReservationId(key.removeprefix(RESERVATION_KEYS))


Holder = tuple[TenantId, ChargerId]
"""The tenant and charger that hold a charge point id on record."""


class ChargerCredentials(Protocol):
    """Passwords of chargers, as keyed hashes. A password is valid for only one holder of a charge point id, because the
    event log and these records are written one after the other, and either write may fail. The caller reads the holder
    from the log. All methods raise `StoreUnavailable`."""

    async def set_password(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None: ...

    async def propose(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        """Store a second password beside the current one, which it replaces when it is first used. A later proposal
        replaces it."""
        ...

    async def withdraw(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        """Delete a proposed password that was not used."""
        ...

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        """Delete the holder's passwords, and passwords stored before passwords had holders. Other holders keep theirs."""
        ...

    async def verify(self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None) -> bool | None:
        """Return True or False, compared in constant time; None if the holder has no password."""
        ...

    async def close(self) -> None: ...
