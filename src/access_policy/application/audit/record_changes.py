"""Append to the log the events of changed records (ADR 0034).

A changed record and its event are stored in one transaction of the records' database. The event is then appended to the
log before the caller gets the answer or, if that fails, by `run`. An event is appended once, no matter how often the
append is repeated.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from access_policy.application.backoff import Backoff
from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import (
    Append,
    EventStore,
    StoreUnavailable,
    StreamId,
    VersionConflict,
)
from access_policy.application.ports.pending_events import PendingEvent, PendingEvents

log = logging.getLogger(__name__)

BATCH: Final = 100  # events
CHECK_INTERVAL_S: Final = 5.0
LONGEST_S: Final = 60.0
TRIES: Final = 6


def pending_event(context: Context, stream: StreamId, event: Any, *, now: datetime) -> PendingEvent:
    return PendingEvent(stream=stream, event=enveloped(context, (event,), now=now)[0])


@dataclass(frozen=True, slots=True)
class RecordChanges:
    pending: PendingEvents
    store: EventStore

    async def append(self, stream: StreamId | None = None) -> None:
        """Append the pending events of the stream, or of all streams. Raises `StoreUnavailable`: some events are still
        pending."""
        while batch := await self.pending.oldest(BATCH, stream):
            for each in batch:
                await self._append(each)
                await self.pending.forget(each.number)

    async def run(self) -> None:
        """Until cancelled, append events that the process that made the change could not append."""
        backoff = Backoff(CHECK_INTERVAL_S, LONGEST_S)
        while True:
            delay_s = CHECK_INTERVAL_S
            try:
                await self.append()
                backoff.reset()
            except StoreUnavailable as trouble:
                log.warning("changes of records are not in the log yet: %s", trouble)
                delay_s = backoff.next_s()
            await asyncio.sleep(delay_s)

    async def _append(self, pending: PendingEvent) -> None:
        """Append one pending event. Raises `StoreUnavailable`."""
        for _ in range(TRIES):
            known = await self.store.load(pending.stream)
            if any(each.envelope.event_id == pending.event.envelope.event_id for each in known):
                return  # appended by another process, or before a failure
            try:
                await self.store.append([Append(pending.stream, len(known), (pending.event,))])
            except VersionConflict:
                continue
            return
        raise StoreUnavailable(f"others append to {pending.stream} at the same time; the append will be retried")
