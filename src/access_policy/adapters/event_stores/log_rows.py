"""Rows of the log as plain tuples: the library's object for each row takes as long as half of the decoding of its event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, runtime_checkable

from eventsourcing.persistence import ApplicationRecorder

NO_LATER: Final = 2**63 - 1  # a position

LogRow = tuple[int, str, int, str, bytes]  # position, stream, version, stored name, bytes


@runtime_checkable
class ReadsRows(Protocol):
    """A recorder that reads rows without these objects."""

    def log_rows(self, after: int, limit: int, up_to: int | None, names: Sequence[str]) -> Iterable[LogRow]:
        """At most `limit` rows with positions in `(after, up_to]`, ascending; only with these stored names when any are
        given."""
        ...


def log_rows(
    recorder: ApplicationRecorder, after: int, limit: int, up_to: int | None, names: Sequence[str]
) -> Iterable[LogRow]:
    """As `ReadsRows.log_rows`, from any recorder."""
    if isinstance(recorder, ReadsRows):
        return recorder.log_rows(after, limit, up_to, names)
    found = recorder.select_notifications(after, limit, stop=up_to, topics=names, inclusive_of_start=False)
    return [
        (each.id, str(each.originator_id), each.originator_version, each.topic, bytes(each.state)) for each in found
    ]


@runtime_checkable
class ReadsDamagedRows(Protocol):
    """A recorder whose usual reads wait for rows that its log promises, as rows may not be visible yet, or fail for a row
    that the service cannot have written. `waits_for_rows` is False if they only do the latter."""

    @property
    def waits_for_rows(self) -> bool: ...

    def rows_as_stored(self, after: int, limit: int, up_to: int) -> Iterable[LogRow]:
        """As `ReadsRows.log_rows`, without missing rows; a row that the service cannot have written has the version 0, or
        bytes that differ from its own."""
        ...


def rows_as_stored(recorder: ApplicationRecorder, after: int, limit: int, up_to: int) -> Iterable[LogRow]:
    """The rows of a log that may have been damaged, from any recorder."""
    if isinstance(recorder, ReadsDamagedRows):
        return recorder.rows_as_stored(after, limit, up_to)
    return log_rows(recorder, after, limit, up_to, ())


def raw_rows(recorder: ApplicationRecorder, after: int, limit: int, up_to: int | None) -> Iterable[LogRow]:
    """As `log_rows`, and rows that the service cannot have written as in `rows_as_stored`, if the recorder can tell that no
    row is missing."""
    if isinstance(recorder, ReadsDamagedRows) and not recorder.waits_for_rows:
        return recorder.rows_as_stored(after, limit, NO_LATER if up_to is None else up_to)
    return log_rows(recorder, after, limit, up_to, ())
