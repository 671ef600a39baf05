"""The status contract of the plan: one status for each reservation, and only the future at risk."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.application.plan.facts import Charge, ChargerFacts, Facts
from access_policy.application.plan.risks import ReasonCode
from access_policy.application.plan.status import BasedOn, Expanded, PlanStatus, expanded
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import ActorId, OverrideId, VehicleId
from access_policy.domain.mode_schedule.timeline import Override
from access_policy.domain.reservations.entry import Entry, Outcome
from access_policy.domain.reservations.reservation import Assignment, Holder, ReservationSource
from access_policy.domain.vehicle_registry.registry import Vehicle
from tests.support.builders import BAY, HOUR, MINUTE, NOON, VAN, own, ref
from tests.support.reservations import AT_FAST, BAY_2, EVENING, NOBODY, R2, card, reservation, terms

ALL_WELL = ChargerFacts(charger_id=BAY, known_at=NOON)
OF_VAN = Charge(attempt_id="a1", charger_id=BAY, started_at=EVENING, vehicle_id=VAN)
OF_ANOTHER = Charge(attempt_id="a2", charger_id=BAY, started_at=NOON, vehicle_id="bus-9")
OPENED = Override(
    override_id=OverrideId("o1"),
    mode=AccessMode.FREEVEND,
    starts_at=EVENING - HOUR,
    ends_at=EVENING + HOUR,
    reason="open day",
    made_by=ActorId("anna"),
    made=1,
)


def entry(**changes: Any) -> Entry:
    of_entry = {
        name: changes.pop(name) for name in ("fulfilled_at", "outcome", "over_at", "charges_on") if name in changes
    }
    replaced = {name: changes.pop(name) for name in ("reason", "replaced_by") if name in changes}
    return Entry(reservation=reservation(**changes), made_at=NOON, changed_at=1, **of_entry, **replaced)


def shown(of: Entry, at: datetime = NOON, charge: Charge | None = None, **charger: Any) -> Expanded:
    here = {BAY: replace(ALL_WELL, **charger)}
    van = Vehicle(vehicle_id=VAN, description=own())
    return expanded(of, Facts(chargers=here, vehicles={VAN: van}, charge=charge), at)


def reasons_of(expanded: Expanded) -> list[ReasonCode]:
    return [each.code for each in expanded.reasons]


def test_status_with_a_token_that_its_partner_declared_invalid_is_at_risk():
    holder = Holder(identifiers=(card("p1"),)).withholding({ref("p1")})
    found = shown(entry(source=ReservationSource.OCPI, holder=holder))

    assert (found.status, reasons_of(found)) == (PlanStatus.AT_RISK, [ReasonCode.TOKEN_NOT_VALID])


def test_status_before_the_window_without_risks_is_planned_and_due_from_its_start():
    assert [shown(entry(), at).status for at in (NOON, EVENING - MINUTE, EVENING)] == [
        PlanStatus.PLANNED,
        PlanStatus.PLANNED,
        PlanStatus.DUE,
    ]


@pytest.mark.parametrize(
    ("charger", "code"),
    [
        ({"is_retired": True}, ReasonCode.CHARGER_RETIRED),
        ({"is_faulted": True}, ReasonCode.CHARGER_FAULTED),
        ({"is_reachable": False}, ReasonCode.CHARGER_UNREACHABLE),
        ({"is_in_mode": False}, ReasonCode.CHARGER_NOT_IN_MODE),
        ({"openings": (OPENED,)}, ReasonCode.OVERRIDE_OPEN),
    ],
)
def test_status_with_a_risk_of_the_charger_names_it(charger: dict[str, Any], code: ReasonCode):
    found = shown(entry(), **charger)

    assert (found.status, reasons_of(found)) == (PlanStatus.AT_RISK, [code])


def test_status_of_an_override_outside_the_window_is_planned():
    over = replace(OPENED, ends_at=EVENING)

    assert shown(entry(), openings=(over,)).status is PlanStatus.PLANNED


def test_status_of_a_booking_without_a_token_is_at_risk_for_that_reason():
    found = shown(entry(holder=NOBODY, source=ReservationSource.OCPI))

    assert ReasonCode.NO_TOKEN in reasons_of(found)


def test_status_with_another_vehicles_charge_that_nothing_ends_is_at_risk_shortly_before_only():
    running = {"lets_finish": True, "running": (OF_ANOTHER,)}

    assert reasons_of(shown(entry(), EVENING - HOUR, **running)) == [ReasonCode.CHARGE_OVERLAPS]
    assert shown(entry(), EVENING - 13 * HOUR, **running).status is PlanStatus.PLANNED
    assert shown(entry(), EVENING - HOUR, running=(OF_ANOTHER,)).status is PlanStatus.PLANNED


@pytest.mark.parametrize(
    ("vehicle", "code"),
    [
        (None, ReasonCode.VEHICLE_UNKNOWN),
        (Vehicle(vehicle_id=VAN, description=own(), suspended_because="sold"), ReasonCode.VEHICLE_SUSPENDED),
        (Vehicle(vehicle_id=VAN, description=own(valid_until=EVENING)), ReasonCode.VEHICLE_NOT_VALID),
    ],
)
def test_status_with_a_risk_of_the_vehicle_names_it(vehicle: Vehicle | None, code: ReasonCode):
    found = expanded(entry(), Facts(chargers={BAY: ALL_WELL}, vehicles={VAN: vehicle}), NOON)

    assert (found.status, reasons_of(found)) == (PlanStatus.AT_RISK, [code])


def test_status_of_a_group_is_at_risk_when_fewer_chargers_are_usable_than_promised():
    chargers = {BAY: ALL_WELL, BAY_2: replace(ALL_WELL, charger_id=BAY_2, is_faulted=True)}
    found = [expanded(entry(place=AT_FAST), Facts(chargers=chargers, promised=many), NOON) for many in (1, 2)]

    assert [reasons_of(each) for each in found] == [[], [ReasonCode.GROUP_SHORT]]


def test_status_of_a_running_charge_is_charging_before_its_start_is_recorded_and_after():
    recorded = shown(entry(fulfilled_at=EVENING), EVENING + HOUR, OF_VAN)
    unrecorded = shown(entry(), EVENING + HOUR, running=(OF_ANOTHER, OF_VAN))

    assert (recorded.status, unrecorded.status) == (PlanStatus.CHARGING, PlanStatus.CHARGING)
    assert unrecorded.charge == OF_VAN
    assert [each.what for each in recorded.based_on] == [BasedOn.RESERVATION, BasedOn.CHARGE]


@pytest.mark.parametrize(
    ("needed", "measured", "status"),
    [
        (None, {"energy_kwh": 40.0}, PlanStatus.DONE),
        (Assignment(needed_kwh=40), {"energy_kwh": 40.0}, PlanStatus.READY),
        (Assignment(needed_kwh=40), {"energy_kwh": 39.9}, PlanStatus.SHORT),
        (Assignment(needed_soc=80), {"soc": 81.0}, PlanStatus.READY),
        (Assignment(needed_soc=80), {"soc": 79.0}, PlanStatus.SHORT),
        (Assignment(needed_soc=80), {"energy_kwh": 100.0}, PlanStatus.DONE),
    ],
)
def test_status_of_an_ended_charge_compares_it_with_the_need(
    needed: Assignment | None, measured: dict[str, float], status: PlanStatus
):
    charge = replace(OF_VAN, ended_at=EVENING + HOUR, measured_at=EVENING + HOUR, **measured)

    assert shown(entry(assignment=needed, fulfilled_at=EVENING), EVENING + HOUR, charge).status is status


def test_status_of_a_running_charge_whose_need_is_met_is_ready():
    charge = replace(OF_VAN, energy_kwh=41.0, measured_at=EVENING + HOUR)

    needed = entry(assignment=Assignment(needed_kwh=40), fulfilled_at=EVENING)
    assert shown(needed, EVENING + HOUR, charge).status is PlanStatus.READY


def test_status_without_a_charge_is_missed_by_the_time_alone_and_says_how():
    no_show = shown(entry(terms=terms(no_show_after_min=30)), EVENING + HOUR)
    ended = shown(entry(), EVENING + 3 * HOUR)

    assert (no_show.status, reasons_of(no_show)) == (PlanStatus.MISSED, [ReasonCode.NO_SHOW])
    assert (ended.status, reasons_of(ended)) == (PlanStatus.MISSED, [ReasonCode.WINDOW_ENDED])


def test_status_of_a_cancelled_and_of_a_replaced_one_gives_the_reason():
    over = {"outcome": Outcome.CANCELLED, "over_at": NOON, "reason": "broken down"}
    cancelled, replaced = shown(entry(**over)), shown(entry(**over, replaced_by=R2))

    assert (cancelled.status, cancelled.reasons[0].detail) == (PlanStatus.CANCELLED, "broken down")
    assert (replaced.status, replaced.reasons[0].detail) == (PlanStatus.REPLACED, "Replaced by r2: broken down")


# --- properties -------------------------------------------------------------------------------------------------------

INSTANTS = st.integers(-600, 600).map(lambda minutes: EVENING + timedelta(minutes=minutes))
CHARGES = st.builds(
    Charge,
    attempt_id=st.just("a1"),
    charger_id=st.just(BAY),
    started_at=INSTANTS,
    vehicle_id=st.sampled_from([VAN, "bus-9"]),
    ended_at=st.none() | INSTANTS,
    energy_kwh=st.none() | st.floats(0, 100),
    soc=st.none() | st.floats(0, 100),
)
ENTRIES = st.builds(
    entry,
    holder=st.sampled_from([Holder(vehicle_id=VAN), NOBODY]),
    source=st.just(ReservationSource.OCPI),
    assignment=st.none()
    | st.builds(Assignment, needed_kwh=st.none() | st.floats(1, 99), needed_soc=st.none() | st.just(80.0)),
    terms=st.builds(terms, no_show_after_min=st.none() | st.integers(0, 100), early_start_min=st.integers(0, 60)),
    fulfilled_at=st.none() | INSTANTS,
    outcome=st.none() | st.sampled_from(list(Outcome)),
    over_at=INSTANTS,
    charges_on=st.booleans(),
).map(lambda each: each if each.outcome is not None else replace(each, over_at=None))
CHARGERS = st.builds(
    ChargerFacts,
    charger_id=st.just(BAY),
    known_at=st.none() | st.just(NOON),
    is_retired=st.booleans(),
    is_faulted=st.booleans(),
    is_reachable=st.booleans(),
    is_in_mode=st.booleans(),
    lets_finish=st.booleans(),
    openings=st.sampled_from([(), (OPENED,)]),
    running=st.lists(CHARGES, max_size=2).map(tuple),
)
VEHICLES = st.sampled_from([{}, {VehicleId("van-1"): None}])


@given(ENTRIES, CHARGERS, VEHICLES, st.none() | CHARGES, INSTANTS)
def test_status_of_started_and_of_finished_work_is_never_at_risk(
    of: Entry, charger: ChargerFacts, vehicles: dict[VehicleId, Vehicle | None], charge: Charge | None, at: datetime
):
    found = expanded(of, Facts(chargers={BAY: charger}, vehicles=vehicles, charge=charge), at)

    if found.status is PlanStatus.AT_RISK:
        assert at < of.reservation.start
        assert of.outcome is not Outcome.CANCELLED
        assert of.fulfilled_at is None
        assert found.reasons
    assert isinstance(found.status, PlanStatus)
    assert (found.status in (PlanStatus.PLANNED, PlanStatus.DUE)) <= (not found.reasons)


@given(ENTRIES, CHARGERS, st.none() | CHARGES, INSTANTS)
def test_status_is_a_function_of_its_inputs_and_says_what_it_is_based_on(
    of: Entry, charger: ChargerFacts, charge: Charge | None, at: datetime
):
    facts = Facts(chargers={BAY: charger}, charge=charge)

    assert expanded(of, facts, at) == expanded(of, facts, at)
    assert expanded(of, facts, at).based_on[0].what is BasedOn.RESERVATION
