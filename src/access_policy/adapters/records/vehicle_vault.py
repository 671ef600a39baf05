"""The vault: one key per vehicle, wrapped by the master key. Forgetting a vehicle deletes its key, which erases its values in
every copy of the log (crypto-shredding, ADR 0007).
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, and_, bindparam, delete, or_, select

from access_policy.adapters.records.tables import TIMEOUT_S, RecordTables
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import TenantId, VehicleId

NONCE_BYTES: Final = 12
FORMAT: Final = "v1"
IDS_ASKED_MAX: Final = 500  # per statement

METADATA = MetaData()
_KEYS = Table(
    "vehicle_key",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("vehicle_id", TEXT, primary_key=True),
    Column("key_id", TEXT, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)
_DELETE: Final = delete(_KEYS).where(
    _KEYS.c.tenant_id == bindparam("tenant"), _KEYS.c.vehicle_id == bindparam("vehicle")
)


class SealBroken(Exception):
    """A sealed value or wrapped key was altered, or the master key is wrong."""


@dataclass(frozen=True, slots=True)
class _VehicleKey:
    key_id: str
    cipher: AESGCM


class SqlVehicleVault:
    """Implements `VehicleVault`. A sealed value has the form `v1.<key id>.<base64url of nonce and AES-256-GCM ciphertext>` and
    can be opened only for its tenant and vehicle.

    A server's write-ahead log and backups contain a forgotten vehicle's wrapped key until they are rotated. The
    master key, which is never stored in the database, protects it.
    """

    def __init__(
        self,
        where: Path | str,
        master_key: bytes,
        *,
        timeout_s: float = TIMEOUT_S,
        forgotten: Callable[[Sequence[str]], None] = lambda key_ids: None,
    ) -> None:
        """`forgotten` durably stores the ids of keys before the keys are deleted, and may raise `OSError`."""
        self._master = AESGCM(master_key)
        self._forgotten = forgotten
        self._tables = RecordTables(where, METADATA, timeout_s=timeout_s)

    async def seal(self, tenant_id: TenantId, vehicle_id: VehicleId, value: str) -> str:
        """Seal one value. Raises `StoreUnavailable`."""
        (sealed,) = await self.seal_many(tenant_id, [(vehicle_id, value)])
        return sealed

    async def seal_many(self, tenant_id: TenantId, values: Sequence[tuple[VehicleId, str]]) -> list[str]:
        """Seal the values, with one transaction for all new keys. Raises `StoreUnavailable`."""
        vehicle_ids = {vehicle_id for vehicle_id, _ in values}

        def seal(connection: Connection) -> list[str]:
            keys = self._keys(connection, tenant_id, vehicle_ids)
            if missing := vehicle_ids - keys.keys():
                keys |= self._keys_made(connection, tenant_id, missing)
            return [_sealed(keys[each], value, _bound_to(tenant_id, each)) for each, value in values]

        return await self._tables.write(seal)

    async def unseal(self, tenant_id: TenantId, vehicle_id: VehicleId, sealed: str) -> str | None:
        """Open a value. Returns None for a value of an earlier, forgotten vehicle, even if it had the same id. Raises
        `SealBroken` or `StoreUnavailable`.
        """
        (value,) = await self.unseal_many(tenant_id, [(vehicle_id, sealed)])
        return value

    async def unseal_many(self, tenant_id: TenantId, sealed: Sequence[tuple[VehicleId, str]]) -> list[str | None]:
        """Open the values, like `unseal`. Raises `SealBroken` or `StoreUnavailable`."""
        vehicle_ids = {vehicle_id for vehicle_id, _ in sealed}

        def unseal(connection: Connection) -> list[str | None]:
            keys = self._keys(connection, tenant_id, vehicle_ids)
            return [_opened(keys.get(each), text, _bound_to(tenant_id, each)) for each, text in sealed]

        return await self._tables.read(unseal)

    async def forget(self, tenant_id: TenantId, vehicle_id: VehicleId) -> None:
        """Delete the vehicle's key. Raises `StoreUnavailable`; then call this again."""
        await self.forget_many(tenant_id, [vehicle_id])

    async def forget_many(self, tenant_id: TenantId, vehicle_ids: Sequence[VehicleId]) -> None:
        """Delete the vehicles' keys atomically. Raises `StoreUnavailable`; then call this again."""
        if not vehicle_ids:
            return
        rows = [{"tenant": tenant_id, "vehicle": vehicle_id} for vehicle_id in sorted(vehicle_ids)]

        def forget(connection: Connection) -> None:
            self._note_forgotten(connection, tenant_id, [VehicleId(each["vehicle"]) for each in rows])
            connection.execute(_DELETE, rows)

        await self._tables.write(forget)
        await self._tables.wipe(_KEYS)

    async def vehicles_of(self, key_ids: Sequence[str]) -> list[tuple[TenantId, VehicleId]]:
        """Return the vehicles that have one of these keys. Raises `StoreUnavailable`."""

        def read(connection: Connection) -> list[tuple[TenantId, VehicleId]]:
            found = []
            for begin in range(0, len(key_ids), IDS_ASKED_MAX):
                some = _KEYS.c.key_id.in_(key_ids[begin : begin + IDS_ASKED_MAX])
                rows = connection.execute(select(_KEYS.c.tenant_id, _KEYS.c.vehicle_id).where(some))
                found += [(TenantId(row.tenant_id), VehicleId(row.vehicle_id)) for row in rows]
            return found

        return await self._tables.read(read)

    async def owners(
        self, beginning: str, *, after: tuple[TenantId, VehicleId] | None, limit: int
    ) -> list[tuple[TenantId, VehicleId]]:
        """Return owners of keys whose vehicle ids start with `beginning`, in order, after `after`. Raises
        `StoreUnavailable`.
        """
        tenant, vehicle = _KEYS.c.tenant_id, _KEYS.c.vehicle_id
        asked = select(tenant, vehicle).where(vehicle.startswith(beginning, autoescape=True))
        if after is not None:
            asked = asked.where(or_(tenant > after[0], and_(tenant == after[0], vehicle > after[1])))
        asked = asked.order_by(tenant, vehicle).limit(limit)
        rows = await self._tables.read(lambda connection: connection.execute(asked).all())
        return [(TenantId(row.tenant_id), VehicleId(row.vehicle_id)) for row in rows]

    async def close(self) -> None:
        await self._tables.close()

    # --- on the tables' thread ------------------------------------------------------------------------------------

    def _note_forgotten(self, connection: Connection, tenant_id: TenantId, vehicle_ids: Sequence[VehicleId]) -> None:
        """Store the key ids in the list of erasures. Raises `StoreUnavailable`, so that a key is only deleted if a restore can
        repeat it.
        """
        key_ids: list[str] = []
        for begin in range(0, len(vehicle_ids), IDS_ASKED_MAX):
            some = _KEYS.c.vehicle_id.in_(vehicle_ids[begin : begin + IDS_ASKED_MAX])
            key_ids += connection.execute(select(_KEYS.c.key_id).where(_KEYS.c.tenant_id == tenant_id, some)).scalars()
        if not key_ids:
            return
        try:
            self._forgotten(key_ids)
        except OSError as error:
            raise StoreUnavailable(f"the list of erasures cannot be written: {error}") from error

    def _keys_made(
        self, connection: Connection, tenant_id: TenantId, vehicle_ids: Iterable[VehicleId]
    ) -> dict[VehicleId, _VehicleKey]:
        """Create the missing keys. Raises `StoreUnavailable` if a vehicle is forgotten concurrently."""
        ids = sorted(vehicle_ids)  # all writers lock rows in this order, to avoid deadlocks
        rows = [self._new_row(tenant_id, vehicle_id) for vehicle_id in ids]
        connection.execute(upsert_into(_KEYS, connection.dialect).on_conflict_do_nothing(), rows)
        made = self._keys(connection, tenant_id, ids)  # another process may have created some of them first
        if len(made) < len(ids):
            raise StoreUnavailable("a vehicle was forgotten concurrently; try again")
        return made

    def _new_row(self, tenant_id: TenantId, vehicle_id: VehicleId) -> dict[str, str | bytes]:
        key_id, key = secrets.token_hex(8), AESGCM.generate_key(bit_length=256)
        wrapped = _encrypt(self._master, key, _bound_to(tenant_id, vehicle_id, key_id))
        return {"tenant_id": tenant_id, "vehicle_id": vehicle_id, "key_id": key_id, "wrapped": wrapped}

    def _keys(
        self, connection: Connection, tenant_id: TenantId, vehicle_ids: Iterable[VehicleId]
    ) -> dict[VehicleId, _VehicleKey]:
        """Return the keys of the vehicles that have one. Raises `SealBroken`."""
        keys: dict[VehicleId, _VehicleKey] = {}
        ids = list(vehicle_ids)
        for begin in range(0, len(ids), IDS_ASKED_MAX):
            some = _KEYS.c.vehicle_id.in_(ids[begin : begin + IDS_ASKED_MAX])
            for row in connection.execute(select(_KEYS).where(_KEYS.c.tenant_id == tenant_id, some)):
                bound_to = _bound_to(tenant_id, row.vehicle_id, row.key_id)
                keys[row.vehicle_id] = _VehicleKey(row.key_id, AESGCM(_decrypt(self._master, row.wrapped, bound_to)))
        return keys


