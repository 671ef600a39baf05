"""Rows of the log as plain tuples, because the library's object for a row costs half as much time as decoding its event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, runtime_checkable

from eventsourcing.persistence import ApplicationRecorder

NO_LATER: Final = 2**63 - 1  # a position

LogRow = tuple[int, str, int, str, bytes]  # position, stream, version, stored name, bytes


@runtime_checkable
class ReadsRows(Protocol):
    """A recorder that reads rows without the library's objects."""

    def log_rows(self, after: int, limit: int, up_to: int | None, names: Sequence[str]) -> Iterable[LogRow]:
        """Return at most `limit` rows with positions in `(after, up_to]`, ascending; only rows with the stored names `names`,
        if there are any.
        """
        ...


def log_rows(
    recorder: ApplicationRecorder, after: int, limit: int, up_to: int | None, names: Sequence[str]
) -> Iterable[LogRow]:
    """Like `ReadsRows.log_rows`, for any recorder."""
    if isinstance(recorder, ReadsRows):
        return recorder.log_rows(after, limit, up_to, names)
    found = recorder.select_notifications(after, limit, stop=up_to, topics=names, inclusive_of_start=False)
    return [
        (each.id, str(each.originator_id), each.originator_version, each.topic, bytes(each.state)) for each in found
    ]


@runtime_checkable
class ReadsDamagedRows(Protocol):
    """A recorder that can read a damaged log. Its usual reads wait for rows that the log promises but that are not visible yet,
    or fail at a row that the service cannot have written. `waits_for_rows` is False if they only fail.
    """

    @property
    def waits_for_rows(self) -> bool: ...

    def rows_as_stored(self, after: int, limit: int, up_to: int) -> Iterable[LogRow]:
        """Like `ReadsRows.log_rows`, but skips missing rows. A row that the service cannot have written has version 0, or bytes
        other than its own.
        """
        ...


def rows_as_stored(recorder: ApplicationRecorder, after: int, limit: int, up_to: int) -> Iterable[LogRow]:
    """Return the rows of a log that may be damaged, from any recorder."""
    if isinstance(recorder, ReadsDamagedRows):
        return recorder.rows_as_stored(after, limit, up_to)
    return log_rows(recorder, after, limit, up_to, ())


def raw_rows(recorder: ApplicationRecorder, after: int, limit: int, up_to: int | None) -> Iterable[LogRow]:
    """Like `log_rows`. If the recorder never waits for rows, it also returns rows that the service cannot have written, like
    `rows_as_stored`.
    """
    if isinstance(recorder, ReadsDamagedRows) and not recorder.waits_for_rows:
        return recorder.rows_as_stored(after, limit, NO_LATER if up_to is None else up_to)
    return log_rows(recorder, after, limit, up_to, ())
