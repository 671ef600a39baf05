"""The live hub: each change once and in order to whoever may read it, from any position, within bounds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from access_policy.application.context import new_id
from access_policy.application.live import hub as hubs
from access_policy.application.live import recent_messages, subscription
from access_policy.application.live.hub import LiveHub
from access_policy.application.live.messages import Audience, EndReason, Rendered
from access_policy.application.live.subjects import Kind, Subject
from access_policy.application.live.subscription import Subscription
from access_policy.application.ports.event_store import Append, EventStore, NewEvent, StoreUnavailable, StreamId
from access_policy.domain.charger_condition.events import ChargerDisconnected
from access_policy.domain.ids import ChargerId, DepotId, TenantId
from access_policy.domain.site_energy.events import DemandMeasured
from tests.support.stores import NOON, envelope, memory_store

DEADLINE_S = 10.0
ACME, RIVAL = TenantId("acme"), TenantId("rival")


class Fleet:
    """Implements `Progress` and `Rendering`. Things are at the depot `north` unless told otherwise."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.asked: list[tuple[TenantId, str]] = []
        self.depots: dict[str, str] = {}
        self.failures = 0
        self.held_at: int | None = None  # the read models of this process have not got further

    async def reached(self) -> int:
        last = await self.store.last_position()
        return last if self.held_at is None else min(last, self.held_at)

    async def beyond(self, position: int) -> int:
        while (reached := await self.reached()) <= position:  # noqa: ASYNC110  in memory
            await asyncio.sleep(0.001)
        return reached

    async def render(self, tenant_id: TenantId, subjects: Sequence[Subject]) -> dict[Subject, Rendered]:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("down")
        self.asked += [(tenant_id, each.id) for each in subjects]
        return {each: Rendered(b"{}", self.depots.get(each.id, "north"), each.id) for each in subjects}

    async def change(self, *chargers: str, tenant: str = "acme") -> int:
        """One event for each; returns the position of the last one."""
        for charger in chargers:
            event = ChargerDisconnected(charger_id=ChargerId(charger), reason="gone", disconnected_at=NOON)
            new = NewEvent(event, envelope(tenant=tenant))
            await self.store.append([Append(StreamId(f"{tenant}/charger_condition/{new_id()}"), 0, (new,))])
        return await self.store.last_position()


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    store = memory_store()
    yield Fleet(store)
    await store.close()


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "REST_MIN_S", 0.0)
    monkeypatch.setattr(hubs, "REST_MAX_S", 0.0)
    monkeypatch.setattr(hubs, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr(hubs, "RETRY_LONGEST_S", 0.001)


@pytest.fixture
async def hub(fleet: Fleet) -> AsyncIterator[LiveHub]:
    hub = LiveHub(fleet.store, fleet, fleet)
    yield hub
    await hub.close()


def audience(tenant: TenantId = ACME, depots: Sequence[str] | None = None, **wanted: Any) -> Audience:
    scope = None if depots is None else frozenset(map(DepotId, depots))
    return Audience(**{"tenant_id": tenant, "depots": scope, "sees_imports": True, "kinds": frozenset(Kind), **wanted})


async def client(hub: LiveHub, after: int | None = None, **who: Any) -> tuple[Subscription, bytes]:
    """The subscription and the beginning of its stream."""
    opened = await hub.subscribe(audience(**who), after)
    return opened, await hub.replay(opened, after)


async def received(hub: LiveHub, opened: Subscription, up_to: int) -> bytes:
    """What the client receives until the hub has handed out everything up to the position."""
    async with asyncio.timeout(DEADLINE_S):
        while hub.position < up_to:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    return b"" if opened.is_empty else b"".join(each.plain for each in await opened.next())


def ids(stream: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"^id: (\d+)$", stream, re.MULTILINE)]


def names(stream: bytes) -> list[bytes]:
    return re.findall(rb"^event: (\S+)$", stream, re.MULTILINE)


