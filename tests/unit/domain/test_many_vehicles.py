"""Many vehicles put at once: identifiers move between them, and no order of batches leaves one with two holders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.errors import AgreementNotThere, IdentifierTaken
from access_policy.domain.vehicle_registry.events import (
    AccessClass,
    VehicleDescription,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleIdentifierRemoved,
    VehicleReclassified,
    VehicleRegistered,
    VehicleRemoved,
)
from access_policy.domain.vehicle_registry.many_vehicles import WantedVehicle, put_vehicles
from access_policy.domain.vehicle_registry.registry import IdentifierKey, VehicleRegistry
from tests.support.builders import own

State = dict[str, frozenset[str]]


def wanted(vehicle_id: str, *cards: str, description: VehicleDescription | None = None) -> WantedVehicle:
    identifiers = tuple(
        VehicleIdentifier(ref=IdentifierRef(IdentifierKind.RFID, card, "…"), sealed=f"sealed {card}") for card in cards
    )
    return WantedVehicle(vehicle_id=VehicleId(vehicle_id), description=description or own(), identifiers=identifiers)


def gone(vehicle_id: str) -> WantedVehicle:
    return WantedVehicle(vehicle_id=VehicleId(vehicle_id), description=None)


def moving(**to: str) -> dict[IdentifierKey, VehicleId]:
    """`moving(c1="b")`: card 1 goes to vehicle b."""
    return {(IdentifierKind.RFID, card[1:]): VehicleId(vehicle_id) for card, vehicle_id in to.items()}


def registry_of(state: State) -> VehicleRegistry:
    registry = VehicleRegistry()
    for vehicle_id, cards in state.items():
        for event in put_vehicles(registry, [wanted(vehicle_id, *sorted(cards))], moving()):
            registry.apply(event)
    return registry


def state_of(registry: VehicleRegistry) -> State:
    state = {
        vehicle_id: frozenset(ref.pseudonym for ref in vehicle.identifiers)
        for vehicle_id, vehicle in registry.vehicles.items()
    }
    assert registry.holders == {
        (IdentifierKind.RFID, card): vehicle_id for vehicle_id, cards in state.items() for card in cards
    }
    return {str(vehicle_id): cards for vehicle_id, cards in state.items()}


def test_what_is_so_already_makes_no_event() -> None:
    registry = registry_of({"a": frozenset("1")})

    assert put_vehicles(registry, [wanted("a", "1"), gone("b")], moving()) == ()


def test_a_vehicle_is_registered_described_anew_and_removed() -> None:
    registry = registry_of({"a": frozenset("1"), "b": frozenset("2")})
    renamed = VehicleDescription(name="Renamed", access_class=AccessClass.OWN)

    events = put_vehicles(registry, [wanted("c", "3"), wanted("a", "1", description=renamed), gone("b")], moving())

    kinds = [VehicleRegistered, VehicleIdentifierAdded, VehicleReclassified, VehicleRemoved]
    assert [type(event) for event in events] == kinds


def test_an_identifier_that_moves_is_released_just_before_it_is_taken() -> None:
    registry = registry_of({"a": frozenset("1"), "b": frozenset()})

    events = put_vehicles(registry, [wanted("b", "1"), wanted("a")], moving(c1="b"))

    assert [(type(event), event.vehicle_id) for event in events] == [  # type: ignore[union-attr]
        (VehicleIdentifierRemoved, "a"),
        (VehicleIdentifierAdded, "b"),
    ]


def test_an_identifier_that_moves_stays_with_its_holder_until_it_is_taken() -> None:
    registry = registry_of({"a": frozenset("12"), "b": frozenset()})

    events = put_vehicles(registry, [wanted("a")], moving(c1="b"))

    assert [event.ref.pseudonym for event in events] == ["2"]  # type: ignore[union-attr]


def test_an_identifier_of_a_vehicle_that_keeps_it_is_refused_naming_the_holder() -> None:
    registry = registry_of({"a": frozenset("1"), "b": frozenset()})

    with pytest.raises(IdentifierTaken) as refusal:
        put_vehicles(registry, [wanted("b", "1")], moving())

    assert refusal.value.holder == "a"


def test_what_a_vehicle_may_not_be_is_refused() -> None:
    foreign = VehicleDescription(name="A", access_class=AccessClass.AGREEMENT, agreement_id="nobody")  # type: ignore[arg-type]

    with pytest.raises(AgreementNotThere):
        put_vehicles(VehicleRegistry(), [wanted("a", description=foreign)], moving())


def _states(vehicles: str, cards: str) -> st.SearchStrategy[State]:
    """Each card with one vehicle or nobody; some vehicles are not there."""
    holders = st.fixed_dictionaries({card: st.sampled_from([*vehicles, None]) for card in cards})
    there = st.sets(st.sampled_from(list(vehicles)))
    return st.builds(
        lambda held, ids: {v: frozenset(card for card in held if held[card] == v) for v in sorted(ids)}, holders, there
    )


@given(_states("abcd", "123456"), _states("abcd", "123456"), st.permutations("abcd"), st.integers(1, 4))
def test_from_any_registry_to_any_other_in_parts_and_no_identifier_is_ever_lost_on_the_way(
    before: State, after: State, order: list[str], batch: int
) -> None:
    registry = registry_of(before)
    puts = [wanted(each, *sorted(after[each])) for each in order if each in after]
    targets = [*puts, *(gone(each) for each in order if each not in after)]
    was = {card: vehicle_id for vehicle_id, cards in before.items() for card in cards}
    becomes = {card: vehicle_id for vehicle_id, cards in after.items() for card in cards}
    moves = moving(**{f"c{card}": becomes[card] for card in was.keys() & becomes if was[card] != becomes[card]})

    for begin in range(0, len(targets), batch):
        for event in put_vehicles(registry, targets[begin : begin + batch], moves):
            registry.apply(event)
        held = {card for cards in state_of(registry).values() for card in cards}
        assert was.keys() & becomes.keys() <= held

    assert state_of(registry) == after
