"""The keeper of local lists: many chargers at once, the work for chargers alike done once, nobody held up by another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from access_policy.application.local_lists import keeper as keepers
from access_policy.application.local_lists import updates as updating
from access_policy.application.local_lists.keeper import LocalListKeeper
from access_policy.application.local_lists.updates import LocalListUpdates
from access_policy.application.local_lists.wanted_lists import WantedLists
from access_policy.application.streams import policy_stream, registry_stream
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier
from access_policy.domain.ids import ChargerId, ChargerKey, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription, VehicleIdentifier
from tests.support.depot_in_memory import TENANT, DepotInMemory, HashedPseudonyms, settings_of
from tests.support.local_lists import Chargers, RememberedLists, SealedValues, card
from tests.support.stores import memory_store

MANY = 300


class CountedRounds(WantedLists):
    """Counts the rounds of looking for changes."""

    rounds = 0

    def forget(self) -> None:
        self.rounds += 1
        super().forget()


@dataclass
class Yard:
    depot: DepotInMemory
    chargers: Chargers
    sealed: SealedValues
    remembered: RememberedLists = field(default_factory=RememberedLists)

    def start(self) -> None:
        view, sealed = self.depot.view, self.sealed
        self.wanted = CountedRounds(view, sealed, sealed, self.depot.clock)  # type: ignore[arg-type]
        updates = LocalListUpdates(view, self.chargers, self.wanted, self.remembered, self.depot.clock)
        self.keeper = LocalListKeeper(view, self.chargers, self.wanted, updates)
        self._running = asyncio.create_task(self.keeper.run())

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def register(self, *numbers: int) -> None:
        for number in numbers:
            await self.give(number, card(number))

    async def give(self, number: int, value: Identifier) -> None:
        ref = HashedPseudonyms().ref(TENANT, value)
        self.sealed.values[ref.pseudonym] = value
        description = VehicleDescription(name=f"Bus {number}", access_class=AccessClass.OWN)
        identifiers = [VehicleIdentifier(ref=ref, sealed="")]
        await self._change(lambda registry: registry.put_vehicle(vehicle(number), description, identifiers))

    async def suspend(self, number: int) -> None:
        await self._change(lambda registry: registry.suspend(vehicle(number), "stolen"))

    async def _change(self, change: Callable[[Any], Sequence[object]]) -> None:
        registry = self.depot.view.registry(TENANT)
        await self.depot.record(registry_stream(TENANT), registry.version, change(registry))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  states of many objects, none of which tells
                await asyncio.sleep(0.005)

    def all_hold(self, *numbers: int, but: Collection[ChargerKey] = ()) -> bool:
        wanted = {card(number) for number in numbers}
        return all(wanted == set(self.chargers.lists.get(key, ())) for key in self.chargers.keys if key not in but)


def vehicle(number: int) -> VehicleId:
    return VehicleId(f"bus-no-{number}")


@asynccontextmanager
async def yard_of(chargers: int) -> AsyncIterator[Yard]:
    """Beside the vehicles that a test registers there is bus 7 of the depot in memory, which cannot be read by anyone."""
    depot = await DepotInMemory(memory_store()).opened()
    await depot.record(
        registry_stream(TENANT),
        depot.view.registry(TENANT).version,
        depot.view.registry(TENANT).remove_vehicle(VehicleId("bus-7")),
    )
    keys = [(TENANT, ChargerId(f"charger-{number}")) for number in range(chargers)]
    for key in keys:
        settings = replace(settings_of(key[1]), baseline_mode=AccessMode.MANAGED, offline_starts=OfflineStarts.LIST)
        await depot.record(policy_stream(*key), 0, policies.register(key[1], settings, Enforcement.ENFORCE))
    yard_chargers, sealed = Chargers(keys), SealedValues()
    yard = Yard(depot, yard_chargers, sealed)
    yard.start()
    try:
        yield yard
    finally:
        await yard.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "TICK_S", 0.0)
    monkeypatch.setattr(keepers, "SCAN_S", 0.01)
    monkeypatch.setattr(keepers, "TRY_AGAIN_S", 0.02)


async def test_what_belongs_on_the_lists_of_chargers_alike_is_worked_out_once() -> None:
    async with yard_of(MANY) as yard:
        await yard.register(1, 2, 3)
        await yard.until(lambda: yard.all_hold(1, 2, 3))
        asked, rounds = yard.sealed.asked, yard.wanted.rounds
        await yard.suspend(2)
        await yard.until(lambda: yard.all_hold(1, 3))

        assert yard.sealed.asked - asked <= yard.wanted.rounds - rounds + 1  # once a round of looking for changes
        assert yard.sealed.asked - asked < MANY / 2
        assert yard.chargers.limits_asked == MANY


async def test_chargers_that_do_not_answer_hold_up_nobody() -> None:
    async with yard_of(MANY) as yard:
        yard.chargers.silent = set(yard.chargers.keys[: MANY // 2])
        await yard.register(1, 2)
        await yard.until(lambda: yard.all_hold(1, 2, but=yard.chargers.silent))
        await yard.suspend(1)
        await yard.until(lambda: yard.all_hold(2, but=yard.chargers.silent))

        assert not yard.chargers.lists.keys() & yard.chargers.silent


async def test_a_value_that_cannot_be_read_yet_comes_onto_the_list_once_it_can() -> None:
    async with yard_of(2) as yard:
        await yard.register(1)
        late = HashedPseudonyms().ref(TENANT, card(2)).pseudonym
        yard.sealed.hidden.add(late)
        await yard.register(2)
        await yard.until(lambda: yard.all_hold(1))
        asked, in_full = yard.sealed.asked, yard.chargers.in_full
        await yard.until(lambda: yard.sealed.asked > asked + 3)
        sent_meanwhile = yard.chargers.in_full - in_full
        yard.sealed.hidden.clear()
        await yard.until(lambda: yard.all_hold(1, 2))

        assert sent_meanwhile == 0


async def test_a_charger_that_lost_its_list_in_the_same_connection_gets_all_of_it_with_the_next_change() -> None:
    async with yard_of(1) as yard:
        await yard.register(1, 2, 3)
        await yard.until(lambda: yard.all_hold(1, 2, 3))
        (key,) = yard.chargers.keys
        yard.chargers.lists[key], yard.chargers.versions[key] = [], 0
        await yard.suspend(3)

        await yard.until(lambda: yard.all_hold(1, 2))


async def test_a_charger_without_a_list_is_asked_once_a_connection() -> None:
    async with yard_of(2) as yard:
        yard.chargers.without = {yard.chargers.keys[0]}
        await yard.register(1)
        await yard.until(lambda: yard.all_hold(1, but=yard.chargers.without))
        await yard.register(2)
        await yard.until(lambda: yard.all_hold(1, 2, but=yard.chargers.without))

        assert yard.chargers.limits_asked == 2


async def test_a_list_holds_identifiers_of_kind_other() -> None:
    async with yard_of(1) as yard:
        fob = identifier(IdentifierKind.OTHER, "Fob-12")

        await yard.give(1, fob)

        await yard.until(lambda: fob in yard.chargers.lists.get(yard.chargers.keys[0], ()))


async def test_a_list_that_a_charger_lost_in_the_same_connection_is_noticed_without_any_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with yard_of(1) as yard:
        await yard.register(1)
        await yard.until(lambda: yard.all_hold(1))
        await yard.until(lambda: yard.keeper._seen.keys() == set(yard.chargers.keys))
        (key,) = yard.chargers.keys
        yard.chargers.lists[key], yard.chargers.versions[key] = [], 0
        monkeypatch.setattr(keepers, "LOOK_AGAIN_S", 0.0)
        monkeypatch.setattr(updating, "READ_AGAIN_S", 0.0)

        await yard.until(lambda: yard.all_hold(1))