def _sealed(key: _VehicleKey, value: str, bound_to: bytes) -> str:
    ciphertext = _encrypt(key.cipher, value.encode(), bound_to)
    return f"{FORMAT}.{key.key_id}.{base64.urlsafe_b64encode(ciphertext).decode()}"


def _opened(key: _VehicleKey | None, sealed: str, bound_to: bytes) -> str | None:
    """Open a value; None if its key is gone. Raises `SealBroken`."""
    key_id, ciphertext = _parsed(sealed)
    if key is None or key.key_id != key_id:
        return None
    return _decrypt(key.cipher, ciphertext, bound_to).decode()


def _bound_to(*parts: str) -> bytes:
    """Return the associated data of a ciphertext; ids contain no NUL."""
    return "\0".join(parts).encode()


def _encrypt(cipher: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to)


def _decrypt(cipher: AESGCM, ciphertext: bytes, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a sealed value cannot be decrypted; check that the vault key is the right one") from error


def _parsed(sealed: str) -> tuple[str, bytes]:
    try:
        version, key_id, text = sealed.split(".")
        ciphertext = base64.b64decode(text, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise SealBroken("this is not a sealed value") from error
    if version != FORMAT:
        raise SealBroken(f"a sealed value of format {version!r} is unknown")
    return key_id, ciphertext
