"""One-time links of the console, stored by the SHA-256 of their codes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, Table, delete, insert

from access_policy.adapters.records.identities import identity_columns, identity_of, identity_row
from access_policy.adapters.records.tables import RecordTables, as_text
from access_policy.adapters.sql.databases import TEXT
from access_policy.application.ports.login_links import LoginLink

METADATA = MetaData()
_LINKS = Table(
    "login_link",
    METADATA,
    Column("digest", TEXT, primary_key=True),
    *identity_columns(),
    Column("expires_at", TEXT, nullable=False),
)


class SqlLoginLinks:
    """Implements `LoginLinks`."""

    def __init__(self, where: Path | str) -> None:
        self._tables = RecordTables(where, METADATA)

    async def put(self, digest: str, link: LoginLink, *, now: datetime) -> None:
        row = {"digest": digest, **identity_row(link.identity), "expires_at": as_text(link.expires_at)}

        def write(connection: Connection) -> None:
            connection.execute(delete(_LINKS).where(_LINKS.c.expires_at <= as_text(now)))
            connection.execute(insert(_LINKS).values(row))

        await self._tables.write(write)

    async def take(self, digest: str) -> LoginLink | None:
        taken = delete(_LINKS).where(_LINKS.c.digest == digest).returning(*_LINKS.c)
        row = await self._tables.write(lambda connection: connection.execute(taken).one_or_none())
        if row is None:
            return None
        return LoginLink(identity=identity_of(row), expires_at=datetime.fromisoformat(row.expires_at))

    async def close(self) -> None:
        await self._tables.close()
