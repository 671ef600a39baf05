"""What every event store promises (see the port's docstrings), whichever adapter it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.event_stores.serde import EventSerde, UnknownStoredName
from access_policy.application.ports.event_store import (
    Append,
    EventStore,
    NewEvent,
    StoreUnavailable,
    StreamId,
    Unreadable,
    VersionConflict,
    name_of,
)
from access_policy.domain.charger_condition.events import ChargerDisconnected, ConnectorRecovered
from access_policy.domain.ids import ChargerId
from tests.integration.event_stores.conftest import StoreFactory
from tests.support.lengths import Length
from tests.support.stores import NOON, envelope, happened, note, notes, text_of

WRITERS = 16
APPENDS_EACH = Length(ci=6, soak=50, of=f"appends of each of {WRITERS} writers")
RACERS = Length(ci=8, soak=64, of="racers")
A, B, NEVER_SEEN = StreamId("acme/depot/a"), StreamId("acme/depot/b"), StreamId("acme/depot/never-seen")


async def texts(store: EventStore, stream: StreamId) -> list[str]:
    return [text_of(recorded.event) for recorded in await store.load(stream)]


async def log_texts(store: EventStore) -> list[str]:
    return [text_of(recorded.event) for recorded in await store.read_log(after=0, limit=10_000)]


# --- streams --------------------------------------------------------------------------------------------------------


async def test_a_stream_never_seen_is_empty(store: EventStore) -> None:
    assert await store.load(NEVER_SEEN) == []


async def test_events_come_back_in_order_as_they_were(store: EventStore) -> None:
    first, second = happened(note("one")), happened(note("two"))

    await store.append([Append(A, 0, (first,))])
    await store.append([Append(A, 1, (second,))])

    loaded = await store.load(A)
    assert [(r.stream, r.version, NewEvent(r.event, r.envelope)) for r in loaded] == [(A, 1, first), (A, 2, second)]


async def test_a_stream_can_be_loaded_from_a_version_on(store: EventStore) -> None:
    await store.append([notes(A, ["one", "two", "three"])])

    assert [recorded.version for recorded in await store.load(A, after_version=1)] == [2, 3]
    assert await store.load(A, after_version=3) == []


async def test_only_the_first_events_of_a_stream_are_loaded_when_a_limit_is_given(store: EventStore) -> None:
    await store.append([notes(A, ["one", "two", "three", "four"])])

    loaded = await store.load(A, after_version=1, limit=2)

    assert [text_of(recorded.event) for recorded in loaded] == ["two", "three"]


async def test_streams_do_not_mix(store: EventStore) -> None:
    await store.append([notes(A, ["of a"]), notes(B, ["of b"])])

    assert await texts(store, A) == ["of a"]
    assert await texts(store, B) == ["of b"]


async def test_streams_of_two_tenants_with_the_same_ids_are_two_streams(store: EventStore) -> None:
    ours, theirs = StreamId("acme/depot/a"), StreamId("rival/depot/a")

    await store.append([notes(ours, ["ours"]), notes(theirs, ["theirs"])])
    await store.append([notes(theirs, ["theirs too"], expected_version=1)])
    with pytest.raises(VersionConflict):
        await store.append([notes(ours, ["no second"], expected_version=2)])

    assert await texts(store, ours) == ["ours"]
    assert await texts(store, theirs) == ["theirs", "theirs too"]
    logged = await store.read_log(after=0, limit=10)
    assert [(r.stream, text_of(r.event)) for r in logged] == [
        (ours, "ours"),
        (theirs, "theirs"),
        (theirs, "theirs too"),
    ]


async def test_an_instant_survives_the_trip_with_its_microseconds_and_in_utc(store: EventStore) -> None:
    at = datetime(2026, 10, 25, 1, 30, 0, 123456, tzinfo=UTC)
    await store.append([Append(A, 0, (happened(note("utc", at=at), at=at),))])

    recorded = (await store.load(A))[0]

    for instant in (recorded.event.disconnected_at, recorded.envelope.occurred_at):
        assert (instant, instant.utcoffset()) == (at, timedelta())


async def test_an_instant_with_another_offset_is_the_same_instant_afterwards(store: EventStore) -> None:
    at = datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    await store.append([Append(A, 0, (happened(note("cest", at=at)),))])

    assert (await store.load(A))[0].event.disconnected_at == at


async def test_an_event_of_more_than_100_kb_is_kept_whole(store: EventStore) -> None:
    large = "ä𝄞\0" * 50_000

    await store.append([notes(A, [large])])

    assert await texts(store, A) == [large]


# --- versions -------------------------------------------------------------------------------------------------------


async def test_a_stale_version_writes_nothing(store: EventStore) -> None:
    await store.append([notes(A, ["one", "two"])])

    for stale in (0, 1):
        with pytest.raises(VersionConflict):
            await store.append([notes(A, ["too late", "far too late"], expected_version=stale)])

    assert await log_texts(store) == ["one", "two"]


@pytest.mark.parametrize("beyond", [4, 5, 100])
async def test_a_gap_in_a_stream_is_refused(store: EventStore, beyond: int) -> None:
    await store.append([notes(A, ["one", "two", "three"])])

    with pytest.raises(VersionConflict):
        await store.append([notes(A, ["from the future"], expected_version=beyond)])

    assert await log_texts(store) == ["one", "two", "three"]


async def test_a_stream_cannot_begin_behind_its_beginning(store: EventStore) -> None:
    with pytest.raises(VersionConflict):
        await store.append([notes(NEVER_SEEN, ["second"], expected_version=1)])

    assert await store.last_position() == 0


async def test_of_twenty_racing_appends_one_wins(store: EventStore) -> None:
    await store.append([notes(A, ["first"])])

    outcomes = await asyncio.gather(
        *(store.append([notes(A, [f"racer {n}"], expected_version=1)]) for n in range(20)), return_exceptions=True
    )

    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 19
    assert len(await store.load(A)) == 2


@pytest.mark.soak(RACERS)
async def test_losers_of_a_race_succeed_when_they_load_again(store: EventStore) -> None:
    async def append_once(name: str) -> list[str]:
        while True:
            seen = await texts(store, A)
            try:
                await store.append([notes(A, [name], expected_version=len(seen))])
            except VersionConflict:
                continue
            return seen

    names = [f"writer {n}" for n in range(RACERS.count)]
    seen_before = dict(zip(names, await asyncio.gather(*map(append_once, names)), strict=True))

    history = await texts(store, A)
    assert sorted(history) == sorted(names)
    assert {name: history[: history.index(name)] for name in names} == seen_before


# --- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [notes(B, ["stale"]), notes(B, ["gap"], expected_version=7)], ids=["stale", "gap"])
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_one_bad_append_of_a_batch_writes_nothing_of_it(store: EventStore, bad: Append, place: int) -> None:
    await store.append([notes(B, ["there already"])])
    batch = [notes("acme/depot/c", ["good"]), notes(A, ["good", "good"])]
    batch.insert(place, bad)

    with pytest.raises(VersionConflict):
        await store.append(batch)

    assert await log_texts(store) == ["there already"]


async def test_a_batch_is_one_run_of_the_log_in_its_own_order(store: EventStore) -> None:
    last = await store.append([notes(B, ["1", "2"]), notes(A, ["3"]), notes(B, ["4"], expected_version=2)])

    log = await store.read_log(after=0, limit=10)
    assert [text_of(recorded.event) for recorded in log] == ["1", "2", "3", "4"]
    assert [(recorded.stream, recorded.version) for recorded in log] == [(B, 1), (B, 2), (A, 1), (B, 3)]
    assert log[-1].position == last


async def test_one_stream_twice_in_a_batch_at_the_same_version_is_a_conflict(store: EventStore) -> None:
    with pytest.raises(VersionConflict):
        await store.append([notes(A, ["one"]), notes(A, ["another one"])])

    assert await store.last_position() == 0


async def test_appending_nothing_writes_nothing(store: EventStore) -> None:
    position = await store.append([notes(A, ["one"])])

    assert await store.append([]) == position
    assert await store.append([Append(B, 0, ())]) == position
    assert await store.last_position() == position


async def test_appending_the_same_events_again_is_the_success_it_was(store: EventStore) -> None:
    batch = [notes(A, ["one", "two"]), notes(B, ["three"])]
    position = await store.append(batch)

    assert await store.append(batch) >= position

    assert await log_texts(store) == ["one", "two", "three"]


async def test_the_same_events_again_with_others_beside_them_are_a_conflict(store: EventStore) -> None:
    known = notes(A, ["one"])
    await store.append([known])

    with pytest.raises(VersionConflict):
        await store.append([known, notes(B, ["new"])])

    assert await log_texts(store) == ["one"]


async def test_another_event_of_the_same_content_is_not_the_same_event(store: EventStore) -> None:
    await store.append([notes(A, ["one"])])

    with pytest.raises(VersionConflict):
        await store.append([notes(A, ["one"])])


# --- the log --------------------------------------------------------------------------------------------------------


async def test_an_empty_log_ends_at_zero(store: EventStore) -> None:
    assert await store.last_position() == 0
    assert await store.read_log(after=0, limit=10) == []


async def test_positions_ascend_and_the_last_is_that_of_the_last_append(store: EventStore) -> None:
    returned = [await store.append([notes(f"acme/depot/{n}", ["x"])]) for n in range(5)]

    read = [recorded.position for recorded in await store.read_log(after=0, limit=10)]
    assert read == returned == sorted(set(returned))
    assert await store.last_position() == returned[-1]


async def test_the_log_is_read_in_pages(store: EventStore) -> None:
    await store.append([notes(A, [str(n) for n in range(10)])])
    last = await store.last_position()

    pages: list[list[str]] = []
    after = 0
    while page := await store.read_log(after=after, limit=4):
        pages.append([text_of(recorded.event) for recorded in page])
        after = page[-1].position

    assert pages == [["0", "1", "2", "3"], ["4", "5", "6", "7"], ["8", "9"]]
    assert after == last
    assert await store.read_log(after=0, limit=0) == []


async def test_the_log_is_read_up_to_a_position_included(store: EventStore) -> None:
    await store.append([notes(A, ["1", "2"])])
    middle = await store.last_position()
    await store.append([notes(B, ["3"])])

    assert [r.position for r in await store.read_log(after=0, limit=10, up_to=middle)][-1] == middle
    assert await store.read_log(after=middle, limit=10, up_to=middle) == []


async def test_only_the_types_asked_for_are_read_and_only_they_count_for_the_limit(store: EventStore) -> None:
    recovered = happened(ConnectorRecovered(charger_id=ChargerId("bay-1"), connector_id=1, recovered_at=NOON))
    for n in range(3):
        await store.append([notes(f"acme/depot/{n}", ["noise", "noise"])])
        await store.append([Append(StreamId(f"acme/recovered/{n}"), 0, (recovered,))])

    found = await store.read_log(after=0, limit=2, types=[ConnectorRecovered.TYPE])
    both = await store.read_log(after=0, limit=50, types={ConnectorRecovered.TYPE, ChargerDisconnected.TYPE})

    assert [recorded.event for recorded in found] == [recovered.event, recovered.event]
    assert len(both) == 9


async def test_a_type_that_nobody_knows_cannot_be_asked_for(store: EventStore) -> None:
    with pytest.raises(ValueError, match="depot_demolished"):
        await store.read_log(after=0, limit=1, types=["depot.depot_demolished.v1"])


@pytest.mark.soak(APPENDS_EACH)
async def test_a_tailing_reader_misses_nothing_of_sixteen_writers(store: EventStore) -> None:
    seen: list[tuple[int, str]] = []
    written: set[str] = set()
    writing = asyncio.Event()

    async def write(writer: int) -> None:
        for n in range(APPENDS_EACH.count):
            names = [f"{writer}-{n}-{part}" for part in range(1 + (writer + n) % 4)]
            await store.append([notes(f"acme/writer/{writer}-{n}", names)])
            if n % 5 == 0:  # a refused append in between, as every race makes them
                with pytest.raises(VersionConflict):
                    await store.append([notes(f"acme/writer/{writer}-{n}", ["refused"])])
            written.update(names)

    async def tail() -> AsyncIterator[None]:
        after = 0
        while True:
            finished = not writing.is_set()
            page = await store.read_log(after=after, limit=50)
            seen.extend((recorded.position, text_of(recorded.event)) for recorded in page)
            after = page[-1].position if page else after
            if finished and not page:
                return
            yield

    async def follow() -> None:
        async for _ in tail():
            await asyncio.sleep(0)

    writing.set()
    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    writing.clear()
    await following

    positions = [position for position, _ in seen]
    assert positions == sorted(set(positions))
    assert sorted(text for _, text in seen) == sorted(written)


async def test_an_unknown_stored_name_is_an_error_that_says_where_it_lies(
    make_store: StoreFactory, tmp_path: Path
) -> None:
    store = make_store(tmp_path, EventSerde([ChargerDisconnected, ConnectorRecovered]))
    recovered = ConnectorRecovered(charger_id=ChargerId("bay-1"), connector_id=1, recovered_at=NOON)
    await store.append([Append(A, 0, (happened(note("known")), happened(recovered)))])
    store._serde = EventSerde([ChargerDisconnected])  # the previous version of the program

    with pytest.raises(UnknownStoredName, match=ConnectorRecovered.TYPE) as unknown:
        await store.load(A)
    with pytest.raises(UnknownStoredName):
        await store.read_log(after=0, limit=10)
    known = await store.read_log(after=0, limit=10, types=[ChargerDisconnected.TYPE])
    await store.close()

    assert unknown.value.__notes__ == [f"stream {A}, version 2, position 0"]
    assert [text_of(recorded.event) for recorded in known] == ["known"]


async def test_events_that_cannot_be_read_are_handed_over_as_such_to_who_asks_for_them(
    make_store: StoreFactory, tmp_path: Path
) -> None:
    store = make_store(tmp_path, EventSerde([ChargerDisconnected, ConnectorRecovered]))
    recovered = ConnectorRecovered(charger_id=ChargerId("bay-1"), connector_id=1, recovered_at=NOON)
    await store.append([Append(A, 0, (happened(note("known")), happened(recovered, event_id="unknown-here")))])
    store._serde = EventSerde([ChargerDisconnected])  # the previous version of the program

    known, unknown = await store.read_log(after=0, limit=10, with_unreadable=True)
    await store.close()

    assert (known.event, name_of(known)) == (note("known"), ChargerDisconnected.TYPE)
    assert isinstance(unknown.event, Unreadable)
    assert name_of(unknown) == ConnectorRecovered.TYPE
    assert (unknown.stream, unknown.version, unknown.envelope.event_id) == (A, 2, "unknown-here")
    assert unknown.position > known.position


# --- listeners and the end ------------------------------------------------------------------------------------------


async def test_listeners_are_called_on_the_event_loop_after_each_commit(store: EventStore) -> None:
    loop = asyncio.get_running_loop()
    heard: list[tuple[str, bool]] = []
    for name in ("first", "second"):
        store.on_appended(lambda types, name=name: heard.append((name, asyncio.get_running_loop() is loop)))

    await store.append([notes(A, ["one"])])
    with pytest.raises(VersionConflict):
        await store.append([notes(A, ["refused"])])

    assert heard == [("first", True), ("second", True)]


async def test_a_negative_version_is_a_mistake_of_the_caller(store: EventStore) -> None:
    with pytest.raises(ValueError, match="counts from 0"):
        await store.append([notes(A, ["x"], expected_version=-1)])


async def test_a_closed_store_is_unavailable(store: RecorderEventStore) -> None:
    await store.close()
    await store.close()

    with pytest.raises(StoreUnavailable):
        await store.append([Append(A, 0, (NewEvent(note("x"), envelope()),))])
    with pytest.raises(StoreUnavailable):
        await store.load(A)
