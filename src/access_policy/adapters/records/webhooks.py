"""Webhooks, encrypted with a key of the installation, so that a copy of the database does not reveal their URLs and secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    delete,
    insert,
    select,
    update,
)

from access_policy.adapters.records.pending_events import SqlPendingEvents, add_pending, pending_events_table
from access_policy.adapters.records.tables import RecordTables, only_one
from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.sql.databases import TEXT
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.pending_events import PendingEvent
from access_policy.application.ports.webhooks import WebhookKey
from access_policy.domain.ids import TenantId
from access_policy.domain.webhooks.webhook import Webhook

NONCE_BYTES: Final = 12

METADATA = MetaData()
WEBHOOKS = Table(
    "webhook",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("webhook_id", TEXT, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
DELIVERIES = Table(
    "webhook_delivery",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant_id", TEXT, nullable=False),
    Column("webhook_id", TEXT, nullable=False),
    Column("event_id", TEXT, nullable=False),
    Column("event_type", TEXT, nullable=False),
    Column("aggregate", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("queued_at", TEXT, nullable=False),
    Column("try_at", TEXT, nullable=False),
    Column("finished_at", TEXT),
    Column("attempts", LargeBinary, nullable=False),
    Index("webhook_delivery_once", "tenant_id", "webhook_id", "event_id", unique=True),
    Index("webhook_delivery_due", "tenant_id", "webhook_id", "state", "try_at"),
    Index("webhook_delivery_of_aggregate", "tenant_id", "webhook_id", "aggregate", "state", "number"),
    sqlite_autoincrement=True,  # a number is never used again
)
_PENDING = pending_events_table(METADATA, "webhook")


class SqlWebhooks:
    """Implements `Webhooks`. `pending` contains the events of its changes."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        self._cipher = AESGCM(derived_key(master_key, "webhooks"))
        self._tables = RecordTables(where, METADATA)
        self._webhooks = msgspec.json.Decoder(Webhook)
        self.pending = SqlPendingEvents(self._tables, _PENDING)

    async def all(self) -> list[Webhook]:
        asked = select(WEBHOOKS).order_by(WEBHOOKS.c.tenant_id, WEBHOOKS.c.webhook_id)
        found = await self._tables.read(lambda connection: connection.execute(asked).all())
        return [self._opened(row) for row in found]

    async def of_tenant(self, tenant_id: TenantId) -> list[Webhook]:
        asked = select(WEBHOOKS).where(WEBHOOKS.c.tenant_id == tenant_id).order_by(WEBHOOKS.c.webhook_id)
        found = await self._tables.read(lambda connection: connection.execute(asked).all())
        return [self._opened(row) for row in found]

    async def find(self, tenant_id: TenantId, webhook_id: str) -> Webhook | None:
        asked = select(WEBHOOKS).where(WEBHOOKS.c.tenant_id == tenant_id, WEBHOOKS.c.webhook_id == webhook_id)
        row = await self._tables.read(lambda connection: connection.execute(asked).first())
        return None if row is None else self._opened(row)

    async def put(self, webhook: Webhook, *, expected: int, event: PendingEvent) -> bool:
        row = {"version": webhook.version, "sealed": self._sealed(webhook)}
        tenant_id, webhook_id = webhook.key
        this = (WEBHOOKS.c.tenant_id == tenant_id, WEBHOOKS.c.webhook_id == webhook_id)

        def write(connection: Connection) -> bool:
            only_one(connection, "webhook", tenant_id, webhook_id)
            current = connection.execute(select(WEBHOOKS.c.version).where(*this)).scalar() or 0
            if current != expected:
                return False
            if current == 0:
                connection.execute(insert(WEBHOOKS).values(tenant_id=tenant_id, webhook_id=webhook_id, **row))
            else:
                connection.execute(update(WEBHOOKS).where(*this).values(**row))
            add_pending(connection, _PENDING, event)
            return True

        return await self._tables.write(write)

    async def remove(self, key: WebhookKey, *, event: PendingEvent) -> None:
        def write(connection: Connection) -> None:
            removed = [
                connection.execute(delete(table).where(table.c.tenant_id == key[0], table.c.webhook_id == key[1]))
                for table in (WEBHOOKS, DELIVERIES)
            ]
            if removed[0].rowcount:
                add_pending(connection, _PENDING, event)

        await self._tables.write(write)
        await self._tables.wipe(WEBHOOKS)

    async def close(self) -> None:
        await self._tables.close()

    def _sealed(self, webhook: Webhook) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, msgspec.json.encode(webhook), _bound_to(*webhook.key))

    def _opened(self, row: Row[tuple[str, str, int, bytes]]) -> Webhook:
        nonce, sealed = row.sealed[:NONCE_BYTES], row.sealed[NONCE_BYTES:]
        try:
            plain = self._cipher.decrypt(nonce, sealed, _bound_to(row.tenant_id, row.webhook_id))
            return self._webhooks.decode(plain)
        except (InvalidTag, msgspec.DecodeError) as error:
            raise StoreUnavailable(
                f"webhook {row.webhook_id} cannot be read with this installation's keys; restore them from your backup"
            ) from error


def _bound_to(tenant_id: str, webhook_id: str) -> bytes:
    return f"{tenant_id}\0{webhook_id}".encode()
