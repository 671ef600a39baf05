"""The live tables, the tables of a rebuild beside them, and the bookkeeping of the projections that fill them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, Table
from sqlalchemy.sql.elements import quoted_name

from access_policy.adapters.read_models.columns import key
from access_policy.adapters.read_models.tables import METADATA
from access_policy.adapters.sql.databases import TEXT
from access_policy.application.projections.changes import Projection

BOOKKEEPING = MetaData()

POSITIONS = Table(
    "projection_positions",
    BOOKKEEPING,
    key("projection"),
    Column("position", BigInteger, nullable=False),
    Column("shape", TEXT, nullable=False),
)

PARKED = Table(
    "parked_events",
    BOOKKEEPING,
    key("projection"),
    Column("position", BigInteger, primary_key=True),
    Column("stream", TEXT, nullable=False),
    Column("event_type", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
)


@dataclass(frozen=True, slots=True)
class TableSet:
    """The live tables, or the tables of a rebuild beside them. They differ only in their names."""

    suffix: str
    metadata: MetaData

    def table(self, name: str) -> Table:
        return self.metadata.tables[f"{name}{self.suffix}"]

    def tables_of(self, projection: Projection) -> list[Table]:
        return [self.table(name) for name in projection.tables]

    def name_of(self, projection: Projection) -> str:
        """Return the name under which the projection's position and parked events are stored."""
        return f"{projection.name}{self.suffix}"


LIVE: Final = TableSet("", METADATA)
READ_BY_FOLDS: Final = frozenset({"faults_open", "vehicle_identifiers_by_pseudonym"})
"""Indexes that folds use to find rows; all others serve readers only."""


def _beside(suffix: str) -> TableSet:
    metadata = MetaData()
    for table in METADATA.sorted_tables:
        copy = table.to_metadata(metadata, name=f"{table.name}{suffix}")
        for index in copy.indexes:
            index.name = quoted_name(f"{index.name}{suffix}", None)
    return TableSet(suffix, metadata)


NEXT: Final = _beside("__next")


def tables_of(projection: Projection) -> list[Table]:
    return LIVE.tables_of(projection)


@cache
def shape_of(projection: Projection) -> str:
    """Return a hash that changes if the rows on disk would differ: other tables, other columns or another edition of the
    fold.
    """
    described = [f"edition {projection.edition}"]
    for table in tables_of(projection):
        described += [f"{column.table.name}.{column.name} {column.type!r}" for column in table.columns]
        described += sorted(f"{index.name} {[str(each) for each in index.expressions]}" for index in table.indexes)
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:32]
