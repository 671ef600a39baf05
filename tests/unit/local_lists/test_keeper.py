"""The keeper of local lists: many chargers at once, the work for chargers alike done once, nobody held up by another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from access_policy.application.local_lists import keeper as keepers
from access_policy.application.local_lists.keeper import LocalListKeeper
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.local_lists import ListNotKept, ListSent, ListState, Sent
from access_policy.application.streams import policy_stream, registry_stream
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription, VehicleIdentifier
from tests.support.at_charger import AtCharger
from tests.support.depot_in_memory import TENANT, DepotInMemory, HashedPseudonyms, rfid, settings_of
from tests.support.stores import memory_store

MANY = 300


def card(number: int) -> Identifier:
    return rfid(f"04{number:012X}")


@dataclass
class Chargers:
    """Chargers with a list each, as the port sees them. The `silent` answer nothing, those `without` have no list."""

    keys: list[ChargerKey]
    lists: dict[ChargerKey, list[Identifier]] = field(default_factory=dict)
    versions: dict[ChargerKey, int] = field(default_factory=dict)
    silent: set[ChargerKey] = field(default_factory=set)
    without: set[ChargerKey] = field(default_factory=set)
    cannot_carry: set[Identifier] = field(default_factory=set)
    in_full: int = 0
    limits_asked: int = 0
    form: str = "one"

    def commands(self, key: ChargerKey) -> Any:
        return AtCharger(self, key)

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return 1

    def connected_chargers(self) -> list[ChargerKey]:
        return self.keys

    async def list_state(self, key: ChargerKey) -> ListState:
        self.limits_asked += 1
        return ListState(await self.list_version(key), 100, 50, self.form)

    async def list_version(self, key: ChargerKey) -> int:
        await asyncio.sleep(0)
        if key in self.silent:
            await asyncio.Event().wait()
        if key in self.without:
            raise ListNotKept("none")
        return self.versions.get(key, 0)

    async def send_list(
        self, key: ChargerKey, state: ListState, version: int, identifiers: Sequence[Identifier]
    ) -> Sent:
        await asyncio.sleep(0)
        self.in_full += 1
        carried = [each for each in identifiers if each not in self.cannot_carry]
        self.lists[key], self.versions[key] = carried, version
        return Sent(version, carried, left_out=len(identifiers) - len(carried))

    async def remove_from_list(
        self, key: ChargerKey, state: ListState, version: int, identifiers: Sequence[Identifier]
    ) -> int:
        await asyncio.sleep(0)
        assert version > self.versions[key]
        self.lists[key] = [each for each in self.lists[key] if each not in identifiers]
        self.versions[key] = version
        return version


@dataclass
class SealedValues:
    """The read model and the vault in one: a value is sealed as itself. `hidden` are not in the read model yet."""

    values: dict[str, Identifier] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    asked: int = 0

    async def sealed_identifiers(self, tenant_id: TenantId, pseudonyms: Collection[str]) -> list[dict[str, Any]]:
        self.asked += 1
        await asyncio.sleep(0)
        return [
            {"pseudonym": each, "sealed": self.values[each].value} for each in pseudonyms if each not in self.hidden
        ]

    async def unseal_many(self, tenant_id: TenantId, sealed: Sequence[tuple[VehicleId, str]]) -> list[str | None]:
        await asyncio.sleep(0)
        return [value for _, value in sealed]


@dataclass
class RememberedLists:
    """The port, in memory; `is_down`: nothing is read."""

    sent: dict[ChargerKey, ListSent] = field(default_factory=dict)
    is_down: bool = False

    async def latest(self, key: ChargerKey) -> ListSent | None:
        if self.is_down:
            raise StoreUnavailable("down")
        return self.sent.get(key)

    def remember(self, key: ChargerKey, sent: ListSent) -> None:
        self.sent[key] = sent

    async def close(self) -> None:
        pass


@dataclass
class Yard:
    depot: DepotInMemory
    chargers: Chargers
    sealed: SealedValues
    remembered: RememberedLists = field(default_factory=RememberedLists)
    rounds: int = 0

    def start(self) -> None:
        parts: Any = (self.depot.view, self.chargers, self.sealed, self.sealed, self.remembered, self.depot.clock)
        self.keeper = LocalListKeeper(*parts)
        forget = self.keeper._shared.forget

        def counted() -> None:
            self.rounds += 1
            forget()

        self.keeper._shared.forget = counted  # type: ignore[method-assign]
        self._running = asyncio.create_task(self.keeper.run())

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def restart(self) -> None:
        await self.stop()
        self.start()

    async def looked_at(self) -> None:
        """All chargers, by this start of the keeper."""
        await self.until(lambda: self.keeper._seen.keys() == set(self.chargers.keys))

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
        asked, rounds = yard.sealed.asked, yard.rounds
        await yard.suspend(2)
        await yard.until(lambda: yard.all_hold(1, 3))

        assert yard.sealed.asked - asked <= yard.rounds - rounds + 1  # once a round of looking for changes
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


async def test_an_identifier_that_the_protocol_cannot_carry_takes_no_room_from_the_others() -> None:
    async with yard_of(1) as yard:
        yard.chargers.cannot_carry = {card(2)}
        await yard.register(1, 2, 3)
        await yard.until(lambda: yard.all_hold(1, 3))

        await yard.register(4)

        await yard.until(lambda: yard.all_hold(1, 3, 4))


# --- restarts and lost lists ---------------------------------------------------------------------------------------------


async def test_an_unchanged_list_is_not_sent_again_after_a_restart_of_the_service() -> None:
    async with yard_of(3) as yard:
        yard.chargers.cannot_carry = {card(3)}
        await yard.register(1, 2, 3)
        await yard.until(lambda: yard.all_hold(1, 2))
        await yard.looked_at()
        in_full, versions = yard.chargers.in_full, dict(yard.chargers.versions)
        for _ in range(2):
            await yard.restart()
            await yard.looked_at()

        assert (yard.chargers.in_full, yard.chargers.versions) == (in_full, versions)
        await yard.suspend(1)  # what it knows of the list is as good as before the restart
        await yard.until(lambda: yard.all_hold(2))
        assert yard.chargers.in_full == in_full


async def test_a_list_that_changed_while_the_service_was_down_is_sent_after_the_restart() -> None:
    async with yard_of(2) as yard:
        await yard.register(1, 2)
        await yard.until(lambda: yard.all_hold(1, 2))
        await yard.looked_at()
        await yard.stop()
        await yard.suspend(2)
        yard.start()

        await yard.until(lambda: yard.all_hold(1))


@pytest.mark.parametrize("version", [0, 1, 2**31 - 1])
async def test_a_list_that_a_charger_lost_while_the_service_was_down_is_sent_after_the_restart(version: int) -> None:
    async with yard_of(2) as yard:
        await yard.register(1)
        await yard.until(lambda: yard.all_hold(1))
        await yard.looked_at()
        await yard.stop()
        yard.chargers.lists[yard.chargers.keys[0]] = []
        yard.chargers.versions[yard.chargers.keys[0]] = version
        yard.start()

        await yard.until(lambda: yard.all_hold(1))


@pytest.mark.parametrize("lost", ["form", "records"])
async def test_a_list_whose_record_is_of_no_use_is_sent_again_after_a_restart(lost: str) -> None:
    async with yard_of(1) as yard:
        await yard.register(1)
        await yard.until(lambda: yard.all_hold(1))
        await yard.looked_at()
        in_full = yard.chargers.in_full
        yard.chargers.form = "another" if lost == "form" else yard.chargers.form
        yard.remembered.is_down = lost == "records"
        await yard.restart()
        await yard.looked_at()

        assert yard.chargers.in_full == in_full + 1
        assert yard.all_hold(1)


async def test_a_list_that_a_charger_lost_in_the_same_connection_is_noticed_without_any_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with yard_of(1) as yard:
        await yard.register(1)
        await yard.until(lambda: yard.all_hold(1))
        await yard.looked_at()
        (key,) = yard.chargers.keys
        yard.chargers.lists[key], yard.chargers.versions[key] = [], 0
        monkeypatch.setattr(keepers, "LOOK_AGAIN_S", 0.0)

        await yard.until(lambda: yard.all_hold(1))
