"""Check that this machine's keys are the ones with which the records of a shared database were made (ADR 0019).

With other keys the service could not recognise identifiers, check passwords or read sealed values, so a machine that created
its own keys must not serve.
"""

from __future__ import annotations

import hmac
from dataclasses import fields
from typing import Final

from sqlalchemy import Column, LargeBinary, MetaData, Table, select

from access_policy.adapters.secrets.key_files import KeyFileUnusable, Keys
from access_policy.adapters.sql.databases import TEXT, database_at, upsert_into
from access_policy.adapters.sql.migrations import Part, require_migrated
from access_policy.adapters.sql.postgres_connections import deadline

TIMEOUT_S: Final = 5.0
PURPOSE: Final = b"access-policy key check"

METADATA = MetaData()
_CHECKS = Table(
    "key_check",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
)


def require_same_keys(url: str, keys: Keys) -> None:
    """Compare this machine's keys with the registered ones; the first caller registers its keys. Raises `KeyFileUnusable`,
    `MigrationNeeded` or `SQLAlchemyError`.
    """
    digests = {each.name: hmac.digest(getattr(keys, each.name), PURPOSE, "sha256") for each in fields(keys)}
    rows = [{"name": name, "digest": digest} for name, digest in digests.items()]
    database = database_at(url, "key check", timeout_s=TIMEOUT_S)
    try:
        with deadline(TIMEOUT_S), database.writing.begin() as connection:
            require_migrated(connection, Part.RECORDS)
            connection.execute(upsert_into(_CHECKS, connection.dialect).values(rows).on_conflict_do_nothing())
            known = {row.name: bytes(row.digest) for row in connection.execute(select(_CHECKS))}
    finally:
        database.close()
    if different := [name for name, digest in digests.items() if not hmac.compare_digest(known[name], digest)]:
        raise KeyFileUnusable(
            f"The keys {', '.join(different)} of this machine differ from those with which the database was first used. "
            "Replace the directory keys here with a copy from a machine that uses it."
        )
