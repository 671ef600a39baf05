"""VehicleRegistry: vehicles, their identifiers, suspension and agreements."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, InvalidId, InvalidName, VehicleId
from access_policy.domain.instants import NaiveInstant
from access_policy.domain.vehicle_registry import errors, events
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.registry import IDENTIFIERS_MAX
from tests.support.builders import (
    DAY,
    HOUR,
    NOON,
    PARTNER,
    TRUCK,
    VAN,
    agreement,
    agreement_recorded,
    identifier_added,
    own,
    partnered,
    ref,
    vehicle_identifier,
    vehicle_registered,
)
from tests.support.spec import given_registry

SUSPENDED = events.VehicleSuspended(vehicle_id=VAN, reason="lost card")
REINSTATED = events.VehicleReinstated(vehicle_id=VAN, reason="found")
REMOVED = events.VehicleRemoved(vehicle_id=VAN)


def identifier_removed(pseudonym: str) -> events.VehicleIdentifierRemoved:
    return events.VehicleIdentifierRemoved(vehicle_id=VAN, ref=ref(pseudonym))


# --- vehicles ---------------------------------------------------------------------------------------------------------


def test_a_vehicle_is_registered_with_its_identifiers() -> None:
    registry = (
        given_registry()
        .when(lambda r: r.put_vehicle(VAN, own(), [vehicle_identifier("p1"), vehicle_identifier("p2")]))
        .then(vehicle_registered(), identifier_added("p1"), identifier_added("p2"))
    )

    assert registry.holder_of(ref("p1")) == registry.holder_of(ref("p2")) == registry.vehicle(VAN)
    assert registry.holder_of(ref("p3")) is None
    assert registry.vehicle(VAN).changed_at == registry.version == 3


def test_putting_the_same_again_changes_nothing() -> None:
    given_registry(vehicle_registered(), identifier_added("p1")).when(
        lambda r: r.put_vehicle(VAN, own(), [vehicle_identifier("p1")])
    ).then_nothing()


def test_a_new_description_reclassifies_and_keeps_the_identifiers() -> None:
    renamed = own(name="Van One")

    registry = (
        given_registry(vehicle_registered(), identifier_added("p1"), SUSPENDED)
        .when(lambda r: r.put_vehicle(VAN, renamed, [vehicle_identifier("p1")]))
        .then(events.VehicleReclassified(vehicle_id=VAN, description=renamed))
    )

    assert registry.vehicle(VAN).identifiers == (ref("p1"),)
    assert registry.vehicle(VAN).suspended_because == "lost card"


def test_a_vehicle_has_exactly_the_identifiers_that_were_put() -> None:
    registry = (
        given_registry(vehicle_registered(), identifier_added("p1"), identifier_added("p2"))
        .when(lambda r: r.put_vehicle(VAN, own(), [vehicle_identifier("p2"), vehicle_identifier("p3")]))
        .then(identifier_removed("p1"), identifier_added("p3"))
    )

    assert registry.holder_of(ref("p1")) is None
    assert [each.pseudonym for each in registry.vehicle(VAN).identifiers] == ["p2", "p3"]


def test_an_identifier_that_stays_keeps_the_value_it_was_sealed_with() -> None:
    given_registry(vehicle_registered(), identifier_added("p1")).when(
        lambda r: r.put_vehicle(VAN, own(), [vehicle_identifier("p1", sealed="sealed anew")])
    ).then_nothing()


def test_an_identifier_given_twice_is_added_once() -> None:
    given_registry().when(
        lambda r: r.put_vehicle(VAN, own(), [vehicle_identifier("p1"), vehicle_identifier("p1")])
    ).then(vehicle_registered(), identifier_added("p1"))


@pytest.mark.parametrize(
    ("vehicle_id", "description", "error", "pointer"),
    [
        (VehicleId(""), own(), InvalidId, "/vehicle_id"),
        (VehicleId("x" * 300), own(), InvalidId, "/vehicle_id"),
        (VAN, own(name=""), InvalidName, "/name"),
        (VAN, own(agreement_id=PARTNER), errors.VehicleInvalid, "/agreement_id"),
        (VAN, partnered(agreement_id=None), errors.VehicleInvalid, "/agreement_id"),
        (VAN, partnered(agreement_id=AgreementId("nowhere")), errors.AgreementNotThere, "/agreement_id"),
        (VAN, own(access_class=AccessClass.UNKNOWN), errors.VehicleInvalid, "/access_class"),
        (VAN, own(valid_from=NOON, valid_until=NOON), errors.VehicleInvalid, "/valid_until"),
        (VAN, own(valid_from=NOON, valid_until=NOON - DAY), errors.VehicleInvalid, "/valid_until"),
        (VAN, own(valid_from=NOON.replace(tzinfo=None)), NaiveInstant, "/valid_from"),
        (VAN, own(valid_until=NOON.replace(tzinfo=None)), NaiveInstant, "/valid_until"),
    ],
)
def test_a_vehicle_that_cannot_be_is_refused(
    vehicle_id: VehicleId, description: events.VehicleDescription, error: type[Refused], pointer: str
) -> None:
    given_registry(agreement_recorded()).when(lambda r: r.put_vehicle(vehicle_id, description, [])).then_refused(
        error, pointer=pointer
    )


def test_a_vehicle_has_a_limited_number_of_identifiers() -> None:
    many = [vehicle_identifier(f"p{i}") for i in range(IDENTIFIERS_MAX + 1)]

    given_registry().when(lambda r: r.put_vehicle(VAN, own(), many)).then_refused(
        errors.VehicleInvalid, pointer="/identifiers"
    )
    assert len(given_registry().when(lambda r: r.put_vehicle(VAN, own(), many[:-1])).events) == IDENTIFIERS_MAX + 1


def test_a_removed_vehicle_is_unknown_and_its_identifiers_are_free() -> None:
    history = (vehicle_registered(), identifier_added("p1"), identifier_added("p2"))

    registry = given_registry(*history).when(lambda r: r.remove_vehicle(VAN)).then(REMOVED)

    assert registry.holders == {}
    given_registry(*history, REMOVED).when(lambda r: r.remove_vehicle(VAN)).then_refused(
        errors.VehicleUnknown, says=VAN
    )
    given_registry(*history, REMOVED, vehicle_registered(TRUCK)).when(
        lambda r: r.put_vehicle(TRUCK, own(), [vehicle_identifier("p1")])
    ).then(identifier_added("p1", TRUCK))


# --- identifiers belong to one vehicle --------------------------------------------------------------------------------


def test_an_identifier_of_another_vehicle_is_refused_naming_the_holder_and_the_place() -> None:
    put = given_registry(vehicle_registered(), identifier_added("p1")).when(
        lambda r: r.put_vehicle(TRUCK, own(), [vehicle_identifier("p9"), vehicle_identifier("p1")])
    )

    put.then_refused(errors.IdentifierTaken, pointer="/identifiers/1", says=VAN)
    assert isinstance(put.refusal, errors.IdentifierTaken)
    assert put.refusal.holder == VAN


def test_the_same_pseudonym_of_another_kind_is_another_identifier() -> None:
    plate = vehicle_identifier("p1", IdentifierKind.PLATE)

    given_registry(vehicle_registered(), identifier_added("p1"), vehicle_registered(TRUCK)).when(
        lambda r: r.put_vehicle(TRUCK, own(), [plate])
    ).then(events.VehicleIdentifierAdded(vehicle_id=TRUCK, identifier=plate))


def test_an_identifier_that_was_taken_off_a_vehicle_is_free() -> None:
    given_registry(
        vehicle_registered(), identifier_added("p1"), identifier_removed("p1"), vehicle_registered(TRUCK)
    ).when(lambda r: r.put_vehicle(TRUCK, own(), [vehicle_identifier("p1")])).then(identifier_added("p1", TRUCK))


# --- suspension -------------------------------------------------------------------------------------------------------


def test_a_vehicle_is_suspended_and_reinstated_once_each() -> None:
    registry = given_registry(vehicle_registered()).when(lambda r: r.suspend(VAN, "lost card")).then(SUSPENDED)

    assert registry.vehicle(VAN).suspended_because == "lost card"
    given_registry(vehicle_registered(), SUSPENDED).when(lambda r: r.suspend(VAN, "stolen")).then_nothing()
    registry = (
        given_registry(vehicle_registered(), SUSPENDED).when(lambda r: r.reinstate(VAN, "found")).then(REINSTATED)
    )
    assert registry.vehicle(VAN).suspended_because is None
    given_registry(vehicle_registered(), SUSPENDED, REINSTATED).when(lambda r: r.reinstate(VAN, "found")).then_nothing()


@pytest.mark.parametrize("verb", ["suspend", "reinstate"])
def test_suspending_needs_a_known_vehicle_and_a_reason(verb: str) -> None:
    def command(vehicle_id: str, reason: str) -> Any:
        return lambda r: getattr(r, verb)(vehicle_id, reason)

    given_registry().when(command(VAN, "why")).then_refused(errors.VehicleUnknown, says=VAN)
    given_registry(vehicle_registered()).when(command(VAN, " ")).then_refused(InvalidName, pointer="/reason")
    given_registry(vehicle_registered()).when(command(VAN, "x" * 501)).then_refused(InvalidName, pointer="/reason")


# --- agreements -------------------------------------------------------------------------------------------------------


def test_an_agreement_is_recorded_amended_and_put_again_without_effect() -> None:
    longer = agreement(valid_until=NOON + 100 * DAY)

    given_registry().when(lambda r: r.put_agreement(agreement())).then(agreement_recorded())
    given_registry(agreement_recorded()).when(lambda r: r.put_agreement(agreement())).then_nothing()
    registry = (
        given_registry(agreement_recorded())
        .when(lambda r: r.put_agreement(longer))
        .then(events.AgreementAmended(agreement=longer))
    )
    assert registry.agreement(PARTNER) == longer


def test_an_agreement_is_ended_once_and_holds_again_when_amended() -> None:
    ended = events.AgreementEnded(agreement_id=PARTNER, ended_at=NOON)

    registry = given_registry(agreement_recorded()).when(lambda r: r.end_agreement(PARTNER, now=NOON)).then(ended)

    assert registry.agreement(PARTNER).ends_at == NOON
    given_registry(agreement_recorded(), ended).when(lambda r: r.end_agreement(PARTNER, now=NOON + HOUR)).then_nothing()
    given_registry(agreement_recorded(), ended).when(lambda r: r.put_agreement(agreement())).then(
        events.AgreementAmended(agreement=agreement())
    )


@pytest.mark.parametrize(("now", "is_over"), [(NOON - HOUR, False), (NOON, True)])
def test_an_agreement_is_over_at_its_valid_until(now: datetime, is_over: bool) -> None:
    ending = given_registry(agreement_recorded(valid_until=NOON)).when(lambda r: r.end_agreement(PARTNER, now=now))

    if is_over:
        ending.then_nothing()
    else:
        ending.then(events.AgreementEnded(agreement_id=PARTNER, ended_at=now))


def test_an_unknown_agreement_is_not_ended() -> None:
    given_registry().when(lambda r: r.end_agreement(PARTNER, now=NOON)).then_refused(
        errors.AgreementUnknown, says=PARTNER
    )


def test_a_vehicle_of_an_agreement_names_a_recorded_one() -> None:
    given_registry(agreement_recorded()).when(lambda r: r.put_vehicle(TRUCK, partnered(), [])).then(
        vehicle_registered(TRUCK, partnered())
    )
