"""What the store makes of a recorder that fails, hangs, or fails after it has written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.application.ports.event_store import StoreUnavailable, StreamId, VersionConflict
from tests.support.stores import notes, text_of

pytestmark = pytest.mark.threads

A, B = StreamId("acme/depot/a"), StreamId("acme/depot/b")


class DriverBroke(Exception):
    pass


class FailingRecorder(POPOApplicationRecorder):
    """Raises `before` or `after` writing, once each."""

    before: Exception | None = None
    after: Exception | None = None

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        self._fail("before")
        positions = super().insert_events(stored_events, **kwargs)
        self._fail("after")
        return positions

    def _fail(self, when: str) -> None:
        failure, _ = getattr(self, when), setattr(self, when, None)
        if failure is not None:
            raise failure


class HangingRecorder(POPOApplicationRecorder):
    """Writes when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.release, self.written = threading.Event(), threading.Event(), threading.Event()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        self.reached.set()
        assert self.release.wait(10)
        positions = super().insert_events(stored_events, **kwargs)
        self.written.set()
        return positions


async def texts(store: RecorderEventStore) -> list[str]:
    return [text_of(recorded.event) for recorded in await store.read_log(after=0, limit=100)]


@pytest.mark.parametrize(
    "failure", [OperationalError("disk I/O error"), TimeoutError(), OSError(5, "EIO"), DriverBroke()]
)
async def test_a_recorder_that_fails_is_an_unavailable_store_and_works_again_later(failure: Exception) -> None:
    recorder = FailingRecorder()
    store = RecorderEventStore(recorder, driver_errors=(DriverBroke,))
    recorder.before = failure

    with pytest.raises(StoreUnavailable):
        await store.append([notes(A, ["refused"])])
    await store.append([notes(A, ["kept"])])

    assert await texts(store) == ["kept"]
    await store.close()


async def test_a_commit_of_unknown_outcome_can_be_tried_again_without_doubling_it() -> None:
    recorder = FailingRecorder()
    store = RecorderEventStore(recorder)
    batch = [notes(A, ["one", "two"]), notes(B, ["three"])]
    recorder.after = OperationalError("server closed the connection unexpectedly")

    with pytest.raises(StoreUnavailable):
        await store.append(batch)
    position = await store.append(batch)

    assert position == 3
    assert await texts(store) == ["one", "two", "three"]
    await store.close()


async def test_events_of_others_at_the_same_place_are_a_conflict_after_an_unknown_outcome_too() -> None:
    recorder = FailingRecorder()
    store = RecorderEventStore(recorder)
    mine, theirs = [notes(A, ["mine"])], [notes(A, ["theirs"])]
    recorder.before = OperationalError("gone away")

    with pytest.raises(StoreUnavailable):
        await store.append(mine)
    await store.append(theirs)
    with pytest.raises(VersionConflict):
        await store.append(mine)

    assert await texts(store) == ["theirs"]
    await store.close()


async def test_no_caller_waits_beyond_the_deadline_and_what_had_not_begun_never_happens() -> None:
    recorder = HangingRecorder()
    store = RecorderEventStore(recorder, timeout_s=0.05)
    under_way, queued = [notes(A, ["under way"])], [notes(B, ["queued"])]

    outcomes = await asyncio.gather(store.append(under_way), store.append(queued), return_exceptions=True)
    assert recorder.reached.is_set()
    recorder.release.set()
    await asyncio.to_thread(recorder.written.wait, 10)
    patient = RecorderEventStore(recorder)
    await patient.append(under_way)  # written meanwhile: found by its events' ids

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable]
    assert await texts(patient) == ["under way"]
    await patient.close()


async def test_the_event_loop_is_free_and_readers_are_served_while_the_disk_is_slow() -> None:
    recorder = HangingRecorder()
    store = RecorderEventStore(recorder)
    appending = asyncio.create_task(store.append([notes(A, ["slow"])]))
    await asyncio.to_thread(recorder.reached.wait, 10)

    assert await store.last_position() == 0
    assert not appending.done()

    recorder.release.set()
    assert await appending == 1
    await store.close()


async def test_a_caller_that_gives_up_leaves_the_store_in_order() -> None:
    recorder = HangingRecorder()
    store = RecorderEventStore(recorder)
    appending = asyncio.create_task(store.append([notes(A, ["given up"])]))
    await asyncio.to_thread(recorder.reached.wait, 10)

    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    recorder.release.set()
    await store.append([notes(B, ["next"])])

    assert await texts(store) == ["given up", "next"]
    await store.close()


async def test_closing_has_a_deadline_too() -> None:
    recorder = HangingRecorder()
    store = RecorderEventStore(recorder, timeout_s=0.05)
    with pytest.raises(StoreUnavailable):
        await store.append([notes(A, ["stuck"])])

    with pytest.raises(StoreUnavailable):
        await store.close()
    recorder.release.set()
