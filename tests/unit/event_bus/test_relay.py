"""The relay publishes all of the log, in order for each stream, whatever the bus does to single entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.records.relay_positions import MemoryRelayPositions
from access_policy.application.ports.event_bus import BusUnavailable, Entry, EventBus
from access_policy.application.ports.event_store import Append
from access_policy.application.relay.relay import Relay
from access_policy.application.relay.timings import RelayTimings
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode
from access_policy.domain.charger_access_policy.events import ModeChangeRequested, ModeDriftDetected, ModeOverrideLifted
from access_policy.domain.ids import ChargerId, OverrideId, TenantId
from tests.support.buses import FaultyBus
from tests.support.depot_in_memory import SettableClock
from tests.support.stores import NOON, happened, inline_memory_store

pytestmark = pytest.mark.virtual_time

ACME = TenantId("acme")
BAY, OTHER = ChargerId("bay-1"), ChargerId("bay-2")


async def no_sleep(_: float) -> None:
    return


class Office:
    """A store, a bus that can fail, a relay between them, and a clock."""

    def __init__(self) -> None:
        self.store: RecorderEventStore = inline_memory_store()
        self.bus = FaultyBus(Random(1))
        self.positions = MemoryRelayPositions()
        self.clock = SettableClock(NOON)
        self.versions: dict[ChargerId, int] = {}
        self.relay = self.new_relay()

    def new_relay(self, bus: EventBus | None = None, **pace_of: int) -> Relay:
        timings = RelayTimings(sleep=no_sleep, entry_tries=3, **pace_of)
        return Relay(self.store, bus or self.bus, self.positions, self.clock, timings=timings, batch=20)

    async def happen(self, charger: ChargerId, *events: Any) -> list[str]:
        """The ids of the events."""
        new = tuple(happened(event) for event in events)
        version = self.versions.get(charger, 0)
        await self.store.append([Append(policy_stream(ACME, charger), version, new)])
        self.versions[charger] = version + len(new)
        return [each.envelope.event_id for each in new]

    async def publish(self) -> None:
        await self.relay.follower.resume()
        await self.relay.follower.catch_up()

    async def try_held_again(self) -> None:
        self.clock.forward(hours=1)
        await self.relay.held.try_again()

    @property
    def sent(self) -> dict[str, list[int]]:
        return {name.rpartition("/")[2]: versions for name, versions in self.bus.consumer.first_times.items()}


@pytest.fixture
def office() -> Office:
    return Office()


def lifted(charger: ChargerId, number: int) -> ModeOverrideLifted:
    return ModeOverrideLifted(charger_id=charger, override_id=OverrideId(f"o-{number}"), lifted_at=NOON)


def several(charger: ChargerId, count: int) -> list[ModeOverrideLifted]:
    return [lifted(charger, number) for number in range(count)]


def internal(charger: ChargerId) -> ModeChangeRequested:
    return ModeChangeRequested(
        charger_id=charger,
        generation=1,
        mode=AccessMode.MANAGED,
        cause=BASELINE_CAUSE,
        due_at=NOON,
        mode_control="central",
        trigger="t",
    )


async def test_all_public_events_leave_in_order_and_internal_ones_stay(office: Office) -> None:
    await office.happen(BAY, *several(BAY, 25), internal(BAY), lifted(BAY, 99))
    await office.happen(OTHER, *several(OTHER, 3))

    await office.publish()

    assert office.sent == {"bay-1": [*range(1, 26), 27], "bay-2": [1, 2, 3]}
    assert await office.positions.position() == await office.store.last_position() == 30
    assert await office.relay.lag() == 0
    assert office.bus.consumer.repeated == 0


async def test_of_one_stream_one_event_at_a_time_is_on_its_way(office: Office) -> None:
    calls: list[list[str]] = []

    class Watching(FaultyBus):
        async def publish(self, entries: Sequence[Entry]) -> Any:
            calls.append([entry.detail.split('"id":"')[1].split('"')[0] for entry in entries])
            return await super().publish(entries)

    for number in range(15):
        await office.happen(ChargerId(f"c-{number}"), *several(ChargerId(f"c-{number}"), 2))
    office.relay = office.new_relay(Watching(Random(1), office.bus.consumer))

    await office.publish()

    assert all(len(set(call)) == len(call) <= 10 for call in calls)
    assert max(len(call) for call in calls) == 10
    assert office.bus.consumer.out_of_order == []


async def test_a_relay_goes_on_where_the_one_before_it_ended(office: Office) -> None:
    await office.happen(BAY, *several(BAY, 3))
    await office.publish()
    await office.happen(BAY, *several(BAY, 2))
    office.relay = office.new_relay()

    await office.publish()

    assert office.sent == {"bay-1": [1, 2, 3, 4, 5]}
    assert office.bus.consumer.repeated == 0


async def test_when_the_bus_is_away_nothing_is_passed_over(office: Office) -> None:
    await office.happen(BAY, *several(BAY, 3))
    office.bus.is_down = True

    with pytest.raises(BusUnavailable):
        await office.publish()

    assert (await office.positions.position(), await office.positions.held()) == (0, [])
    assert await office.relay.lag() == 3
    office.bus.is_down = False
    await office.publish()
    assert office.sent == {"bay-1": [1, 2, 3]}


async def test_what_was_taken_before_the_bus_went_away_is_not_sent_again_by_the_same_relay(office: Office) -> None:
    for number in range(30):
        await office.happen(ChargerId(f"c-{number}"), lifted(BAY, number))
    office.bus.call_lost = 0.5

    async def published() -> bool:
        try:
            await office.publish()
        except BusUnavailable:
            return False
        return True

    while not await published():
        pass

    assert office.bus.faults["call lost"] > 0
    assert len(office.sent) == 30
    assert office.bus.consumer.repeated == 0


async def test_an_entry_that_is_not_taken_now_is_tried_again_and_others_go_on(office: Office) -> None:
    office.bus.entry_lost = 0.2
    for charger in (BAY, OTHER):
        await office.happen(charger, *several(charger, 10))

    await office.publish()
    while len(office.relay.held):
        await office.try_held_again()

    assert office.bus.faults["entry lost"] > 0
    assert office.sent == {"bay-1": [*range(1, 11)], "bay-2": [*range(1, 11)]}


async def test_an_entry_that_the_bus_refuses_holds_back_its_own_stream_only_and_says_why(office: Office) -> None:
    (_, bad, _) = await office.happen(BAY, *several(BAY, 3))
    await office.happen(OTHER, *several(OTHER, 3))
    office.bus.refused = frozenset({bad})

    await office.publish()
    await office.happen(BAY, lifted(BAY, 9))
    await office.happen(OTHER, lifted(OTHER, 9))
    await office.publish()

    assert office.sent == {"bay-1": [1], "bay-2": [1, 2, 3, 4]}
    (held,) = await office.positions.held()
    assert (held.version, held.passed, held.reason) == (2, 4, "refused: MalformedDetail")
    assert await office.relay.lag() == 0


async def test_a_held_stream_is_published_from_where_it_was_held_once_the_bus_takes_it(office: Office) -> None:
    (_, bad, _) = await office.happen(BAY, *several(BAY, 3))
    office.bus.refused = frozenset({bad})
    await office.publish()
    await office.try_held_again()
    (held,) = await office.positions.held()
    assert held.tries == 2
    office.bus.refused = frozenset()
    office.relay = office.new_relay()
    await office.publish()

    await office.try_held_again()

    assert office.sent == {"bay-1": [1, 2, 3]}
    assert await office.positions.held() == []
    await office.happen(BAY, lifted(BAY, 9))
    await office.publish()
    assert office.sent == {"bay-1": [1, 2, 3, 4]}


async def test_a_held_stream_is_tried_again_less_and_less_often(office: Office) -> None:
    (bad,) = await office.happen(BAY, lifted(BAY, 1))
    office.bus.refused = frozenset({bad})
    await office.publish()
    waits = []
    for _ in range(12):
        (held,) = await office.positions.held()
        waits.append((held.try_again_at - office.clock.now()).total_seconds())
        office.clock.set(held.try_again_at - timedelta(seconds=1))
        await office.relay.held.try_again()
        assert await office.positions.held() == [held], "its time has not come"
        office.clock.set(held.try_again_at)
        await office.relay.held.try_again()

    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 900


async def test_a_long_run_of_one_stream_holds_up_no_other_and_leaves_by_itself_in_order(office: Office) -> None:
    office.relay = office.new_relay(run_max=5, turn=7)
    await office.happen(BAY, *several(BAY, 10))
    await office.happen(OTHER, *several(OTHER, 3))
    await office.happen(BAY, *several(BAY, 10))

    await office.publish()

    assert office.sent == {"bay-2": [1, 2, 3]}
    (held,) = await office.positions.held()
    assert (held.version, held.passed, held.tries) == (1, 20, 0)
    assert await office.relay.held.try_again()
    assert office.sent["bay-1"] == [*range(1, 8)]
    office.relay = office.new_relay(run_max=5, turn=7)  # killed: it goes on where the turn ended
    await office.publish()
    while await office.relay.held.try_again():
        if office.versions[BAY] < 22:
            await office.happen(BAY, lifted(BAY, 99))
        await office.publish()
    assert office.sent["bay-1"] == [*range(1, 23)]
    assert office.bus.consumer.out_of_order == []
    assert await office.positions.held() == []


async def test_an_entry_of_a_long_run_that_is_refused_holds_it_there(office: Office) -> None:
    office.relay = office.new_relay(run_max=5, turn=7)
    ids = await office.happen(BAY, *several(BAY, 10))
    office.bus.refused = frozenset({ids[3]})

    await office.publish()
    assert not await office.relay.held.try_again()

    (held,) = await office.positions.held()
    assert (held.version, held.passed, held.tries, held.reason) == (4, 10, 1, "refused: MalformedDetail")
    office.bus.refused = frozenset()
    await office.try_held_again()
    await office.relay.held.try_again()
    assert office.sent == {"bay-1": [*range(1, 11)]}


async def test_an_event_that_is_too_large_leaves_without_its_data(office: Office) -> None:
    broken = ModeDriftDetected(
        charger_id=BAY,
        expected=AccessMode.MANAGED,
        found=AccessMode.FREEVEND,
        evidence="x" * 300_000,
        detected_at=NOON,
    )
    await office.happen(BAY, lifted(BAY, 1), broken, lifted(BAY, 2))

    await office.publish()

    assert office.sent == {"bay-1": [1, 2, 3]}, "its data are left out"


async def test_a_poisonous_event_holds_its_own_stream(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from access_policy.application.relay import relay

    def strict(recorded: Any) -> Entry:
        if recorded.version == 2 and recorded.stream.endswith(BAY):
            raise KeyError("poison")
        return entry_of(recorded)

    entry_of = relay.entry_of
    monkeypatch.setattr(relay, "entry_of", strict)
    await office.happen(BAY, *several(BAY, 3))
    await office.happen(OTHER, *several(OTHER, 3))

    await office.publish()

    assert office.sent == {"bay-1": [1], "bay-2": [1, 2, 3]}
    (held,) = await office.positions.held()
    assert "poison" in held.reason


async def test_an_event_passed_over_by_another_relay_while_the_stream_is_released_is_not_lost(office: Office) -> None:
    (bad,) = await office.happen(BAY, lifted(BAY, 1))
    office.bus.refused = frozenset({bad})
    other = office.new_relay()
    await office.publish()
    await other.follower.resume()
    office.bus.refused = frozenset()
    await office.try_held_again()
    assert await office.positions.held() == []

    await office.happen(BAY, lifted(BAY, 2))
    await other.follower.catch_up()  # which believes that the stream is held
    await office.publish()
    await office.try_held_again()

    assert office.sent == {"bay-1": [1, 2]}