@pytest.mark.parametrize(("took_s", "rests_s"), [(0.001, 0.05), (0.05, 0.15), (2.0, 0.25)])
def test_hub_rests_three_times_as_long_as_its_messages_took_within_bounds(
    took_s: float, rests_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()

    assert hubs.rest_after(took_s) == pytest.approx(rests_s)


async def test_change_is_sent_with_the_position_of_its_event(fleet: Fleet, hub: LiveHub) -> None:
    opened, beginning = await client(hub)

    position = await fleet.change("bay-1")
    stream = await received(hub, opened, position)

    assert names(beginning) == [b"ready"]
    assert stream == b"id: %d\nevent: charger\ndata: {}\n\n" % position


async def test_changes_for_many_clients_are_rendered_once(fleet: Fleet, hub: LiveHub) -> None:
    opened = [(await client(hub))[0] for _ in range(50)]

    position = await fleet.change("bay-1", "bay-2")
    streams = {await received(hub, each, position) for each in opened}

    assert len(streams) == 1
    assert sorted(fleet.asked) == [(ACME, "bay-1"), (ACME, "bay-2")]


async def test_change_of_another_tenant_is_neither_sent_nor_rendered(fleet: Fleet, hub: LiveHub) -> None:
    opened, _ = await client(hub)

    position = await fleet.change("theirs", tenant="rival")

    assert await received(hub, opened, position) == b""
    assert fleet.asked == []


@pytest.mark.parametrize(
    "who",
    [{"depots": ["south"]}, {"depots": []}, {"depot_id": "south"}, {"charger_id": "bay-9"}, {"kinds": frozenset()}],
)
async def test_change_outside_the_audience_is_not_sent(fleet: Fleet, hub: LiveHub, who: dict[str, Any]) -> None:
    start = await fleet.change("bay-1")
    opened, _ = await client(hub, **who)

    position = await fleet.change("bay-1")
    live = await received(hub, opened, position)
    _, replayed = await client(hub, start, **who)

    assert live == b""
    assert names(replayed) == [b"ready"]


async def test_import_progress_is_for_callers_of_all_depots_who_may_import(fleet: Fleet, hub: LiveHub) -> None:
    message = hubs.Message(1, Subject(Kind.IMPORT, "plan"), Rendered(b"{}"))

    admitted = [
        audience().admits(message),
        audience(sees_imports=False).admits(message),
        audience(depots=["north"]).admits(message),
        audience(depot_id="north").admits(message),
    ]

    assert admitted == [True, False, False, False]


async def test_replay_from_any_position_leaves_no_gap(fleet: Fleet, hub: LiveHub) -> None:
    everything = [await fleet.change(f"bay-{number}") for number in range(30)]
    keeping, _ = await client(hub)
    everything += [await fleet.change(f"bay-{number}") for number in range(30, 60)]
    await received(hub, keeping, everything[-1])

    for after in (0, everything[3], everything[29], everything[40], everything[-1]):
        opened, replayed = await client(hub, after)
        assert ids(replayed) == [*(each for each in everything if each > after), hub.position]
        hub.leave(opened)


async def test_clients_that_connect_while_changes_are_handed_out_miss_none(fleet: Fleet, hub: LiveHub) -> None:
    await client(hub)
    late: list[tuple[Subscription, bytes]] = []

    async def connect() -> None:
        for _ in range(20):
            late.append(await client(hub, 0))
            await asyncio.sleep(0)

    connecting = asyncio.create_task(connect())
    everything = [await fleet.change(f"bay-{number}") for number in range(60)]
    await connecting

    for opened, replayed in late:
        live = await received(hub, opened, everything[-1])
        assert ids(replayed + live) == sorted(ids(replayed + live))
        assert names(replayed + live).count(b"charger") == 60


async def test_first_client_of_a_tenant_misses_nothing_while_another_tenants_changes_are_rendered(
    fleet: Fleet, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendering, go_on = asyncio.Event(), asyncio.Event()
    render = fleet.render

    async def slow(tenant_id: TenantId, subjects: Sequence[Subject]) -> dict[Subject, Rendered]:
        rendering.set()
        await go_on.wait()
        return await render(tenant_id, subjects)

    await client(hub, tenant=RIVAL)
    monkeypatch.setattr(fleet, "render", slow)
    await fleet.change("bay-1")
    await fleet.change("theirs", tenant="rival")
    await asyncio.wait_for(rendering.wait(), DEADLINE_S)
    connecting = asyncio.create_task(client(hub, 0))
    await asyncio.sleep(0)
    go_on.set()

    opened, replayed = await connecting

    assert names(replayed + await received(hub, opened, await fleet.reached())).count(b"charger") == 1


async def test_thing_that_changed_often_is_replayed_once_with_its_latest_position(fleet: Fleet, hub: LiveHub) -> None:
    last = await fleet.change(*["bay-1"] * 5)

    _, replayed = await client(hub, 0)

    assert names(replayed) == [b"charger", b"ready"]
    assert ids(replayed) == [last, last]


async def test_hundred_clients_that_connect_again_read_the_log_once(
    fleet: Fleet, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fleet.change(*[f"bay-{number}" for number in range(20)])
    reads = 0
    read_log = fleet.store.read_log

    async def counted(**how: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read_log(**how)

    monkeypatch.setattr(fleet.store, "read_log", counted)

    streams = await asyncio.gather(*[client(hub, 0) for _ in range(100)])

    assert {stream.count(b"event: charger") for _, stream in streams} == {20}
    assert reads == 1
    assert len(fleet.asked) == 20


async def test_position_of_too_long_ago_resets_the_client(
    fleet: Fleet, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "REPLAYED_MAX", 3)
    last = await fleet.change(*[f"bay-{number}" for number in range(5)])

    _, too_old = await client(hub, last - 4)
    _, old = await client(hub, last - 3)

    assert names(too_old) == [b"reset", b"ready"]
    assert b'"reason":"too-old"' in too_old
    assert names(old) == [b"charger"] * 3 + [b"ready"]


async def test_more_things_than_are_kept_reset_the_client(
    fleet: Fleet, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_messages, "KEPT_MAX", 3)
    keeping, _ = await client(hub)
    last = await fleet.change(*[f"bay-{number}" for number in range(5)])
    await received(hub, keeping, last)

    _, replayed = await client(hub, last - 3)
    _, too_much = await client(hub, last - 4)

    assert names(replayed) == [b"charger"] * 3 + [b"ready"]
    assert names(too_much) == [b"reset", b"ready"]


async def test_position_beyond_the_log_resets_the_client(fleet: Fleet, hub: LiveHub) -> None:
    last = await fleet.change("bay-1")

    _, stream = await client(hub, last + 1)

    assert names(stream) == [b"reset", b"ready"]
    assert ids(stream) == [last, last]


async def test_client_from_a_process_that_is_further_ahead_gets_nothing_twice(fleet: Fleet, hub: LiveHub) -> None:
    everything = [await fleet.change(f"bay-{number}") for number in range(6)]
    fleet.held_at = everything[1]

    ahead, beginning = await client(hub, everything[3])
    behind, replayed = await client(hub, everything[0])
    fleet.held_at = None
    rest = await received(hub, ahead, everything[-1])

    assert names(beginning) == [b"ready"]
    assert ids(beginning + rest) == [everything[3], *everything[4:]]
    assert ids(replayed + await received(hub, behind, everything[-1])) == [
        everything[1],
        everything[1],
        *everything[2:],
    ]


async def test_idle_clients_receive_heartbeats_with_the_position(
    fleet: Fleet, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "HEARTBEAT_S", 0.001)
    position = await fleet.change("bay-1")
    opened = [(await client(hub))[0] for _ in range(3)]

    async with asyncio.timeout(DEADLINE_S):
        beats = [(await each.next())[0] for each in opened]

    assert {each.plain for each in beats} == {b": heartbeat\nid: %d\n\n" % position}


async def test_clients_with_the_same_filters_share_one_piece(fleet: Fleet, hub: LiveHub) -> None:
    opened = [(await client(hub, depots=["north"]))[0] for _ in range(3)]

    await fleet.change("bay-1")
    async with asyncio.timeout(DEADLINE_S):
        pieces = [(await each.next())[0] for each in opened]

    assert pieces[0] is pieces[1] is pieces[2]
    assert pieces[0].compressed is pieces[1].compressed


async def test_slow_reader_is_cut_off_and_loses_nothing(
    fleet: Fleet, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "WAITING_MAX", 100)
    slow, _ = await client(hub)
    quick, _ = await client(hub)
    read = await fleet.change("bay-0")
    got = ids(await received(hub, slow, read))
    await received(hub, quick, read)
    for number in range(1, 5):
        await received(hub, quick, await fleet.change(f"bay-{number}"))

    monkeypatch.setattr(subscription, "WAITING_MAX", 1_000_000)
    _, again = await client(hub, got[-1])

    assert slow.ended is EndReason.SLOW_READER
    assert quick.ended is None
    assert slow.is_empty
    assert names(again) == [b"charger"] * 4 + [b"ready"]


async def test_failure_of_the_rendering_is_survived_without_a_gap(fleet: Fleet, hub: LiveHub) -> None:
    opened, _ = await client(hub)
    fleet.failures = 3

    position = await fleet.change("bay-1")

    assert ids(await received(hub, opened, position)) == [position]


async def measure(fleet: Fleet, second: int, depot: str = "north") -> int:
    at = NOON + timedelta(seconds=second)
    event = DemandMeasured(depot_id=DepotId(depot), items=(), received_at=at)
    new = NewEvent(event, replace(envelope(), recorded_at=at))
    return await fleet.store.append([Append(StreamId(f"acme/site_energy/{new_id()}"), 0, (new,))])


async def test_measurements_of_a_depot_make_one_message_in_five_seconds(fleet: Fleet, hub: LiveHub) -> None:
    opened, _ = await client(hub)

    sent: list[tuple[int, str, list[bytes]]] = []
    for second, depot in ((0, "north"), (2, "north"), (3, "south"), (4, "north"), (5, "north"), (9, "north")):
        sent.append((second, depot, names(await received(hub, opened, await measure(fleet, second, depot)))))

    assert [(second, depot) for second, depot, found in sent if found == [b"energy"]] == [
        (0, "north"),
        (3, "south"),
        (5, "north"),
    ]
    assert [found for second, _, found in sent if second in (2, 4, 9)] == [[], [], []]


async def test_measurements_are_replayed_from_the_position_of_a_client(fleet: Fleet, hub: LiveHub) -> None:
    before = await measure(fleet, 0)
    latest = await measure(fleet, 1)

    _, begun = await client(hub, before)

    assert (names(begun)[0], ids(begun)[0]) == (b"energy", latest)


async def test_close_ends_all_streams_and_those_that_begin_later(hub: LiveHub) -> None:
    opened, _ = await client(hub)

    await hub.close()
    late = await hub.subscribe(audience())

    assert (opened.ended, late.ended) == (EndReason.SHUTTING_DOWN, EndReason.SHUTTING_DOWN)
    assert await opened.next() == []


async def test_last_client_that_leaves_stops_the_hub_and_the_next_starts_it(fleet: Fleet, hub: LiveHub) -> None:
    first, _ = await client(hub)
    hub.leave(first)
    left_at = await fleet.change("bay-1")

    opened, _ = await client(hub)
    position = await fleet.change("bay-2")

    assert ids(await received(hub, opened, position)) == [position]
    assert fleet.asked == [(ACME, "bay-2")]
    assert hub.position > left_at
    assert hub.clients == 1
