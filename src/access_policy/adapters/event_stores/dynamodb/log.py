"""The log: commits in the order of their positions, without gaps (ADR 0020)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from typing import Final

from eventsourcing.persistence import Notification

from access_policy.adapters.event_stores.dynamodb.calls import BATCH_KEYS, Calls, new_backoff
from access_policy.adapters.event_stores.dynamodb.items import (
    BUCKET,
    Commit,
    Item,
    Slice,
    bucket_of,
    commit_of,
    first_of,
    key_of,
    last_of,
    log_key,
    log_partition,
    sort_key,
    unpacked,
    unpacked_as_stored,
)
from access_policy.adapters.event_stores.dynamodb.streams import NO_LATER

BATCHES_AT_ONCE: Final = 4
BOUNDARIES_KEPT: Final = 50_000

Placed = tuple[int, Slice]  # a slice with the position of its first event


class Log:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._boundaries: OrderedDict[int, None] = OrderedDict()  # positions at which commits ended
        self.end = 0  # the last known end; the log may have grown since

    def ended_at(self, position: int) -> None:
        self._boundaries[position] = None
        if len(self._boundaries) > BOUNDARIES_KEPT:
            self._boundaries.popitem(last=False)
        self.end = max(self.end, position)

    async def look_for_end(self) -> int:
        """Find the position of the last event; 0 in an empty log."""
        bucket = bucket_of(self.end + 1) if self.end else await self._last_bucket()
        while (latest := await self._last_in(bucket)) is not None:
            self.ended_at(last_of(latest))
            if bucket_of(self.end + 1) == bucket:
                break
            bucket = bucket_of(self.end + 1)
        return self.end

    async def commit_at(self, position: int) -> Commit | None:
        """Return the commit that begins at `position`."""
        found = await self._calls.get(log_key(position))
        return commit_of(found) if found is not None else None

    async def select(self, *, after: int, up_to: int, limit: int, names: Collection[str] = ()) -> list[Notification]:
        """Return at most `limit` events at positions in `(after, up_to]`, in order; if `names` is not empty, only events with
        these names.
        """
        wanted = frozenset(names)
        found: list[Notification] = []
        candidates: list[Placed] = []
        missing = limit
        async with aclosing(self._placed(after, up_to, None if wanted else limit)) as slices:
            async for position, each in slices:
                if wanted and wanted.isdisjoint(each.names):
                    continue
                candidates.append((position, each))
                missing -= min(position + each.count - 1, up_to) - max(position, after + 1) + 1
                if missing <= 0:
                    found += await self._notifications(candidates, after, up_to, wanted)
                    candidates, missing = [], limit - len(found)
                    if missing <= 0:
                        break
        found += await self._notifications(candidates, after, up_to, wanted)
        return found[:limit]

    async def select_as_stored(self, *, after: int, up_to: int, limit: int) -> list[Notification]:
        """Like `select`, for a log that may be damaged: skips missing events, and gives an event whose bytes cannot be unpacked
        the bytes of its slice.
        """
        placed: list[Placed] = []
        begin, missing = await self._beginning(after + 1), limit
        for bucket in range(bucket_of(begin), bucket_of(up_to) + 1):
            async with aclosing(self._items(max(begin, bucket * BUCKET + 1), up_to, None)) as items:
                async for item in items:
                    for position, each in commit_of(item).placed():
                        last = position + each.count - 1
                        if last > after and position <= up_to:
                            placed.append((position, each))
                            missing -= min(last, up_to) - max(position, after + 1) + 1
                    if missing <= 0:
                        break
            if missing <= 0:
                break
        found = await self._notifications_as_stored(placed, after, up_to)
        return found[:limit]

    # --- commits ----------------------------------------------------------------------------------------------------

    async def _placed(self, after: int, up_to: int, page_limit: int | None) -> AsyncGenerator[Placed, None]:
        """Yield the slices that have positions in `(after, up_to]`."""
        async with aclosing(self._commits(after, up_to, page_limit)) as commits:
            async for commit in commits:
                for position, each in commit.placed():
                    if position > up_to:
                        return
                    if position + each.count - 1 > after:
                        yield position, each

    async def _commits(self, after: int, up_to: int, page_limit: int | None) -> AsyncGenerator[Commit, None]:
        """Yield the commits that have positions in `(after, up_to]`, each right after the previous one.

        A query may see one transaction partly and a later one fully; the query is then repeated.
        """
        backoff = new_backoff()
        next_first = await self._beginning(after + 1)
        while next_first <= up_to:
            came_to, in_order = next_first, True
            async with aclosing(self._items(next_first, up_to, page_limit)) as items:
                async for item in items:
                    commit = commit_of(item)
                    if commit.first != next_first:
                        in_order = False
                        break
                    yield commit
                    next_first = commit.last + 1
                    self.ended_at(commit.last)
            if not in_order:
                await asyncio.sleep(backoff.next_s())
            elif bucket_of(next_first) == bucket_of(came_to):
                return

    async def _items(self, first: int, up_to: int, page_limit: int | None) -> AsyncGenerator[Item, None]:
        """Yield the commits of one bucket that begin in `[first, up_to]`."""
        pages = self._calls.query(
            log_partition(bucket_of(first)),
            lowest=sort_key(first),
            highest=sort_key(min(up_to, NO_LATER)),
            limit=page_limit,
        )
        async with aclosing(pages):
            async for page in pages:
                for item in page:
                    yield item

    async def _beginning(self, position: int) -> int:
        """Return the position at which the commit with `position` begins, or `position` itself if no such commit is found."""
        if position == 1 or position - 1 in self._boundaries:
            return position
        for bucket in range(bucket_of(position), max(bucket_of(position) - 2, -1), -1):
            if (found := await self._last_in(bucket, before=position)) is not None:
                return first_of(found)
        return position

    async def _last_in(self, bucket: int, before: int = NO_LATER) -> Item | None:
        """Return the last commit of the bucket that begins at or before `before`."""
        return await self._calls.first(
            log_partition(bucket), lowest=sort_key(0), highest=sort_key(before), backwards=True
        )

    async def _last_bucket(self) -> int:
        """Find the last bucket in use, in steps that grow and then shrink. Commits never skip a bucket."""

        async def is_used(bucket: int) -> bool:
            return (
                await self._calls.first(log_partition(bucket), lowest=sort_key(0), highest=sort_key(NO_LATER))
                is not None
            )

        used, step = 0, 1
        while await is_used(used + step):
            used, step = used + step, 2 * step
        while step > 1:
            step //= 2
            if await is_used(used + step):
                used += step
        return used

    # --- events -----------------------------------------------------------------------------------------------------

    async def _notifications(
        self, slices: Sequence[Placed], after: int, up_to: int, names: frozenset[str]
    ) -> list[Notification]:
        items = await self._all_items([each for _, each in slices])
        found = []
        for position, each in slices:
            chunks = [items[key_of(key)] for key in each.keys]
            for at, event in enumerate(unpacked(each.stream, each.first, chunks), position):
                if after < at <= up_to and (not names or event.topic in names):
                    found.append(
                        Notification(event.originator_id, event.originator_version, event.topic, event.state, id=at)
                    )
        return found

    async def _notifications_as_stored(self, slices: Sequence[Placed], after: int, up_to: int) -> list[Notification]:
        keys = list({key_of(key): key for _, each in slices for key in each.keys}.values())
        batches = [keys[at : at + BATCH_KEYS] for at in range(0, len(keys), BATCH_KEYS)]
        items = {key_of(item): item for batch in batches for item in await self._calls.get_many(batch)}
        found = []
        for position, each in slices:
            chunks = [items[key_of(key)] for key in each.keys if key_of(key) in items]
            for at, event in enumerate(unpacked_as_stored(each, chunks), position):
                if after < at <= up_to:
                    found.append(
                        Notification(event.originator_id, event.originator_version, event.topic, event.state, id=at)
                    )
        return sorted(found, key=lambda each: each.id)

    async def _all_items(self, slices: Sequence[Slice]) -> dict[tuple[str, str], Item]:
        """Return all items by key. They exist, because their commit does; an item that is not visible yet is fetched again."""
        missing = {key_of(key): key for each in slices for key in each.keys}
        items: dict[tuple[str, str], Item] = {}
        backoff = new_backoff()
        at_once = asyncio.Semaphore(BATCHES_AT_ONCE)

        async def fetch(keys: list[Item]) -> list[Item]:
            async with at_once:
                return await self._calls.get_many(keys)

        while missing:
            keys = list(missing.values())
            batches = [keys[at : at + BATCH_KEYS] for at in range(0, len(keys), BATCH_KEYS)]
            for found in await asyncio.gather(*map(fetch, batches)):
                for item in found:
                    items[key_of(item)] = item
                    del missing[key_of(item)]
            if missing:
                await asyncio.sleep(backoff.next_s())
        return items
