"""The vault: a key of its own for each vehicle, wrapped by the master key. Forgetting a vehicle deletes its key, and
with it the values in every copy of the log (crypto-shredding, ADR 0007)."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access_policy.adapters.secrets.sqlite_file import TIMEOUT_S, SecretsFile, wipe_deleted
from access_policy.domain.ids import TenantId, VehicleId

NONCE_BYTES: Final = 12
FORMAT: Final = "v1"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS vehicle_key (
    tenant_id TEXT NOT NULL, vehicle_id TEXT NOT NULL, key_id TEXT NOT NULL, wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant_id, vehicle_id))
"""


class SealBroken(Exception):
    """A sealed value or a wrapped key was altered, or the master key is not the one it was made with."""


@dataclass(frozen=True, slots=True)
class _VehicleKey:
    key_id: str
    cipher: AESGCM


class SqliteVehicleVault:
    """Implements `VehicleVault`. A sealed value reads `v1.<key id>.<base64url of nonce and AES-256-GCM ciphertext>` and
    opens only for its own tenant and vehicle."""

    def __init__(self, path: Path, master_key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        self._master = AESGCM(master_key)
        self._file = SecretsFile(path, _SCHEMA, timeout_s=timeout_s)

    async def seal(self, tenant_id: TenantId, vehicle_id: VehicleId, value: str) -> str:
        """Raises `StoreUnavailable`."""
        key = await self._file.run(lambda connection: self._key_made(connection, tenant_id, vehicle_id))
        return _sealed(key, value, _bound_to(tenant_id, vehicle_id))

    async def seal_many(self, tenant_id: TenantId, values: Sequence[tuple[VehicleId, str]]) -> list[str]:
        """One transaction for all keys that are new. Raises `StoreUnavailable`."""

        def seal(connection: sqlite3.Connection) -> list[str]:
            with _transaction(connection):
                keys = {each: self._key_made(connection, tenant_id, each) for each in dict.fromkeys(v for v, _ in values)}
            return [_sealed(keys[each], value, _bound_to(tenant_id, each)) for each, value in values]

        return await self._file.run(seal)

    async def unseal(self, tenant_id: TenantId, vehicle_id: VehicleId, sealed: str) -> str | None:
        """None also for a value of an earlier vehicle of the same id, which was forgotten. Raises `SealBroken`,
        `StoreUnavailable`."""
        key = await self._file.run(lambda connection: self._key(connection, tenant_id, vehicle_id))
        return _opened(key, sealed, _bound_to(tenant_id, vehicle_id))

    async def unseal_many(self, tenant_id: TenantId, sealed: Sequence[tuple[VehicleId, str]]) -> list[str | None]:
        """Raises `SealBroken`, `StoreUnavailable`."""

        def unseal(connection: sqlite3.Connection) -> list[str | None]:
            keys = {each: self._key(connection, tenant_id, each) for each in dict.fromkeys(v for v, _ in sealed)}
            return [_opened(keys[each], text, _bound_to(tenant_id, each)) for each, text in sealed]

        return await self._file.run(unseal)

    async def forget(self, tenant_id: TenantId, vehicle_id: VehicleId) -> None:
        """Raises `StoreUnavailable`: forget again."""
        await self.forget_many(tenant_id, [vehicle_id])

    async def forget_many(self, tenant_id: TenantId, vehicle_ids: Sequence[VehicleId]) -> None:
        """All or none. Raises `StoreUnavailable`: forget again."""

        def delete(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.executemany(
                    "DELETE FROM vehicle_key WHERE tenant_id = ? AND vehicle_id = ?",
                    [(tenant_id, vehicle_id) for vehicle_id in vehicle_ids],
                )
            wipe_deleted(connection)

        await self._file.run(delete)

    async def close(self) -> None:
        await self._file.close()

    # --- on the file's thread -------------------------------------------------------------------------------------

    def _key_made(self, connection: sqlite3.Connection, tenant_id: TenantId, vehicle_id: VehicleId) -> _VehicleKey:
        found = self._key(connection, tenant_id, vehicle_id)
        if found is not None:
            return found
        key_id = secrets.token_hex(8)
        wrapped = _encrypt(self._master, AESGCM.generate_key(bit_length=256), _bound_to(tenant_id, vehicle_id, key_id))
        connection.execute(
            "INSERT INTO vehicle_key VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (tenant_id, vehicle_id, key_id, wrapped),
        )
        made = self._key(connection, tenant_id, vehicle_id)  # another process may have been first
        if made is None:
            raise sqlite3.OperationalError("the vehicle was forgotten just now")
        return made

    def _key(self, connection: sqlite3.Connection, tenant_id: TenantId, vehicle_id: VehicleId) -> _VehicleKey | None:
        row = connection.execute(
            "SELECT key_id, wrapped FROM vehicle_key WHERE tenant_id = ? AND vehicle_id = ?", (tenant_id, vehicle_id)
        ).fetchone()
        if row is None:
            return None
        key_id, wrapped = row
        return _VehicleKey(key_id, AESGCM(_decrypt(self._master, wrapped, _bound_to(tenant_id, vehicle_id, key_id))))


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _sealed(key: _VehicleKey, value: str, bound_to: bytes) -> str:
    ciphertext = _encrypt(key.cipher, value.encode(), bound_to)
    return f"{FORMAT}.{key.key_id}.{base64.urlsafe_b64encode(ciphertext).decode()}"


def _opened(key: _VehicleKey | None, sealed: str, bound_to: bytes) -> str | None:
    """Raises `SealBroken`."""
    key_id, ciphertext = _parsed(sealed)
    if key is None or key.key_id != key_id:
        return None
    return _decrypt(key.cipher, ciphertext, bound_to).decode()


def _bound_to(*parts: str) -> bytes:
    """What a ciphertext belongs to; no id holds a NUL."""
    return "\0".join(parts).encode()


def _encrypt(cipher: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to)


def _decrypt(cipher: AESGCM, ciphertext: bytes, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a sealed value does not open with its key; is the vault's key the right one?") from error


def _parsed(sealed: str) -> tuple[str, bytes]:
    try:
        version, key_id, text = sealed.split(".")
        ciphertext = base64.b64decode(text, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise SealBroken("this is no sealed value") from error
    if version != FORMAT:
        raise SealBroken(f"a sealed value of format {version!r} is unknown")
    return key_id, ciphertext
