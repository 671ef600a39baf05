"""Drains the spool: appends its entries to the store, in order and each event once (design.md 3.7).

After a crash, or a lost answer of the store, the drain repeats entries that may be partly stored. Events in the store
are recognised by their ids. Entries that are too large for one transaction are appended in parts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from access_policy.application.ports.event_store import Append, AppendTooLarge, EventStore, VersionConflict
from access_policy.application.ports.spool import Spool

log = logging.getLogger(__name__)

DRAINED_AT_ONCE: Final = 4  # entries of the spool, each of up to a group of appends
REBASE_TRIES: Final = 5


class SpoolDrain:
    def __init__(self, store: EventStore, spool: Spool) -> None:
        self._store = store
        self._spool = spool

    async def drain(self, stored: Callable[[Append], None]) -> int:
        """Append all entries to the store, including those of an earlier process, and forget them. Calls `stored` for
        each append that the store has; returns their number. Raises `StoreUnavailable`, or `VersionConflict` if another
        process keeps writing to a stream: the remaining entries can be drained again."""
        drained = 0
        while entries := await self._spool.oldest(DRAINED_AT_ONCE):
            appends = [append for entry in entries for append in entry.appends]
            await self._append_all(appends)
            await self._spool.forget(entries[-1].number)
            for append in appends:
                stored(append)
            drained += len(appends)
        return drained

    async def _append_all(self, appends: Sequence[Append]) -> None:
        """Append in as few transactions as the store accepts. A repetition appends only events that are not stored yet,
        so that a crash between two parts neither loses nor duplicates events."""
        try:
            await self._store.append(appends)
        except AppendTooLarge as refusal:
            await self._append_halves(appends, refusal)
        except VersionConflict:  # some events are stored already, or another append came first
            for append in appends:
                await self._append_missing(append)

    async def _append_halves(self, appends: Sequence[Append], refusal: AppendTooLarge) -> None:
        halves = halves_of(appends)
        if not halves:
            log.error("%s: an event is too large for the event store and is set aside: %s", appends[0].stream, refusal)
            await self._spool.set_aside(appends[0], str(refusal))
        for half in halves:
            await self._append_all(half)

    async def _append_missing(self, append: Append) -> None:
        """Append the events that are not in the stream yet, after those that are. Raises `VersionConflict` if others
        keep writing to the stream."""
        for _ in range(REBASE_TRIES):
            history = await self._store.load(append.stream)
            stored = {recorded.envelope.event_id for recorded in history}
            missing = tuple(new for new in append.events if new.envelope.event_id not in stored)
            if not missing:
                return
            if append.expected_version != len(history):
                log.warning("%s received events while some were in the spool; the spooled ones follow", append.stream)
            rest = Append(append.stream, len(history), missing)
            try:
                await self._store.append([rest])
            except AppendTooLarge as refusal:
                await self._append_halves([rest], refusal)
            except VersionConflict:
                continue
            return
        raise VersionConflict(f"{append.stream} was changed repeatedly by another process")


def halves_of(appends: Sequence[Append]) -> list[Sequence[Append]]:
    """Return two parts, in order; none for a single event. Appends of one attempt stay in one transaction if they fit."""
    if len(appends) > 1:
        middle = len(appends) // 2
        cuts = sorted(range(1, len(appends)), key=lambda cut: (_cuts_an_attempt(appends, cut), abs(cut - middle)))
        return [appends[: cuts[0]], appends[cuts[0] :]]
    (append,) = appends
    middle = len(append.events) // 2
    if middle == 0:
        return []
    first, second = append.events[:middle], append.events[middle:]
    return [
        [Append(append.stream, append.expected_version, first)],
        [Append(append.stream, append.expected_version + middle, second)],
    ]


def _cuts_an_attempt(appends: Sequence[Append], cut: int) -> bool:
    before, after = appends[cut - 1].events[-1].envelope, appends[cut].events[0].envelope
    return before.correlation_id == after.correlation_id
