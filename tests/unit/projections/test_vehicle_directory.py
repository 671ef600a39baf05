"""The vehicle directory: vehicles, identifiers and agreements as they are now; and depots."""

from __future__ import annotations

from datetime import time

from access_policy.application.projections.depots import DEPOTS
from access_policy.application.projections.vehicle_directory import VEHICLE_DIRECTORY, folded
from access_policy.domain.depots.depot import DepotAmended
from access_policy.domain.ids import ChargerId
from access_policy.domain.vehicle_registry.agreements import AgreementHours
from access_policy.domain.vehicle_registry.events import (
    AgreementAmended,
    AgreementEnded,
    VehicleIdentifierRemoved,
    VehicleReclassified,
    VehicleReinstated,
    VehicleRemoved,
    VehicleSuspended,
)
from tests.support.builders import (
    HOUR,
    NOON,
    NORTH,
    PARTNER,
    TRUCK,
    VAN,
    agreement,
    agreement_recorded,
    depot_registered,
    depot_settings,
    identifier_added,
    own,
    partnered,
    ref,
    vehicle_registered,
)
from tests.support.rows import Row, Rows, projected


def directory(*events: object) -> Rows:
    return projected(VEHICLE_DIRECTORY, *events)


def the_vehicle(*events: object) -> Row:
    (row,) = directory(*events).table("vehicles")
    return row


def the_agreement(*events: object) -> Row:
    (row,) = directory(*events).table("agreements")
    return row


def test_a_vehicle_is_described_as_it_was_last():
    described = VehicleReclassified(vehicle_id=VAN, description=partnered(name="Van 1 b", valid_until=NOON))
    row = the_vehicle(vehicle_registered(description=own(valid_from=NOON)), described)

    assert (row["name"], row["access_class"], row["agreement_id"]) == ("Van 1 b", "agreement", PARTNER)
    assert (row["valid_from"], row["valid_until"], row["version"]) == (None, NOON, 2)


def test_a_vehicle_has_the_identifiers_that_were_added_and_not_removed():
    rows = directory(
        vehicle_registered(),
        identifier_added("p1"),
        identifier_added("p2"),
        VehicleIdentifierRemoved(vehicle_id=VAN, ref=ref("p1")),
    )

    (identifier,) = rows.table("vehicle_identifiers")
    assert (identifier["kind"], identifier["pseudonym"], identifier["masked"]) == ("rfid", "p2", "…p2")
    assert identifier["sealed"] == "sealed"


def test_the_version_is_the_registrys_at_the_vehicles_last_change():
    rows = directory(
        vehicle_registered(VAN), vehicle_registered(TRUCK), identifier_added("p1", VAN), identifier_added("p2", TRUCK)
    )

    assert [(row["vehicle_id"], row["version"]) for row in rows.table("vehicles")] == [(TRUCK, 4), (VAN, 3)]


def test_a_suspension_says_why_and_ends_with_the_reinstatement():
    suspended = VehicleSuspended(vehicle_id=VAN, reason="unpaid")
    assert the_vehicle(vehicle_registered(), suspended)["suspended_because"] == "unpaid"

    reinstated = VehicleReinstated(vehicle_id=VAN, reason="paid")
    assert the_vehicle(vehicle_registered(), suspended, reinstated)["suspended_because"] is None


def test_a_removed_vehicle_is_gone_with_its_identifiers():
    rows = directory(
        vehicle_registered(VAN),
        identifier_added("p1", VAN),
        vehicle_registered(TRUCK),
        identifier_added("p2", TRUCK),
        VehicleRemoved(vehicle_id=VAN),
    )

    assert [row["vehicle_id"] for row in rows.table("vehicles")] == [TRUCK]
    assert [row["pseudonym"] for row in rows.table("vehicle_identifiers")] == ["p2"]


def test_a_vehicle_registered_anew_has_nothing_of_the_one_before_it():
    suspended = VehicleSuspended(vehicle_id=VAN, reason="unpaid")
    row = the_vehicle(vehicle_registered(), suspended, VehicleRemoved(vehicle_id=VAN), vehicle_registered())

    assert "suspended_because" not in row
    assert row["version"] == 4


def test_names_are_found_in_any_case_and_any_form_of_their_letters():
    row = the_vehicle(vehicle_registered(description=own(name="ÜBERLAND Straße")))

    assert folded("u\u0308berland") in row["name_folded"]
    assert folded("STRASSE") in row["name_folded"]


def test_an_agreement_reads_as_it_was_last():
    hours = AgreementHours(days=("MO", "FR"), start=time(20), end=time(5))
    row = the_agreement(
        agreement_recorded(),
        AgreementAmended(agreement=agreement(name="Partner 2027", hours=(hours,), charger_ids=frozenset({"b", "a"}))),
    )

    assert (row["name"], row["fleet"], row["version"]) == ("Partner 2027", "Partner Logistics", 2)
    assert row["charger_ids"] == [ChargerId("a"), ChargerId("b")]
    assert row["hours"] == [{"days": ["MO", "FR"], "start": "20:00:00", "end": "05:00:00"}]


def test_an_agreement_that_was_ended_says_when_and_holds_again_once_amended():
    over = AgreementEnded(agreement_id=PARTNER, ended_at=NOON + HOUR)
    assert the_agreement(agreement_recorded(), over)["ended_at"] == NOON + HOUR

    amended = AgreementAmended(agreement=agreement())
    assert the_agreement(agreement_recorded(), over, amended)["ended_at"] is None


def test_a_depot_reads_as_it_was_last():
    amended = DepotAmended(depot_id=NORTH, settings=depot_settings(name="Nord", language="de"))
    (row,) = projected(DEPOTS, depot_registered(), amended).table("depots")

    assert (row["name"], row["language"], row["time_zone"], row["version"]) == ("Nord", "de", "Europe/Berlin", 2)
