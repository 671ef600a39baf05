"""A batch of events into the rows of several projections, inside the caller's transaction.

A fault of an event (its fold raises, its rows cannot be stored) parks that event. A fault of the database itself (locked,
full, broken) is raised: it would fall on every event alike, and the batch is tried again as a whole.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from access_policy.adapters.read_models.tables import LIVE, PARKED, POSITIONS, TableSet
from access_policy.adapters.read_models.writing import write
from access_policy.adapters.sql.databases import upsert_into
from access_policy.application.ports.event_store import Recorded, Unreadable, name_of
from access_policy.application.projections.changes import Projection, RowChange

log = logging.getLogger(__name__)

BEHIND = "behind a parked event of its stream"
REASON_LENGTH_MAX = 500


class Folded(NamedTuple):
    projection: Projection
    recorded: Recorded
    changes: list[RowChange]


def fold_batch(
    connection: Connection,
    projections: Sequence[Projection],
    batch: Sequence[Recorded],
    reached: int,
    into: TableSet = LIVE,
) -> None:
    """Each projection takes the events after its own position, and has reached `reached` then."""
    names = [into.name_of(projection) for projection in projections]
    folding = _Folding(connection, into, names)
    takers = _takers(projections)
    folded = [
        each
        for recorded in batch
        for projection in takers[name_of(recorded)]
        if (each := folding.fold(projection, recorded)) is not None
    ]
    folding.write(folded)
    connection.execute(
        update(POSITIONS)
        .where(POSITIONS.c.projection.in_(names), POSITIONS.c.position < reached)
        .values(position=reached)
    )


def _takers(projections: Sequence[Projection]) -> defaultdict[str, list[Projection]]:
    """By the name of an event the projections that read it."""
    takers: defaultdict[str, list[Projection]] = defaultdict(list)
    for projection in projections:
        for name in projection.types:
            takers[name].append(projection)
    return takers


class _Folding:
    def __init__(self, connection: Connection, into: TableSet, names: Sequence[str]) -> None:
        self._connection = connection
        self._into = into
        positions = connection.execute(positions_for_update(names))  # whoever else writes waits for this transaction
        self._positions = {row.projection: row.position for row in positions}
        self._held: defaultdict[str, set[str]] = defaultdict(set)  # streams by projection
        for row in connection.execute(select(PARKED.c.projection, PARKED.c.stream).distinct()):
            self._held[row.projection].add(row.stream)

    def fold(self, projection: Projection, recorded: Recorded) -> Folded | None:
        """None for an event that the projection has had, or that was parked."""
        name = self._into.name_of(projection)
        if recorded.position <= self._positions[name]:
            return None
        if recorded.stream in self._held[name]:
            self._park(projection, recorded, BEHIND)
            return None
        try:
            if isinstance(recorded.event, Unreadable):
                raise ValueError(recorded.event.reason)
            return Folded(projection, recorded, projection.fold(recorded))
        except Exception as error:  # noqa: BLE001  one poisonous event must hold up its own stream only
            self._hold(projection, recorded, error)
            return None

    def write(self, folded: Sequence[Folded]) -> None:
        """All at once; where one of them cannot be stored, one by one, so that it alone is parked."""
        try:
            with self._connection.begin_nested():
                write(self._connection, (change for each in folded for change in each.changes), self._into)
        except Exception as error:
            if _is_of_the_database(error):
                raise
            log.warning("a batch of %d events is stored one by one: %r", len(folded), error)
        else:
            return
        for each in folded:
            self._write_one(each)

    def _write_one(self, each: Folded) -> None:
        if each.recorded.stream in self._held[self._into.name_of(each.projection)]:
            self._park(each.projection, each.recorded, BEHIND)
            return
        try:
            with self._connection.begin_nested():
                write(self._connection, each.changes, self._into)
        except Exception as error:
            if _is_of_the_database(error):
                raise
            self._hold(each.projection, each.recorded, error)

    def _hold(self, projection: Projection, recorded: Recorded, error: Exception) -> None:
        name = self._into.name_of(projection)
        log.error("read model %s parked position %d: %r", name, recorded.position, error)
        self._held[name].add(recorded.stream)
        self._park(projection, recorded, repr(error)[:REASON_LENGTH_MAX])

    def _park(self, projection: Projection, recorded: Recorded, reason: str) -> None:
        row = {
            "projection": self._into.name_of(projection),
            "position": recorded.position,
            "stream": recorded.stream,
            "event_type": name_of(recorded),
            "reason": reason.encode(errors="backslashreplace").decode(),
        }
        self._connection.execute(upsert_into(PARKED, self._connection.dialect).values(row).on_conflict_do_nothing())


def positions_for_update(names: Sequence[str]) -> Select[Any]:
    """In one order, so that two who ask for several never wait for each other."""
    wanted = select(POSITIONS.c.projection, POSITIONS.c.position, POSITIONS.c.shape)
    return wanted.where(POSITIONS.c.projection.in_(names)).order_by(POSITIONS.c.projection).with_for_update()


def _is_of_the_database(error: Exception) -> bool:
    of_the_values = (IntegrityError, DataError, ProgrammingError, NotSupportedError)
    return isinstance(error, OSError) or (isinstance(error, DBAPIError) and not isinstance(error, of_the_values))
