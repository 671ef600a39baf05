"""Streams: slices under a stream's key, each right behind the one before."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from eventsourcing.persistence import IntegrityError, StoredEvent

from access_policy.adapters.event_stores.dynamodb.calls import Calls, Pauses
from access_policy.adapters.event_stores.dynamodb.items import (
    BEHIND,
    Item,
    Slice,
    first_of,
    last_of,
    place,
    stream_partition,
    unpacked,
)

LOOKS_AT_ONCE: Final = 16
ENDS_KEPT: Final = 50_000
NO_LATER: Final = 10**15 - 1


class Ends:
    """Where streams, or the log, were once seen to end: the last `ENDS_KEPT` of them.

    Once an end, always a place where a slice begins, since nothing is ever taken back: who puts behind it, only where
    nothing lies yet, needs no other proof that it is still the end.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()

    def add(self, partition: str, end: int) -> None:
        self._seen[partition, end] = None
        self._seen.move_to_end((partition, end))
        if len(self._seen) > ENDS_KEPT:
            self._seen.popitem(last=False)

    def __contains__(self, at: tuple[str, int]) -> bool:
        return at[1] == 0 or at in self._seen


class Streams:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._ends = Ends()

    async def select(
        self, stream: str, *, after: int = 0, up_to: int = NO_LATER, backwards: bool = False, limit: int | None = None
    ) -> list[StoredEvent]:
        """Events with versions in `(after, up_to]`, at most `limit`; `backwards` the latest first."""
        if limit is not None and limit <= 0:
            return []
        pauses = Pauses()
        while (events := await self._select(stream, after, up_to, backwards, limit)) is None:
            await pauses.pause()
        return events

    async def _select(
        self, stream: str, after: int, up_to: int, backwards: bool, limit: int | None
    ) -> list[StoredEvent] | None:
        """None where a transaction showed only in part: it is under way."""
        found: list[StoredEvent] = []
        first = await self._beginning(stream, after + 1)
        previous: int | None = None
        async for chunks in self._slices(stream, first, up_to, backwards, limit):
            begin, end = first_of(chunks[0]), last_of(chunks[0])
            if len(chunks) != int(chunks[0]["c"]["N"]):
                return None
            if previous is not None and previous != (end + 1 if backwards else begin):
                return None
            if previous is None and not backwards and begin > after + 1:
                return None
            previous = begin if backwards else end + 1
            events = [event for event in unpacked(stream, begin, chunks) if after < event.originator_version <= up_to]
            found += reversed(events) if backwards else events
            self._ends.add(stream, end)
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found

    async def _slices(
        self, stream: str, first: int, up_to: int, backwards: bool, limit: int | None
    ) -> AsyncIterator[list[Item]]:
        """The items of each slice, in their order, of those that begin at versions from `first` to `up_to`."""
        chunks: list[Item] = []
        pages = self._calls.query(
            stream_partition(stream), lowest=place(first), highest=place(up_to) + BEHIND, backwards=backwards, limit=limit
        )
        async for page in pages:
            for item in page:
                if chunks and first_of(item) != first_of(chunks[0]):
                    yield chunks[::-1] if backwards else chunks
                    chunks = []
                chunks.append(item)
        if chunks:
            yield chunks[::-1] if backwards else chunks

    async def _beginning(self, stream: str, version: int) -> int:
        """Where to begin to read for `version`: the version at which its slice begins."""
        if (stream, version - 1) in self._ends:
            return version
        latest = await self._latest(stream, version)
        return first_of(latest) if latest is not None else version

    async def _latest(self, stream: str, version: int) -> Item | None:
        """An item of the last slice that begins at or before `version`."""
        return await self._calls.first(
            stream_partition(stream), lowest=place(0), highest=place(version) + BEHIND, backwards=True
        )

    async def require_ends(self, slices: Iterable[Slice]) -> None:
        """Raises `IntegrityError` where a slice would not begin right behind the end of a slice."""
        unproven: dict[str, int] = {}
        ends: dict[str, int] = {}
        for each in slices:
            before = each.first - 1
            if ends.get(each.stream, before) != before:
                raise IntegrityError(f"{each.stream}: {each.first} does not follow {ends[each.stream]} of the same append")
            if each.stream not in ends and (each.stream, before) not in self._ends:
                unproven[each.stream] = before
            ends[each.stream] = each.last
        at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(stream: str, before: int) -> None:
            async with at_once:
                await self._require_end(stream, before)

        await asyncio.gather(*(look(stream, before) for stream, before in unproven.items()))

    async def _require_end(self, stream: str, version: int) -> None:
        latest = await self._latest(stream, version)
        end = last_of(latest) if latest is not None else 0
        if end != version:
            raise IntegrityError(f"{stream} cannot go on behind version {version}: one of its slices ends at {end}")
        self._ends.add(stream, end)

    def appended(self, slices: Sequence[Slice]) -> None:
        for each in slices:
            self._ends.add(each.stream, each.last)
