"""API keys, each with the SHA-256 of its text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Index, MetaData, Row, Table, or_, select, update

from access_policy.adapters.records.pending_events import SqlPendingEvents, add_pending, pending_events_table
from access_policy.adapters.records.tables import RecordTables, as_text
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.api_keys import ApiKey
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Role
from access_policy.application.ports.pending_events import PendingEvent
from access_policy.domain.ids import ActorId, DepotId, TenantId

USED_EVERY: Final = timedelta(minutes=1)

METADATA = MetaData()
_KEYS = Table(
    "api_key",
    METADATA,
    Column("key_id", TEXT, primary_key=True),
    Column("tenant_id", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("depots", TEXT),  # JSON; null: all depots
    Column("created_at", TEXT, nullable=False),
    Column("created_by", TEXT, nullable=False),
    Column("expires_at", TEXT, nullable=False),
    Column("last_used_at", TEXT),
    Column("revoked_at", TEXT),
    Column("revoked_by", TEXT),
    Index("ix_api_key_tenant", "tenant_id", "created_at"),
)
_PENDING = pending_events_table(METADATA, "api_key")


class SqlApiKeys:
    """Implements `ApiKeys`. `pending` contains the events of its changes."""

    def __init__(self, where: Path | str, *, revoked: Callable[[Sequence[str]], None] = lambda key_ids: None) -> None:
        """`revoked` durably stores the ids of keys before the keys are revoked, and may raise `OSError`."""
        self._tables = RecordTables(where, METADATA)
        self._revoked = revoked
        self.pending = SqlPendingEvents(self._tables, _PENDING)

    async def put(self, key: ApiKey, digest: str, *, event: PendingEvent | None) -> None:
        row = {**_row(key), "digest": digest}

        def write(connection: Connection) -> None:
            put = upsert_into(_KEYS, connection.dialect).values(row)
            same = _KEYS.c.tenant_id == key.tenant_id
            put = put.on_conflict_do_update(index_elements=["key_id"], set_=row, where=same)
            if connection.execute(put.returning(_KEYS.c.key_id)).first() is not None:
                add_pending(connection, _PENDING, event)

        await self._tables.write(write)

    async def find(self, key_id: str) -> tuple[ApiKey, str] | None:
        asked = select(_KEYS).where(_KEYS.c.key_id == key_id)
        row = await self._tables.read(lambda connection: connection.execute(asked).one_or_none())
        return None if row is None else (_key(row), row.digest)

    async def of_tenant(self, tenant_id: TenantId) -> Sequence[ApiKey]:
        of_it = select(_KEYS).where(_KEYS.c.tenant_id == tenant_id)
        asked = of_it.order_by(_KEYS.c.created_at.desc(), _KEYS.c.key_id)
        return [_key(row) for row in await self._tables.read(lambda connection: connection.execute(asked).all())]

    async def revoke(self, key_id: str, *, by: ActorId, at: datetime, event: PendingEvent) -> None:
        first = (_KEYS.c.key_id == key_id) & _KEYS.c.revoked_at.is_(None)
        ended = update(_KEYS).where(first).values(revoked_at=as_text(at), revoked_by=by)

        def write(connection: Connection) -> None:
            if connection.execute(ended).rowcount:
                self._note_revoked(key_id)
                add_pending(connection, _PENDING, event)

        await self._tables.write(write)

    async def used(self, last_uses: Mapping[str, datetime]) -> None:
        def write(connection: Connection) -> None:
            for key_id, at in sorted(last_uses.items()):
                long_ago = _KEYS.c.last_used_at <= as_text(at - USED_EVERY)
                due = (_KEYS.c.key_id == key_id) & or_(_KEYS.c.last_used_at.is_(None), long_ago)
                connection.execute(update(_KEYS).where(due).values(last_used_at=as_text(at)))

        await self._tables.write(write)

    async def close(self) -> None:
        await self._tables.close()

    def _note_revoked(self, key_id: str) -> None:
        """Store the id in the list of erasures. Raises `StoreUnavailable`, so that a key is only revoked if a restore can
        repeat it.
        """
        try:
            self._revoked([key_id])
        except OSError as error:
            raise StoreUnavailable(f"the list of erasures cannot be written: {error}") from error


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "tenant_id": key.tenant_id,
        "name": key.name,
        "role": key.role.value,
        "depots": None if key.depots is None else json.dumps(sorted(key.depots)),
        "created_at": as_text(key.created_at),
        "created_by": key.created_by,
        "expires_at": as_text(key.expires_at),
        "last_used_at": _text_or_none(key.last_used_at),
        "revoked_at": _text_or_none(key.revoked_at),
        "revoked_by": key.revoked_by,
    }


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        tenant_id=TenantId(row.tenant_id),
        name=row.name,
        role=Role(row.role),
        depots=None if row.depots is None else frozenset(map(DepotId, json.loads(row.depots))),
        created_at=datetime.fromisoformat(row.created_at),
        created_by=ActorId(row.created_by),
        expires_at=datetime.fromisoformat(row.expires_at),
        last_used_at=_instant_or_none(row.last_used_at),
        revoked_at=_instant_or_none(row.revoked_at),
        revoked_by=None if row.revoked_by is None else ActorId(row.revoked_by),
    )


def _text_or_none(at: datetime | None) -> str | None:
    return None if at is None else as_text(at)


def _instant_or_none(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
