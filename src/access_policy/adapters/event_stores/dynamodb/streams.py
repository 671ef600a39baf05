"""Streams: slices under a stream's key, each right behind the one before."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from eventsourcing.persistence import IntegrityError, StoredEvent

from access_policy.adapters.event_stores.dynamodb.calls import Calls, Pauses
from access_policy.adapters.event_stores.dynamodb.items import (
    BEHIND,
    Item,
    Slice,
    chunks_of,
    first_of,
    last_of,
    place,
    stream_partition,
    unpacked,
)

LOOKS_AT_ONCE: Final = 16
ENDS_KEPT: Final = 50_000
FEW: Final = 16  # events
NO_LATER: Final = 10**15 - 1


class Ends:
    """Where streams were last seen to end: `ENDS_KEPT` of them.

    Once an end, always a place where a slice begins, since nothing is ever taken back: who puts behind it, only where
    nothing lies yet, needs no other proof that it is still the end.
    """

    def __init__(self) -> None:
        self._ends: OrderedDict[str, int] = OrderedDict()

    def add(self, stream: str, end: int) -> None:
        self._ends[stream] = max(end, self._ends.get(stream, 0))
        self._ends.move_to_end(stream)
        if len(self._ends) > ENDS_KEPT:
            self._ends.popitem(last=False)

    def of(self, stream: str) -> int:
        """0 for a stream that is not known: there every stream has once ended."""
        return self._ends.get(stream, 0)


class Streams:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._ends = Ends()

    async def select(
        self, stream: str, *, after: int = 0, up_to: int = NO_LATER, backwards: bool = False, limit: int | None = None
    ) -> list[StoredEvent]:
        """Events with versions in `(after, up_to]`, at most `limit`; `backwards` the latest first."""
        if up_to <= after or (limit is not None and limit <= 0):
            return []
        pauses = Pauses()
        while (events := await self._forwards_or_backwards(stream, after, up_to, backwards, limit)) is None:
            await pauses.pause()
        return events

    async def _forwards_or_backwards(
        self, stream: str, after: int, up_to: int, backwards: bool, limit: int | None
    ) -> list[StoredEvent] | None:
        """A few are read backwards whatever their order: then nobody has to look first where the slice of the first begins."""
        if backwards or limit is not None or up_to - after > FEW:
            return await self._select(stream, after, up_to, backwards, limit)
        events = await self._select(stream, after, up_to, True, up_to - after)
        return events[::-1] if events is not None else None

    async def _select(
        self, stream: str, after: int, up_to: int, backwards: bool, limit: int | None
    ) -> list[StoredEvent] | None:
        """None where a transaction showed only in part: it is under way."""
        found: list[StoredEvent] = []
        first = 0 if backwards else await self._beginning(stream, after + 1)
        previous: int | None = None
        async with aclosing(self._slices(stream, first, up_to, backwards, limit)) as slices:
            async for chunks in slices:
                begin, end = first_of(chunks[0]), last_of(chunks[0])
                if len(chunks) != chunks_of(chunks[0]):
                    return None
                if previous is not None and previous != (end + 1 if backwards else begin):
                    return None
                if previous is None and not backwards and begin > after + 1:
                    return None
                previous = begin if backwards else end + 1
                events = unpacked(stream, begin, chunks)
                wanted = [event for event in events if after < event.originator_version <= up_to]
                found += reversed(wanted) if backwards else wanted
                self._ends.add(stream, end)
                if limit is not None and len(found) >= limit:
                    return found[:limit]
                if backwards and begin <= after + 1:
                    return found
        return found

    async def _slices(
        self, stream: str, first: int, up_to: int, backwards: bool, limit: int | None
    ) -> AsyncGenerator[list[Item], None]:
        """The items of each slice, in their order, of those that begin at versions from `first` to `up_to`."""
        chunks: list[Item] = []
        pages = self._calls.query(
            stream_partition(stream),
            lowest=place(first),
            highest=place(up_to) + BEHIND,
            backwards=backwards,
            limit=limit,
        )
        async with aclosing(pages):
            async for page in pages:
                for item in page:
                    if chunks and first_of(item) != first_of(chunks[0]):
                        yield chunks[::-1] if backwards else chunks
                        chunks = []
                    chunks.append(item)
                    if len(chunks) == chunks_of(item):
                        yield chunks[::-1] if backwards else chunks
                        chunks = []
        if chunks:
            yield chunks[::-1] if backwards else chunks

    async def _beginning(self, stream: str, version: int) -> int:
        """Where to begin to read for `version`: the version at which its slice begins."""
        if version - 1 in (0, self._ends.of(stream)):
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
            before, known = each.first - 1, ends.get(each.stream, self._ends.of(each.stream))
            if before < known or (each.stream in ends and before > known):
                raise IntegrityError(f"{each.stream} cannot go on behind version {before}: it has come to {known}")
            if before > known:
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
