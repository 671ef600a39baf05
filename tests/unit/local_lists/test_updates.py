"""Updates of one charger's list: in full, by removal, not at all; after restarts, and after the charger lost its list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from access_policy.application.local_lists import updates as updating
from access_policy.application.local_lists.updates import LocalListUpdates, NotReadableYet
from access_policy.application.local_lists.wanted_lists import WantedLists
from access_policy.application.ports.local_lists import ListNotKept
from access_policy.application.streams import policy_stream, registry_stream
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription, VehicleIdentifier
from tests.support.depot_in_memory import BAY, TENANT, DepotInMemory, HashedPseudonyms, settings_of
from tests.support.local_lists import Chargers, RememberedLists, SealedValues, card
from tests.support.stores import memory_store

KEY = (TENANT, BAY)


@dataclass
class Yard:
    """One charger, and the buses that a test registers."""

    depot: DepotInMemory
    chargers: Chargers = field(default_factory=lambda: Chargers([KEY]))
    sealed: SealedValues = field(default_factory=SealedValues)
    remembered: RememberedLists = field(default_factory=RememberedLists)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin with nothing in memory, as the next process does."""
        view, clock, sealed = self.depot.view, self.depot.clock, self.sealed
        self.wanted = WantedLists(view, sealed, sealed, clock)  # type: ignore[arg-type]
        self.updates = LocalListUpdates(view, self.chargers, self.wanted, self.remembered, clock)

    async def update(self) -> None:
        self.wanted.forget()
        await self.updates.update(KEY)

    async def register(self, *numbers: int) -> None:
        for number in numbers:
            ref = HashedPseudonyms().ref(TENANT, card(number))
            self.sealed.values[ref.pseudonym] = card(number)
            description = VehicleDescription(name=f"Bus {number}", access_class=AccessClass.OWN)
            identifiers = [VehicleIdentifier(ref=ref, sealed="")]
            await self._change(lambda registry: registry.put_vehicle(vehicle(number), description, identifiers))  # noqa: B023

    async def suspend(self, number: int) -> None:
        await self._change(lambda registry: registry.suspend(vehicle(number), "stolen"))

    async def _change(self, change: Callable[[Any], Sequence[object]]) -> None:
        registry = self.depot.view.registry(TENANT)
        await self.depot.record(registry_stream(TENANT), registry.version, change(registry))

    @property
    def listed(self) -> set[str]:
        return {each.value for each in self.chargers.lists.get(KEY, ())}

    def lose_list(self, version: int = 0) -> None:
        self.chargers.lists[KEY], self.chargers.versions[KEY] = [], version


def vehicle(number: int) -> VehicleId:
    return VehicleId(f"bus-no-{number}")


def cards(*numbers: int) -> set[str]:
    return {card(number).value for number in numbers}


@pytest.fixture
async def yard() -> Yard:
    depot = await DepotInMemory(memory_store()).opened()
    registry = depot.view.registry(TENANT)
    await depot.record(registry_stream(TENANT), registry.version, registry.remove_vehicle(VehicleId("bus-7")))
    settings = replace(settings_of(BAY), offline_starts=OfflineStarts.LIST)
    version = depot.view.charger(*KEY).policy.version
    await depot.record(policy_stream(*KEY), version, [ChargerAmended(charger_id=BAY, settings=settings)])
    return Yard(depot)


async def test_local_list_updates_of_an_unchanged_list_send_nothing(yard: Yard) -> None:
    await yard.register(1, 2)
    await yard.update()
    await yard.update()

    assert yard.listed == cards(1, 2)
    assert (yard.chargers.in_full, yard.chargers.limits_asked) == (1, 1)


async def test_local_list_updates_when_a_vehicle_loses_its_permission_remove_only_that_entry(yard: Yard) -> None:
    await yard.register(1, 2)
    await yard.update()
    await yard.suspend(2)
    await yard.update()

    assert yard.listed == cards(1)
    assert yard.chargers.in_full == 1


async def test_local_list_updates_when_a_value_to_be_removed_was_erased_replace_the_list(yard: Yard) -> None:
    await yard.register(1, 2)
    await yard.update()
    await yard.suspend(2)
    yard.sealed.hidden.add(HashedPseudonyms().ref(TENANT, card(2)).pseudonym)
    await yard.update()

    assert yard.listed == cards(1)
    assert yard.chargers.in_full == 2


