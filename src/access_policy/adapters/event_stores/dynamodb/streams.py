"""Streams: the slices of a stream, each right after the previous one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from eventsourcing.persistence import IntegrityError, StoredEvent

from access_policy.adapters.event_stores.dynamodb.calls import Calls, new_backoff
from access_policy.adapters.event_stores.dynamodb.items import (
    AFTER,
    Item,
    Slice,
    chunks_of,
    first_of,
    last_of,
    sort_key,
    stream_partition,
    unpacked,
)

LOOKS_AT_ONCE: Final = 16
ENDS_KEPT: Final = 50_000
FEW: Final = 16  # events
NO_LATER: Final = 10**15 - 1


class Ends:
    """The last known end of up to `ENDS_KEPT` streams.

    Events are never deleted. At the version after a known end, either a slice begins or no event exists, so a conditional put
    there proves by itself that the end is still current.
    """

    def __init__(self) -> None:
        self._ends: OrderedDict[str, int] = OrderedDict()

    def add(self, stream: str, end: int) -> None:
        self._ends[stream] = max(end, self._ends.get(stream, 0))
        self._ends.move_to_end(stream)
        if len(self._ends) > ENDS_KEPT:
            self._ends.popitem(last=False)

    def of(self, stream: str) -> int:
        """Return the last known end; 0 for an unknown stream, because every stream began empty."""
        return self._ends.get(stream, 0)


class Streams:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._ends = Ends()

    async def select(
        self, stream: str, *, after: int = 0, up_to: int = NO_LATER, backwards: bool = False, limit: int | None = None
    ) -> list[StoredEvent]:
        """Return at most `limit` events with versions in `(after, up_to]`; with `backwards`, the latest first."""
        if up_to <= after or (limit is not None and limit <= 0):
            return []
        backoff = new_backoff()
        while True:
            events = await self._forwards_or_backwards(stream, after, up_to, backwards, limit)
            if events is not None:
                return events
            await asyncio.sleep(backoff.next_s())

    async def _forwards_or_backwards(
        self, stream: str, after: int, up_to: int, backwards: bool, limit: int | None
    ) -> list[StoredEvent] | None:
        """Select the events. A few events are read backwards whatever their order, which saves the look-up of where the first
        slice begins.
        """
        if backwards or limit is not None or up_to - after > FEW:
            return await self._select(stream, after, up_to, backwards, limit)
        events = await self._select(stream, after, up_to, True, up_to - after)
        return events[::-1] if events is not None else None

    async def _select(
        self, stream: str, after: int, up_to: int, backwards: bool, limit: int | None
    ) -> list[StoredEvent] | None:
        """Select the events, or return None if a transaction in progress was only partly visible."""
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
        """Yield the items of each slice that begins at a version from `first` to `up_to`, both included, in order."""
        chunks: list[Item] = []
        pages = self._calls.query(
            stream_partition(stream),
            lowest=sort_key(first),
            highest=sort_key(up_to) + AFTER,
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
        """Return the version at which the slice that holds `version` begins."""
        if version - 1 in (0, self._ends.of(stream)):
            return version
        latest = await self._latest(stream, version)
        return first_of(latest) if latest is not None else version

    async def _latest(self, stream: str, version: int) -> Item | None:
        """Return an item of the last slice that begins at or before `version`."""
        return await self._calls.first(
            stream_partition(stream), lowest=sort_key(0), highest=sort_key(version) + AFTER, backwards=True
        )

    async def require_ends(self, slices: Iterable[Slice]) -> None:
        """Raise `IntegrityError` if a slice would not begin right after the end of its stream."""
        unproven: dict[str, int] = {}
        ends: dict[str, int] = {}
        for each in slices:
            before, known = each.first - 1, ends.get(each.stream, self._ends.of(each.stream))
            if before < known or (each.stream in ends and before > known):
                raise IntegrityError(f"{each.stream} cannot continue after version {before}: it ends at {known}")
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
            raise IntegrityError(f"{stream} cannot continue after version {version}: one of its slices ends at {end}")
        self._ends.add(stream, end)

    def appended(self, slices: Sequence[Slice]) -> None:
        for each in slices:
            self._ends.add(each.stream, each.last)
