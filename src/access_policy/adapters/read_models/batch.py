"""Fold a batch of events into the rows of several projections, inside the caller's transaction.

An event that cannot be folded, or whose rows cannot be stored, is parked. An error of the database itself (locked, full,
broken) is raised: it would affect every event, and the caller retries the whole batch.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from access_policy.adapters.read_models.table_sets import LIVE, PARKED, POSITIONS, TableSet
from access_policy.adapters.read_models.writing import RowGroup, write, write_groups
from access_policy.adapters.sql.databases import upsert_into
from access_policy.application.ports.event_store import Recorded, Unreadable, name_of
from access_policy.application.projections.changes import Projection, RowChange

log = logging.getLogger(__name__)

BEHIND = "behind a parked event of its stream"
REASON_LENGTH_MAX = 500


def fold_batch(
    connection: Connection,
    projections: Sequence[Projection],
    batch: Sequence[Recorded],
    reached: int,
    into: TableSet = LIVE,
) -> None:
    """Fold into each projection the events after its position, and set its position to `reached`."""
    readers = _readers(connection, projections, into)
    by_event: defaultdict[str, list[_Reader]] = defaultdict(list)
    for reader in readers:
        for name in reader.projection.types:
            by_event[name].append(reader)
    folded = [
        (reader, recorded, changes)
        for recorded in batch
        for reader in by_event[name_of(recorded)]
        if (changes := reader.changes_of(recorded))
    ]
    _write(connection, folded, into)
    _advance(connection, [reader.name for reader in readers], reached)


def write_prepared(
    connection: Connection, projections: Sequence[Projection], groups: Sequence[RowGroup], reached: int, into: TableSet
) -> bool:
    """Write the rows of all events after the projections' positions up to `reached`, and set their positions to it.

    Returns False, and writes nothing, if a row cannot be stored. The caller must have locked the positions.
    """
    try:
        with connection.begin_nested():
            write_groups(connection, groups, into)
    except Exception as error:
        if _is_of_the_database(error):
            raise
        log.warning("prepared rows could not be written: %r", error)
        return False
    _advance(connection, [into.name_of(projection) for projection in projections], reached)
    return True


def _advance(connection: Connection, names: Sequence[str], reached: int) -> None:
    connection.execute(
        update(POSITIONS)
        .where(POSITIONS.c.projection.in_(names), POSITIONS.c.position < reached)
        .values(position=reached)
    )


class _Reader:
    """A projection that reads a batch. It skips events up to its position, and parks events behind a parked one."""

    def __init__(
        self, connection: Connection, projection: Projection, name: str, position: int, held: set[str]
    ) -> None:
        self.projection = projection
        self.name = name
        self.held = held  # streams
        self._connection = connection
        self._fold = projection.fold
        self._position = position

    def changes_of(self, recorded: Recorded) -> Sequence[RowChange]:
        """Return the changes of an event; none if it was folded before or is parked."""
        if recorded.position <= self._position:
            return ()
        if recorded.stream in self.held:
            self.park(recorded, BEHIND)
            return ()
        try:
            if isinstance(recorded.event, Unreadable):
                raise ValueError(recorded.event.reason)
            return self._fold(recorded)
        except Exception as error:  # noqa: BLE001  one event that cannot be folded must block its own stream only
            self.hold(recorded, error)
            return ()

    def hold(self, recorded: Recorded, error: Exception) -> None:
        log.error("read model %s parked position %d: %r", self.name, recorded.position, error)
        self.held.add(recorded.stream)
        self.park(recorded, repr(error)[:REASON_LENGTH_MAX])

    def park(self, recorded: Recorded, reason: str) -> None:
        row = {
            "projection": self.name,
            "position": recorded.position,
            "stream": recorded.stream,
            "event_type": name_of(recorded),
            "reason": reason.encode(errors="backslashreplace").decode(),
        }
        self._connection.execute(upsert_into(PARKED, self._connection.dialect).values(row).on_conflict_do_nothing())


Folded = tuple[_Reader, Recorded, Sequence[RowChange]]


def _readers(connection: Connection, projections: Sequence[Projection], into: TableSet) -> list[_Reader]:
    """Lock the positions, so that other writers of these projections wait until the transaction ends."""
    names = [into.name_of(projection) for projection in projections]
    positions = {row.projection: row.position for row in connection.execute(positions_for_update(names))}
    held: defaultdict[str, set[str]] = defaultdict(set)
    for row in connection.execute(select(PARKED.c.projection, PARKED.c.stream).distinct()):
        held[row.projection].add(row.stream)
    return [
        _Reader(connection, projection, name, positions[name], held[name])
        for projection, name in zip(projections, names, strict=True)
    ]


def _write(connection: Connection, folded: Sequence[Folded], into: TableSet) -> None:
    """Write all changes together. If one of them cannot be stored, write event by event, so that only its event is parked."""
    try:
        with connection.begin_nested():
            write(connection, (change for _, _, changes in folded for change in changes), into)
    except Exception as error:
        if _is_of_the_database(error):
            raise
        log.warning("a batch of %d events is written event by event: %r", len(folded), error)
    else:
        return
    for reader, recorded, changes in folded:
        _write_one(connection, reader, recorded, changes, into)


def _write_one(
    connection: Connection, reader: _Reader, recorded: Recorded, changes: Sequence[RowChange], into: TableSet
) -> None:
    if recorded.stream in reader.held:
        reader.park(recorded, BEHIND)
        return
    try:
        with connection.begin_nested():
            write(connection, changes, into)
    except Exception as error:
        if _is_of_the_database(error):
            raise
        reader.hold(recorded, error)


def positions_for_update(names: Sequence[str]) -> Select[Any]:
    """Lock the rows in a fixed order, so that two transactions never wait for each other."""
    wanted = select(POSITIONS.c.projection, POSITIONS.c.position, POSITIONS.c.shape)
    return wanted.where(POSITIONS.c.projection.in_(names)).order_by(POSITIONS.c.projection).with_for_update()


def _is_of_the_database(error: Exception) -> bool:
    of_the_values = (IntegrityError, DataError, ProgrammingError, NotSupportedError)
    return isinstance(error, OSError) or (isinstance(error, DBAPIError) and not isinstance(error, of_the_values))
