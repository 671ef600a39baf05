"""The job that appends events of changed records: what an earlier process left, and again after failures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from access_policy.application.audit.record_changes import LONGEST_S, RecordChanges
from access_policy.application.ports.event_store import StoreUnavailable, StreamId
from access_policy.application.ports.pending_events import PendingEvent
from tests.support.stores import happened, inline_memory_store, note, text_of
from tests.support.virtual_time import run_in_virtual_time

STREAM, OTHER = StreamId("acme/records/one"), StreamId("acme/records/two")


@dataclass
class Pending:
    """`down`: so many calls fail."""

    rows: list[PendingEvent] = field(default_factory=list)
    down: int = 0

    async def oldest(self, limit: int, stream: StreamId | None = None) -> list[PendingEvent]:
        if self.down:
            self.down -= 1
            raise StoreUnavailable("down")
        return [each for each in self.rows if stream in (None, each.stream)][:limit]

    async def forget(self, number: int) -> None:
        self.rows = [each for each in self.rows if each.number != number]


def pending(number: int, text: str, stream: StreamId = STREAM) -> PendingEvent:
    return PendingEvent(stream=stream, event=happened(note(text)), number=number)


async def texts(store: object, stream: StreamId) -> list[str]:
    return [text_of(each.event) for each in await store.load(stream)]  # type: ignore[attr-defined]


def test_run_appends_in_order_what_was_left_and_again_after_failures() -> None:
    async def scenario() -> None:
        store, rows = inline_memory_store(), Pending([pending(1, "a"), pending(2, "b")], down=3)
        job = asyncio.create_task(RecordChanges(rows, store).run())
        await asyncio.sleep(4 * LONGEST_S)
        rows.rows.append(pending(3, "c"))
        await asyncio.sleep(LONGEST_S)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)

        assert await texts(store, STREAM) == ["a", "b", "c"]

    run_in_virtual_time(scenario())


async def test_append_of_one_stream_leaves_others_pending() -> None:
    store, rows = inline_memory_store(), Pending([pending(1, "a"), pending(2, "b", OTHER)])

    await RecordChanges(rows, store).append(OTHER)

    assert (await texts(store, STREAM), await texts(store, OTHER)) == ([], ["b"])
    assert [each.number for each in rows.rows] == [1]
    await store.close()


async def test_append_of_an_event_that_is_in_the_log_already_appends_nothing() -> None:
    store, one = inline_memory_store(), pending(1, "a")
    for _ in range(2):
        await RecordChanges(Pending([one]), store).append()

    assert await texts(store, STREAM) == ["a"]
    await store.close()
