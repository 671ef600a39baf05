"""Console sessions by the SHA-256 of their ids, and sign-ins in progress by the SHA-256 of their states.

The issuer's ID tokens, which identify people, are encrypted with a key of the installation.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Row, Table, delete, func, insert, or_, select, update

from access_policy.adapters.records.identities import identity_columns, identity_of, identity_row
from access_policy.adapters.records.tables import RecordTables, as_text
from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.sql.databases import TEXT
from access_policy.application.errors import TooBusy
from access_policy.application.ports.console_sessions import ConsoleSession, SignIn

SIGN_INS_MAX: Final = 10_000
NONCE_BYTES: Final = 12

METADATA = MetaData()
_SESSIONS = Table(
    "console_session",
    METADATA,
    Column("digest", TEXT, primary_key=True),
    *identity_columns(),
    Column("created_at", TEXT, nullable=False),
    Column("used_at", TEXT, nullable=False),
    Column("expires_at", TEXT, nullable=False),
    Column("id_token", LargeBinary, nullable=False),  # encrypted
)
_SIGN_INS = Table(
    "console_sign_in",
    METADATA,
    Column("digest", TEXT, primary_key=True),
    Column("browser", TEXT, nullable=False),
    Column("nonce", TEXT, nullable=False),
    Column("verifier", TEXT, nullable=False),
    Column("expires_at", TEXT, nullable=False),
)


class SqlConsoleSessions:
    """Implements `ConsoleSessions`; `sign_ins` implements `SignIns`."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        self._cipher = AESGCM(derived_key(master_key, "console sessions"))
        self._tables = RecordTables(where, METADATA)
        self.sign_ins = SqlSignIns(self._tables)

    async def put(self, digest: str, session: ConsoleSession) -> None:
        row = {
            "digest": digest,
            **identity_row(session.identity),
            "created_at": as_text(session.created_at),
            "used_at": as_text(session.used_at),
            "expires_at": as_text(session.expires_at),
            "id_token": self._sealed(session.id_token, digest),
        }
        await self._tables.write(lambda connection: connection.execute(insert(_SESSIONS).values(row)))

    async def find(self, digest: str) -> ConsoleSession | None:
        asked = select(_SESSIONS).where(_SESSIONS.c.digest == digest)
        return self._session(await self._tables.read(lambda connection: connection.execute(asked).one_or_none()))

    async def used(self, digest: str, at: datetime) -> None:
        this = (_SESSIONS.c.digest == digest) & (_SESSIONS.c.used_at < as_text(at))
        await self._tables.write(lambda c: c.execute(update(_SESSIONS).where(this).values(used_at=as_text(at))))

    async def end(self, digest: str) -> ConsoleSession | None:
        ended = delete(_SESSIONS).where(_SESSIONS.c.digest == digest).returning(*_SESSIONS.c)
        return self._session(await self._tables.write(lambda connection: connection.execute(ended).one_or_none()))

    async def forget_old(self, *, used_before: datetime, now: datetime) -> None:
        at = as_text(now)
        old = or_(_SESSIONS.c.used_at <= as_text(used_before), _SESSIONS.c.expires_at <= at)

        def write(connection: Connection) -> None:
            connection.execute(delete(_SESSIONS).where(old))
            connection.execute(delete(_SIGN_INS).where(_SIGN_INS.c.expires_at <= at))

        await self._tables.write(write)

    async def close(self) -> None:
        await self._tables.close()

    def _session(self, row: Row[Any] | None) -> ConsoleSession | None:
        if row is None:
            return None
        return ConsoleSession(
            identity=identity_of(row),
            created_at=datetime.fromisoformat(row.created_at),
            used_at=datetime.fromisoformat(row.used_at),
            expires_at=datetime.fromisoformat(row.expires_at),
            id_token=self._opened(row.id_token, row.digest),
        )

    def _sealed(self, text: str, digest: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), digest.encode())

    def _opened(self, sealed: bytes, digest: str) -> str:
        return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], digest.encode()).decode()


class SqlSignIns:
    """Implements `SignIns`."""

    def __init__(self, tables: RecordTables) -> None:
        self._tables = tables

    async def put(self, digest: str, sign_in: SignIn, *, now: datetime) -> None:
        row = {
            "digest": digest,
            "browser": sign_in.browser,
            "nonce": sign_in.nonce,
            "verifier": sign_in.verifier,
            "expires_at": as_text(sign_in.expires_at),
        }

        def write(connection: Connection) -> None:
            connection.execute(delete(_SIGN_INS).where(_SIGN_INS.c.expires_at <= as_text(now)))
            if connection.execute(select(func.count()).select_from(_SIGN_INS)).scalar_one() >= SIGN_INS_MAX:
                raise TooBusy(f"{SIGN_INS_MAX} people are signing in")
            connection.execute(insert(_SIGN_INS).values(row))

        await self._tables.write(write)

    async def take(self, digest: str) -> SignIn | None:
        taken = delete(_SIGN_INS).where(_SIGN_INS.c.digest == digest).returning(*_SIGN_INS.c)
        row = await self._tables.write(lambda connection: connection.execute(taken).one_or_none())
        if row is None:
            return None
        return SignIn(
            browser=row.browser,
            nonce=row.nonce,
            verifier=row.verifier,
            expires_at=datetime.fromisoformat(row.expires_at),
        )
