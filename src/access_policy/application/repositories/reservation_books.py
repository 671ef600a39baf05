"""All depots' reservations. A process folds each book once and shares it with the decision view, like the registries."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.directories import BooksInMemory
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.repositories import Committed
from access_policy.application.streams import reservation_book_stream
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.events import ReservationEvent


class ReservationBooks:
    def __init__(self, store: EventStore, in_memory: BooksInMemory) -> None:
        self._store = store
        self._in_memory = in_memory
        self._locks: defaultdict[tuple[TenantId, DepotId], asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def locked(self, tenant_id: TenantId, depot_id: DepotId) -> AsyncIterator[ReservationBook]:
        """Yield the book as stored now, for one command of this process at a time. The command must not change it, and
        must decide after its last await: until then the book may advance by other processes' events."""
        async with self._locks[tenant_id, depot_id]:
            yield await self._caught_up(tenant_id, depot_id)

    async def record(
        self, context: Context, book: ReservationBook, events: tuple[ReservationEvent, ...], *, now: datetime
    ) -> Committed:
        """Append the decision of `book`. Raises `VersionConflict` or `StoreUnavailable`."""
        return await self.record_together(context, [(book, events)], now=now)

    async def record_together(
        self,
        context: Context,
        decisions: Sequence[tuple[ReservationBook, tuple[ReservationEvent, ...]]],
        *,
        now: datetime,
    ) -> Committed:
        """Append the decisions of several books in one transaction; return the version of the last book. Raises
        `VersionConflict` or `StoreUnavailable`."""
        appends = [
            Append(
                reservation_book_stream(context.tenant_id, book.depot_id),
                book.version,
                enveloped(context, events, now=now),
            )
            for book, events in decisions
            if events
        ]
        book, events = decisions[-1]
        version = book.version + len(events)
        position = await self._store.append(appends) if appends else 0
        return Committed(version, position)

    def follow(self, tenant_id: TenantId, events: Sequence[ReservationEvent], first_version: int) -> None:
        """Fold events that the caller has recorded, before the log's follower does."""
        self._in_memory.follow_book(tenant_id, enumerate(events, first_version))

    async def _caught_up(self, tenant_id: TenantId, depot_id: DepotId) -> ReservationBook:
        book = self._in_memory.book(tenant_id, depot_id)
        stream = reservation_book_stream(tenant_id, depot_id)
        later = await self._store.load(stream, after_version=book.version)
        self._in_memory.follow_book(tenant_id, [(each.version, each.event) for each in later])
        return book