async def test_local_list_updates_when_a_value_is_not_readable_yet_send_the_others_once(yard: Yard) -> None:
    late = HashedPseudonyms().ref(TENANT, card(2)).pseudonym
    yard.sealed.hidden.add(late)
    await yard.register(1, 2)
    for _ in range(2):
        with pytest.raises(NotReadableYet):
            await yard.update()
    assert (yard.listed, yard.chargers.in_full) == (cards(1), 1)

    yard.sealed.hidden.clear()
    await yard.update()

    assert yard.listed == cards(1, 2)


async def test_local_list_updates_of_an_identifier_that_the_protocol_cannot_carry_leave_room_for_others(
    yard: Yard,
) -> None:
    yard.chargers.cannot_carry = {card(2)}
    await yard.register(1, 2, 3)
    await yard.update()
    assert yard.listed == cards(1, 3)

    await yard.register(4)
    await yard.update()

    assert yard.listed == cards(1, 3, 4)


async def test_local_list_updates_of_a_charger_left_alone_ask_it_nothing_in_this_connection(yard: Yard) -> None:
    yard.chargers.without = {KEY}
    with pytest.raises(ListNotKept):
        await yard.update()

    yard.updates.leave_alone(KEY, 1)
    await yard.update()

    assert yard.chargers.limits_asked == 1


async def test_local_list_updates_of_a_forgotten_charger_read_its_limits_again(yard: Yard) -> None:
    await yard.register(1)
    await yard.update()
    yard.updates.forget(KEY)
    await yard.update()

    assert (yard.chargers.limits_asked, yard.listed) == (2, cards(1))


async def test_local_list_updates_after_a_restart_do_not_send_an_unchanged_list_again(yard: Yard) -> None:
    yard.chargers.cannot_carry = {card(3)}
    await yard.register(1, 2, 3)
    await yard.update()
    in_full, versions = yard.chargers.in_full, dict(yard.chargers.versions)
    for _ in range(2):
        yard.restart()
        await yard.update()

    assert (yard.chargers.in_full, yard.chargers.versions) == (in_full, versions)
    await yard.suspend(1)  # the restarted process knows the list as well as the one before
    await yard.update()
    assert (yard.listed, yard.chargers.in_full) == (cards(2), in_full)


async def test_local_list_updates_after_a_restart_send_a_list_that_changed_meanwhile(yard: Yard) -> None:
    await yard.register(1, 2)
    await yard.update()
    await yard.suspend(2)
    yard.restart()
    await yard.update()

    assert yard.listed == cards(1)


@pytest.mark.parametrize("version", [0, 1, 2**31 - 1])
async def test_local_list_updates_after_a_restart_send_a_list_that_the_charger_lost(yard: Yard, version: int) -> None:
    await yard.register(1)
    await yard.update()
    yard.lose_list(version)
    yard.restart()
    await yard.update()

    assert yard.listed == cards(1)


@pytest.mark.parametrize("lost", ["form", "records"])
async def test_local_list_updates_after_a_restart_send_a_list_whose_record_is_of_no_use(yard: Yard, lost: str) -> None:
    await yard.register(1)
    await yard.update()
    yard.chargers.form = "another" if lost == "form" else yard.chargers.form
    yard.remembered.is_down = lost == "records"
    yard.restart()
    await yard.update()

    assert (yard.chargers.in_full, yard.listed) == (2, cards(1))


async def test_local_list_updates_with_the_next_change_send_all_of_a_list_that_the_charger_lost(yard: Yard) -> None:
    await yard.register(1, 2, 3)
    await yard.update()
    yard.lose_list()
    await yard.suspend(3)
    await yard.update()

    assert yard.listed == cards(1, 2)


async def test_local_list_updates_notice_a_lost_list_without_any_change(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await yard.register(1)
    await yard.update()
    yard.lose_list()
    monkeypatch.setattr(updating, "READ_AGAIN_S", 0.0)
    await yard.update()

    assert yard.listed == cards(1)
