"""An event store that fails on demand: before it writes, or after it wrote, so that its caller does not know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from access_policy.application.ports.event_store import (
    Append,
    AppendTooLarge,
    EventStore,
    Recorded,
    StoreUnavailable,
    StreamId,
)


class FailingStore:
    """`down`: every call fails. `loses_answers`: an append is written, and fails for its caller. `most` and `most_events`
    limit the streams and events of one append. `fails_after`: the number of appends that succeed before the next ones fail.
    `failures` counts failed appends, so that a test knows that its fault has happened; `sizes` holds the number of streams
    of each append that was tried."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self.down = False
        self.loses_answers = False
        self.most: int | None = None
        self.most_events: int | None = None
        self.fails_after: int | None = None
        self.failures = 0
        self.sizes: list[int] = []

    async def append(self, appends: Sequence[Append]) -> int:
        self.sizes.append(len(appends))
        if self.most is not None and len(appends) > self.most:
            raise AppendTooLarge("told to fail")
        if self.most_events is not None and sum(len(append.events) for append in appends) > self.most_events:
            raise AppendTooLarge("told to fail")
        if self.fails_after is not None:
            self.down = self.fails_after == 0
            self.fails_after = max(0, self.fails_after - 1)
        if self.loses_answers:
            await self._store.append(appends)
        if self.down or self.loses_answers:
            self.failures += 1
            raise StoreUnavailable("told to fail")
        return await self._store.append(appends)

    async def load(self, stream: StreamId, *, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        self._answer()
        return await self._store.load(stream, after_version=after_version, limit=limit)

    async def read_log(
        self,
        *,
        after: int,
        limit: int,
        types: Collection[str] = (),
        up_to: int | None = None,
        with_unreadable: bool = False,
    ) -> list[Recorded]:
        self._answer()
        return await self._store.read_log(
            after=after, limit=limit, types=types, up_to=up_to, with_unreadable=with_unreadable
        )

    async def last_position(self) -> int:
        self._answer()
        return await self._store.last_position()

    def on_appended(self, listener: Callable[[frozenset[str]], None]) -> None:
        self._store.on_appended(listener)

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailable("told to fail")
