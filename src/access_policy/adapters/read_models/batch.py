"""A batch of events into the rows of several projections, inside the caller's transaction.

A fault of an event (its fold raises, its rows cannot be stored) parks that event. A fault of the database itself (locked,
full, broken) is raised: it would fall on every event alike, and the batch is tried again as a whole.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from access_policy.adapters.read_models.tables import PARKED, POSITIONS
from access_policy.adapters.read_models.writing import write
from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Projection, RowChange

log = logging.getLogger(__name__)

BEHIND = "behind a parked event of its stream"
REASON_LENGTH_MAX = 500


class Folded(NamedTuple):
    projection: Projection
    recorded: Recorded
    changes: list[RowChange]


def fold_batch(
    connection: Connection, projections: Sequence[Projection], batch: Sequence[Recorded], reached: int
) -> None:
    """Each projection takes the events after its own position, and has reached `reached` then."""
    folding = _Folding(connection)
    folded = [
        each
        for recorded in batch
        for projection in projections
        if (each := folding.fold(projection, recorded)) is not None
    ]
    folding.write(folded)
    names = [projection.name for projection in projections]
    connection.execute(
        update(POSITIONS)
        .where(POSITIONS.c.projection.in_(names), POSITIONS.c.position < reached)
        .values(position=reached)
    )


class _Folding:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        positions = connection.execute(select(POSITIONS.c.projection, POSITIONS.c.position))
        self._positions = {row.projection: row.position for row in positions}
        self._held: defaultdict[str, set[str]] = defaultdict(set)  # streams by projection
        for row in connection.execute(select(PARKED.c.projection, PARKED.c.stream).distinct()):
            self._held[row.projection].add(row.stream)

    def fold(self, projection: Projection, recorded: Recorded) -> Folded | None:
        """None for an event that is not the projection's, that it has had, or that was parked."""
        if type(recorded.event).TYPE not in projection.types or recorded.position <= self._positions[projection.name]:
            return None
        if recorded.stream in self._held[projection.name]:
            self._park(projection, recorded, BEHIND)
            return None
        try:
            return Folded(projection, recorded, projection.fold(recorded))
        except Exception as error:  # noqa: BLE001  one poisonous event must hold up its own stream only
            self._hold(projection, recorded, error)
            return None

    def write(self, folded: Sequence[Folded]) -> None:
        """All at once; where one of them cannot be stored, one by one, so that it alone is parked."""
        try:
            with self._connection.begin_nested():
                write(self._connection, (change for each in folded for change in each.changes))
        except Exception as error:
            if _is_of_the_database(error):
                raise
            log.warning("a batch of %d events is stored one by one: %r", len(folded), error)
        else:
            return
        for each in folded:
            self._write_one(each)

    def _write_one(self, each: Folded) -> None:
        if each.recorded.stream in self._held[each.projection.name]:
            self._park(each.projection, each.recorded, BEHIND)
            return
        try:
            with self._connection.begin_nested():
                write(self._connection, each.changes)
        except Exception as error:
            if _is_of_the_database(error):
                raise
            self._hold(each.projection, each.recorded, error)

    def _hold(self, projection: Projection, recorded: Recorded, error: Exception) -> None:
        log.error("read model %s parked position %d: %r", projection.name, recorded.position, error)
        self._held[projection.name].add(recorded.stream)
        self._park(projection, recorded, repr(error)[:REASON_LENGTH_MAX])

    def _park(self, projection: Projection, recorded: Recorded, reason: str) -> None:
        row = {
            "projection": projection.name,
            "position": recorded.position,
            "stream": recorded.stream,
            "event_type": type(recorded.event).TYPE,
            "reason": reason.encode(errors="backslashreplace").decode(),
        }
        self._connection.execute(insert(PARKED).values(row).on_conflict_do_nothing())


def _is_of_the_database(error: Exception) -> bool:
    of_the_values = (IntegrityError, DataError, ProgrammingError, NotSupportedError)
    return isinstance(error, OSError) or (isinstance(error, DBAPIError) and not isinstance(error, of_the_values))
