"""Bar B9: the bus away for ten minutes, failing before and after; relays killed, and two at once. Nothing is lost or reordered.

Time is virtual. `B9_SEED` replays another run; 200 events a second is the rate of the requirement.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest

from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.records.relay_positions import MemoryRelayPositions
from access_policy.application.ports.event_bus import ACCEPTED, Entry, EventBus, PublishResult
from access_policy.application.ports.event_store import Append
from access_policy.application.relay.relay import Relay
from access_policy.application.relay.timings import RelayTimings
from access_policy.application.streams import policy_stream
from access_policy.domain.charger_access_policy.events import ModeOverrideLifted
from access_policy.domain.ids import ChargerId, OverrideId, TenantId
from tests.support.buses import Consumer, FaultyBus
from tests.support.lengths import Length
from tests.support.stores import NOON, happened, inline_memory_store
from tests.support.virtual_time import run_in_virtual_time

ACME = TenantId("acme")
SEED = int(os.environ.get("B9_SEED", "9"))
RATE = Length(ci=1, soak=200, of="events a second")
EVENTS_PER_S = RATE.count
BATCH = 100 if EVENTS_PER_S > 10 else 20  # a relay that cannot publish reads its batch again at each retry
CHARGERS = 60
DOWN_FROM_S, DOWN_FOR_S, AFTERWARDS_S = 30.0, 600.0, 90.0
KILLS = 20


class LoopClock:
    def now(self) -> datetime:
        return NOON + timedelta(seconds=asyncio.get_running_loop().time())


class Unclaimed(MemoryRelayPositions):
    """Every relay believes that it is the one: two publish at once all the time."""

    async def acquire_lease(self, holder: str, *, now: datetime, lasts: timedelta) -> bool:
        return True


@dataclass
class Trusting:
    """The red control: a bus adapter that takes an answer for all entries taken."""

    bus: EventBus

    async def publish(self, entries: Sequence[Entry]) -> list[PublishResult]:
        await self.bus.publish(entries)
        return [ACCEPTED] * len(entries)

    async def close(self) -> None:
        pass


@dataclass
class Run:
    appended: dict[str, tuple[str, int]] = field(default_factory=dict)  # aggregate and version by event id
    consumer: Consumer = field(default_factory=Consumer)
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    peak_backlog: int = 0
    drained_after_s: float = 0.0

    @property
    def lost(self) -> set[str]:
        return self.appended.keys() - self.consumer.sent.keys()

    def figures(self) -> dict[str, int]:
        return {
            "events": len(self.appended),
            "lost": len(self.lost),
            "aggregates out of order": len(self.consumer.out_of_order),
            "repeated": self.consumer.repeated,
            "relays killed": self.kills,
            "peak backlog": self.peak_backlog,
            "seconds to drain": round(self.drained_after_s),
            **self.faults,
        }


async def outage(chance: Random, wrapped: Callable[[EventBus], EventBus] = lambda bus: bus) -> Run:
    store, run = inline_memory_store(), Run()
    bus = FaultyBus(chance, run.consumer, faults=run.faults)
    positions = Unclaimed()
    timings = RelayTimings(random_share=chance.random)

    def new_relay() -> Relay:
        return Relay(store, wrapped(bus), positions, LoopClock(), timings=timings, batch=BATCH)

    async def relays_that_are_killed() -> None:
        while True:
            dies_after_s = chance.uniform(2, 2 * (DOWN_FOR_S + 120) / KILLS)
            relaying = asyncio.create_task(new_relay().run())
            try:
                await asyncio.sleep(dies_after_s)
            finally:
                relaying.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await relaying
            run.kills += 1

    async with asyncio.TaskGroup() as tasks:
        watching = [
            tasks.create_task(relays_that_are_killed()),
            tasks.create_task(relays_that_are_killed()),
            tasks.create_task(_watch(run, store, positions)),
        ]
        writing = tasks.create_task(_write(run, store, chance))
        _fail_at_times(bus)
        await asyncio.sleep(DOWN_FROM_S)
        bus.is_down = True
        await asyncio.sleep(DOWN_FOR_S)
        bus.is_down = False
        back_at = asyncio.get_running_loop().time()
        await writing
        bus.call_lost = bus.answer_lost = bus.entry_lost = bus.repeated = 0.0
        async with asyncio.timeout(3_600):
            while await positions.position() < await store.last_position() or await positions.held():  # noqa: ASYNC110
                await asyncio.sleep(1)
        run.drained_after_s = asyncio.get_running_loop().time() - back_at
        for task in watching:
            task.cancel()
    return run


def _fail_at_times(bus: FaultyBus) -> None:
    bus.call_lost, bus.answer_lost, bus.entry_lost, bus.repeated = 0.05, 0.05, 0.1, 0.03


async def _write(run: Run, store: RecorderEventStore, chance: Random) -> None:
    versions: Counter[str] = Counter()
    for number in range(int(EVENTS_PER_S * (DOWN_FROM_S + DOWN_FOR_S + AFTERWARDS_S))):
        await asyncio.sleep(1 / EVENTS_PER_S)
        charger = ChargerId(f"bay-{chance.randrange(CHARGERS)}")
        new = happened(ModeOverrideLifted(charger_id=charger, override_id=OverrideId(f"o-{number}"), lifted_at=NOON))
        await store.append([Append(policy_stream(ACME, charger), versions[charger], (new,))])
        versions[charger] += 1
        run.appended[new.envelope.event_id] = (charger, versions[charger])


async def _watch(run: Run, store: RecorderEventStore, positions: MemoryRelayPositions) -> None:
    while True:
        await asyncio.sleep(1)
        run.peak_backlog = max(run.peak_backlog, await store.last_position() - await positions.position())


@pytest.mark.soak(RATE)
def test_ten_minutes_without_the_bus_lose_nothing_and_reorder_nothing(
    record_property: Callable[[str, object], None],
) -> None:
    run = run_in_virtual_time(outage(Random(SEED)))
    record_property("bus outage", run.figures())

    for fault in ("down", "call lost", "answer lost", "entry lost", "repeated by the bus"):
        assert run.faults[fault] > 0, f"{fault} never happened: the run says nothing"
    assert run.kills >= KILLS
    assert run.peak_backlog > EVENTS_PER_S * DOWN_FOR_S * 0.9
    assert run.lost == set(), f"seed {SEED}"
    assert run.consumer.out_of_order == []
    assert {id_: run.consumer.details[id_]["aggregate"]["version"] for id_ in run.appended} == {
        id_: version for id_, (_, version) in run.appended.items()
    }


@pytest.mark.parametrize("seed", range(5))
def test_a_consumer_that_keeps_the_newest_version_ends_right_whatever_the_order(seed: int) -> None:
    run = run_in_virtual_time(_short_run(Random(seed)))
    chance = Random(seed)
    sent = [detail for detail in run.consumer.details.values() for _ in range(chance.randint(1, 3))]
    chance.shuffle(sent)
    newest: dict[str, tuple[int, str]] = {}
    for detail in sent:
        found = (detail["aggregate"]["version"], detail["data"]["override_id"])
        newest[detail["aggregate"]["id"]] = max(newest.get(detail["aggregate"]["id"], found), found)

    expected: dict[str, tuple[int, str]] = {}
    for event_id, (charger, version) in run.appended.items():
        expected[charger] = (version, run.consumer.details[event_id]["data"]["override_id"])
    assert newest == expected


async def _short_run(chance: Random) -> Run:
    store, run = inline_memory_store(), Run()
    versions: Counter[str] = Counter()
    for number in range(50):
        charger = ChargerId(f"bay-{chance.randrange(5)}")
        new = happened(ModeOverrideLifted(charger_id=charger, override_id=OverrideId(f"o-{number}"), lifted_at=NOON))
        await store.append([Append(policy_stream(ACME, charger), versions[charger], (new,))])
        versions[charger] += 1
        run.appended[new.envelope.event_id] = (charger, versions[charger])
    relay = Relay(store, FaultyBus(chance, run.consumer), MemoryRelayPositions(), LoopClock())
    await relay.follower.catch_up()
    return run


@pytest.mark.soak(RATE)
def test_red_control_an_answer_taken_for_all_entries_taken_loses_events() -> None:
    run = run_in_virtual_time(outage(Random(SEED), Trusting))

    assert run.faults["entry lost"] > 0
    assert len(run.lost) > 0


@pytest.mark.soak(RATE)
def test_one_of_two_relays_publishes_and_the_other_follows_when_it_dies_without_a_word() -> None:
    async def run() -> tuple[Run, list[int]]:
        store, run, positions = inline_memory_store(), Run(), MemoryRelayPositions()
        bus = FaultyBus(Random(SEED), run.consumer)
        relays = [Relay(store, bus, positions, LoopClock()) for _ in range(2)]
        tasks = [asyncio.create_task(relay.run()) for relay in relays]
        writing = asyncio.create_task(_write(run, store, Random(SEED)))
        await asyncio.sleep(60)
        by_then = [relay.published for relay in relays]
        with_claim = max((0, 1), key=lambda index: relays[index].published)
        await _die_without_a_word(positions, tasks[with_claim])
        await writing
        await asyncio.sleep(60)
        tasks[1 - with_claim].cancel()
        return run, by_then

    run_, by_then = run_in_virtual_time(run())

    assert sorted(by_then)[0] == 0, "only one publishes"
    assert sorted(by_then)[1] > 0
    assert run_.lost == set()
    assert run_.consumer.repeated == 0


async def _die_without_a_word(positions: MemoryRelayPositions, relaying: asyncio.Task[None]) -> None:
    async def nothing(holder: str) -> None:
        return

    positions.release = nothing  # type: ignore[method-assign]
    relaying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await relaying
