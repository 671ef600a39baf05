"""OCPI partners, found by their id or by the hash of a token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from access_policy.adapters.records.ocpi_tables import (
    BOOKINGS,
    DRIVER_TOKENS,
    METADATA,
    PARTNER_TOKENS,
    PARTNERS,
    PENDING,
    Sealing,
)
from access_policy.adapters.records.pending_events import SqlPendingEvents, add_pending
from access_policy.adapters.records.tables import RecordTables, only_one
from access_policy.application.ports.ocpi import PartnerKey
from access_policy.application.ports.pending_events import PendingEvent
from access_policy.domain.ids import TenantId
from access_policy.domain.ocpi_partners.partner import OcpiPartner


class SqlOcpiPartners:
    """Implements `OcpiPartners`. `pending` are the events of its changes."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        self._tables = RecordTables(where, METADATA)
        self._sealing = Sealing(master_key, OcpiPartner)
        self.pending = SqlPendingEvents(self._tables, PENDING)

    async def all(self) -> list[OcpiPartner]:
        return await self._read(select(PARTNERS))

    async def of_tenant(self, tenant_id: TenantId) -> list[OcpiPartner]:
        return await self._read(select(PARTNERS).where(PARTNERS.c.tenant_id == tenant_id))

    async def find(self, key: PartnerKey) -> OcpiPartner | None:
        found = await self._read(select(PARTNERS).where(*_of(PARTNERS, key)))
        return found[0] if found else None

    async def with_token(self, digests: Sequence[str]) -> OcpiPartner | None:
        tokens = PARTNER_TOKENS.c
        its = (PARTNERS.c.tenant_id == tokens.tenant_id) & (PARTNERS.c.partner_id == tokens.partner_id)
        asked = select(PARTNERS).join(PARTNER_TOKENS, its).where(tokens.digest.in_(list(digests)))
        found = await self._read(asked)
        return found[0] if found else None

    async def put(self, partner: OcpiPartner, *, expected: int, event: PendingEvent | None) -> bool:
        key = partner.key
        row = {"version": partner.version, "sealed": self._sealing.seal(partner, *key)}

        def write(connection: Connection) -> bool:
            only_one(connection, "ocpi partner", *key)
            current = connection.execute(select(PARTNERS.c.version).where(*_of(PARTNERS, key))).scalar() or 0
            if current != expected:
                return False
            if current == 0:
                connection.execute(insert(PARTNERS).values(tenant_id=key[0], partner_id=key[1], **row))
            else:
                connection.execute(update(PARTNERS).where(*_of(PARTNERS, key)).values(**row))
            connection.execute(delete(PARTNER_TOKENS).where(*_of(PARTNER_TOKENS, key)))
            for digest in partner.digests:
                connection.execute(insert(PARTNER_TOKENS).values(digest=digest, tenant_id=key[0], partner_id=key[1]))
            add_pending(connection, PENDING, event)
            return True

        return await self._tables.write(write)

    async def remove(self, key: PartnerKey, *, event: PendingEvent) -> None:
        def write(connection: Connection) -> None:
            removed = [
                connection.execute(delete(table).where(*_of(table, key))).rowcount
                for table in (PARTNERS, PARTNER_TOKENS, BOOKINGS, DRIVER_TOKENS)
            ]
            if removed[0]:
                add_pending(connection, PENDING, event)

        await self._tables.write(write)
        for table in (PARTNERS, BOOKINGS, DRIVER_TOKENS):
            await self._tables.wipe(table)

    async def close(self) -> None:
        await self._tables.close()

    async def _read(self, asked: Select[Any]) -> list[OcpiPartner]:
        ordered = asked.order_by(PARTNERS.c.tenant_id, PARTNERS.c.partner_id)
        rows = await self._tables.read(lambda connection: connection.execute(ordered).all())
        return [self._sealing.open(row.sealed, row.tenant_id, row.partner_id) for row in rows]


def _of(table: Any, key: PartnerKey) -> tuple[Any, Any]:
    return table.c.tenant_id == key[0], table.c.partner_id == key[1]
