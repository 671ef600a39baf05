"""Rows of the log as plain tuples: the library's object for each row takes as long as half of the decoding of its event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from eventsourcing.persistence import ApplicationRecorder

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
    that the service cannot have written."""

    def rows_as_stored(self, after: int, limit: int, up_to: int) -> Iterable[LogRow]:
        """As `ReadsRows.log_rows`, without missing rows; an undecodable row has any bytes that differ from its own."""
        ...


def rows_as_stored(recorder: ApplicationRecorder, after: int, limit: int, up_to: int) -> Iterable[LogRow]:
    """The rows of a log that may have been damaged, from any recorder."""
    if isinstance(recorder, ReadsDamagedRows):
        return recorder.rows_as_stored(after, limit, up_to)
    return log_rows(recorder, after, limit, up_to, ())
