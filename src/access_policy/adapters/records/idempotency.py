"""Keys and answers of commands, kept for a day (port `IdempotencyRecords`), so that a repeated command gets the first
answer.
"""

from __future__ import annotations

import hmac
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    delete,
    insert,
    select,
    update,
)

from access_policy.adapters.records.tables import RecordTables, only_one
from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.idempotency import Begun, StoredAnswer, UnderWay, UsedOtherwise

KEPT_FOR: Final = timedelta(days=1)
LEASE: Final = timedelta(seconds=30)  # after this, the process counts as dead, and another may run the command

METADATA = MetaData()
_ANSWERS = Table(
    "answers",
    METADATA,
    Column("scope", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("kept_at", Float, nullable=False),  # seconds since 1970
    Column("fingerprint", TEXT, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", TEXT, nullable=False),  # JSON
    Column("body", LargeBinary, nullable=False),
)
Index("answers_by_age", _ANSWERS.c.kept_at)
_BEGUN = Table(
    "begun_commands",
    METADATA,
    Column("scope", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("begun_at", Float, nullable=False),  # seconds since 1970
    Column("fingerprint", TEXT, nullable=False),
    Column("seed", TEXT, nullable=False),
    Column("holder", TEXT, nullable=False),
    Column("leased_until", Float, nullable=False),
)
Index("begun_commands_by_age", _BEGUN.c.begun_at)


class SqlIdempotencyRecords:
    """Implements `IdempotencyRecords`. Raises `StoreUnavailable`."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        self._key = derived_key(master_key, "idempotency fingerprints")
        self._tables = RecordTables(where, METADATA)

    def fingerprint_of(self, request: bytes) -> str:
        return hmac.digest(self._key, request, "sha256").hex()

    async def begin(
        self, scope: str, key: str, fingerprint: str, *, holder: str, now: datetime
    ) -> Begun | UnderWay | UsedOtherwise | StoredAnswer:
        this = (_BEGUN.c.scope == scope, _BEGUN.c.key == key)
        seed = self._seed(scope, key, fingerprint, now)
        oldest, at = (now - KEPT_FOR).timestamp(), now.timestamp()
        row = {
            "scope": scope,
            "key": key,
            "begun_at": at,
            "fingerprint": fingerprint,
            "seed": seed,
            "holder": holder,
            "leased_until": (now + LEASE).timestamp(),
        }

        def begun(connection: Connection) -> Begun | UnderWay | UsedOtherwise | StoredAnswer:
            only_one(connection, "idempotency key", scope, key)
            if (answer := _answer(connection, scope, key, now)) is not None:
                return answer if answer.fingerprint == fingerprint else UsedOtherwise()
            connection.execute(delete(_BEGUN).where(_BEGUN.c.begun_at <= oldest))
            earlier = connection.execute(select(_BEGUN).where(*this)).first()
            if earlier is None:
                connection.execute(insert(_BEGUN).values(row))
                return Begun(seed)
            if earlier.fingerprint != fingerprint:
                return UsedOtherwise()
            if earlier.holder not in ("", holder) and earlier.leased_until > at:
                return UnderWay(earlier.fingerprint)
            taken = {"holder": holder, "leased_until": row["leased_until"]}
            connection.execute(update(_BEGUN).where(*this).values(taken))
            return Begun(earlier.seed)

        return await self._tables.write(begun)

    def _seed(self, scope: str, key: str, fingerprint: str, now: datetime) -> str:
        """Derive the seed of ids. It is not random, so that processes that share the key and the event store but not these
        tables create the same ids. It includes the day, so that a key reused later creates something new.
        """
        derived_from = "\0".join(("seed", scope, key, fingerprint, now.date().isoformat()))
        return hmac.digest(self._key, derived_from.encode(), "sha256").hex()

    async def find(self, scope: str, key: str, *, now: datetime) -> StoredAnswer | None:
        return await self._tables.read(lambda connection: _answer(connection, scope, key, now))

    async def keep(self, scope: str, key: str, answer: StoredAnswer, *, now: datetime) -> None:
        row = {
            "scope": scope,
            "key": key,
            "kept_at": now.timestamp(),
            "fingerprint": answer.fingerprint,
            "status": answer.status,
            "headers": json.dumps(dict(answer.headers)),
            "body": answer.body,
        }
        old = delete(_ANSWERS).where(_ANSWERS.c.kept_at <= (now - KEPT_FOR).timestamp())

        def write(connection: Connection) -> None:
            connection.execute(old)
            put = upsert_into(_ANSWERS, connection.dialect).values(row)
            connection.execute(put.on_conflict_do_update(index_elements=["scope", "key"], set_=row))
            connection.execute(delete(_BEGUN).where(_BEGUN.c.scope == scope, _BEGUN.c.key == key))

        await self._tables.write(write)

    async def release(self, scope: str, key: str, *, holder: str) -> None:
        held = (_BEGUN.c.scope == scope, _BEGUN.c.key == key, _BEGUN.c.holder == holder)
        given_up = update(_BEGUN).where(*held).values(holder="", leased_until=0.0)
        await self._tables.write(lambda connection: connection.execute(given_up))

    async def forget(self, scope: str, key: str, *, holder: str) -> None:
        held = (_BEGUN.c.scope == scope, _BEGUN.c.key == key, _BEGUN.c.holder == holder)
        await self._tables.write(lambda connection: connection.execute(delete(_BEGUN).where(*held)))

    async def close(self) -> None:
        await self._tables.close()


def _answer(connection: Connection, scope: str, key: str, now: datetime) -> StoredAnswer | None:
    this = (_ANSWERS.c.scope == scope, _ANSWERS.c.key == key)
    asked = select(_ANSWERS).where(*this, _ANSWERS.c.kept_at > (now - KEPT_FOR).timestamp())
    row = connection.execute(asked).first()
    return None if row is None else StoredAnswer(row.fingerprint, row.status, json.loads(row.headers), row.body)
