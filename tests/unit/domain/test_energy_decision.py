"""Who may start where a gate narrows access: the rows of energy, advisory gates, and how long a permission holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from access_policy.domain.access.decision import DecisionInputs, decide, reason_for
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Cause, CauseKind, Enforcement
from access_policy.domain.ids import AttemptId
from access_policy.domain.mode_schedule.timeline import ModePlan, Segment, timeline
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.registry import Vehicle
from tests.support.builders import (
    ANNA,
    BAY,
    BERLIN,
    FREEVEND,
    HOUR,
    MANAGED,
    NOON,
    NORTH,
    TRUCK,
    VAN,
    agreement,
    own,
    partnered,
    ref,
)
from tests.support.energy import a_gate
from tests.support.reservations import reservation, reservations_here

NARROWED = Cause(CauseKind.ENVELOPE, "e-1", GateLevel.OWN_ONLY)
OPEN, OWN_AND_AGREEMENT, OWN_ONLY = GateLevel
UNKNOWN, OWN, PARTNERED = (
    None,
    Vehicle(vehicle_id=VAN, description=own()),
    Vehicle(vehicle_id=TRUCK, description=partnered()),
)
TONIGHT = AdHocPermission(
    attempt_id=AttemptId("a1"),
    depot_id=NORTH,
    identifier=ref(),
    vehicle_id=None,
    given_at=NOON,
    until=NOON + 3 * HOUR,
    reason="tonight",
    given_by=ANNA,
)

OF_ANOTHER = Entry(reservation=reservation(start=NOON), made_at=NOON - HOUR, changed_at=1)


def at_gate(
    level: GateLevel | None,
    vehicle: Vehicle | None,
    mode: AccessMode = FREEVEND,
    cause: Cause = BASELINE_CAUSE,
    *,
    is_advisory: bool = False,
    changes_in: timedelta | None = None,
    **changes: Any,
) -> DecisionInputs:
    values: dict[str, Any] = {
        "expected": Segment(NOON - HOUR, NOON + 50 * HOUR, mode, cause),
        "enforcement": Enforcement.ENFORCE,
        "identifier": ref(),
        "agreement": agreement() if vehicle is PARTNERED else None,
        "gate": None
        if level is None
        else a_gate(level, is_advisory=is_advisory, changes_at=None if changes_in is None else NOON + changes_in),
    }
    return DecisionInputs(at=NOON, charger_id=BAY, depot_id=NORTH, zone=BERLIN, vehicle=vehicle, **(values | changes))


def whole_day(mode: AccessMode) -> Any:
    return timeline(ModePlan(time_zone="Europe/Berlin", baseline=mode), NOON - HOUR, NOON + 50 * HOUR)


@pytest.mark.parametrize(
    ("level", "vehicle", "reason"),
    [
        (None, UNKNOWN, Reason.FREEVEND),
        (OPEN, UNKNOWN, Reason.FREEVEND),
        (OPEN, OWN, Reason.FREEVEND),
        (OWN_AND_AGREEMENT, UNKNOWN, Reason.ENERGY_RESTRICTED),
        (OWN_AND_AGREEMENT, PARTNERED, Reason.AGREEMENT_VEHICLE),
        (OWN_AND_AGREEMENT, OWN, Reason.OWN_VEHICLE),
        (OWN_ONLY, UNKNOWN, Reason.ENERGY_RESTRICTED),
        (OWN_ONLY, PARTNERED, Reason.ENERGY_RESTRICTED),
        (OWN_ONLY, OWN, Reason.OWN_VEHICLE),
    ],
)
@pytest.mark.parametrize(
    ("mode", "cause"), [(FREEVEND, BASELINE_CAUSE), (MANAGED, NARROWED)], ids=["not yet switched", "switched"]
)
def test_freevend_at_a_gate_admits_its_level(
    level: GateLevel | None, vehicle: Vehicle | None, reason: Reason, mode: AccessMode, cause: Cause
) -> None:
    if level is None and cause is NARROWED:
        reason = Reason.UNKNOWN_IDENTIFIER  # the plan says managed, and no gate says otherwise

    assert reason_for(at_gate(level, vehicle, mode, cause)) is reason


@pytest.mark.parametrize(
    ("level", "vehicle", "reason"),
    [
        (OPEN, UNKNOWN, Reason.UNKNOWN_IDENTIFIER),
        (OWN_AND_AGREEMENT, UNKNOWN, Reason.UNKNOWN_IDENTIFIER),
        (OWN_AND_AGREEMENT, PARTNERED, Reason.AGREEMENT_VEHICLE),
        (OWN_ONLY, UNKNOWN, Reason.UNKNOWN_IDENTIFIER),
        (OWN_ONLY, PARTNERED, Reason.ENERGY_RESTRICTED),
        (OWN_ONLY, OWN, Reason.OWN_VEHICLE),
    ],
)
def test_gate_under_managed_access_refuses_only_whom_managed_access_admits(
    level: GateLevel, vehicle: Vehicle | None, reason: Reason
) -> None:
    assert reason_for(at_gate(level, vehicle, MANAGED)) is reason


@pytest.mark.parametrize(
    ("changes", "in_freevend", "in_managed"),
    [
        ({"identifier": None}, Reason.IDENTIFIER_INVALID, Reason.IDENTIFIER_INVALID),
        (
            {"vehicle": replace(OWN, suspended_because="stolen")},
            Reason.VEHICLE_SUSPENDED,
            Reason.VEHICLE_SUSPENDED,
        ),
        ({"in_use_at_another": True, "vehicle": OWN}, Reason.IDENTIFIER_IN_USE, Reason.IDENTIFIER_IN_USE),
        (
            {"vehicle": Vehicle(vehicle_id=VAN, description=own(valid_until=NOON))},
            Reason.ENERGY_RESTRICTED,
            Reason.VEHICLE_NOT_VALID,
        ),
        (
            {"vehicle": PARTNERED, "agreement": agreement(valid_until=NOON)},
            Reason.ENERGY_RESTRICTED,
            Reason.AGREEMENT_ENDED,
        ),
    ],
)
def test_rows_that_freevend_would_not_have_asked_refuse_for_energy(
    changes: dict[str, Any], in_freevend: Reason, in_managed: Reason
) -> None:
    def reason_in(mode: AccessMode) -> Reason:
        return reason_for(replace(at_gate(OWN_AND_AGREEMENT, None, mode), **changes))

    assert (reason_in(FREEVEND), reason_in(MANAGED)) == (in_freevend, in_managed)


@pytest.mark.parametrize(
    ("level", "vehicle", "reason"),
    [
        (OPEN, UNKNOWN, Reason.AD_HOC),
        (OWN_AND_AGREEMENT, UNKNOWN, Reason.ENERGY_RESTRICTED),
        (OWN_AND_AGREEMENT, PARTNERED, Reason.AD_HOC),
        (OWN_ONLY, PARTNERED, Reason.ENERGY_RESTRICTED),
        (OWN_ONLY, OWN, Reason.AD_HOC),
    ],
)
def test_ad_hoc_permission_admits_if_the_gate_admits_the_class(
    level: GateLevel, vehicle: Vehicle | None, reason: Reason
) -> None:
    assert reason_for(at_gate(level, vehicle, MANAGED, ad_hoc=TONIGHT)) is reason


@pytest.mark.parametrize("mode", [FREEVEND, MANAGED])
@pytest.mark.parametrize("level", [OWN_AND_AGREEMENT, OWN_ONLY])
def test_advisory_gate_allows_and_records_the_refusal(mode: AccessMode, level: GateLevel) -> None:
    vehicle = PARTNERED if level is OWN_ONLY else UNKNOWN
    decision = decide(at_gate(level, vehicle, mode, is_advisory=True), whole_day(mode))

    if mode is MANAGED and vehicle is UNKNOWN:
        assert (decision.allowed, decision.reason) == (False, Reason.UNKNOWN_IDENTIFIER)
    else:
        assert (decision.reason, decision.would_deny) == (Reason.OBSERVED, Reason.ENERGY_RESTRICTED)


def test_advisory_gate_leaves_the_decision_of_whom_it_would_admit() -> None:
    decision = decide(at_gate(OWN_ONLY, OWN, is_advisory=True), whole_day(FREEVEND))

    assert (decision.reason, decision.would_deny) == (Reason.FREEVEND, None)


def test_observed_charger_records_what_the_gate_would_refuse() -> None:
    inputs = at_gate(OWN_ONLY, UNKNOWN, enforcement=Enforcement.OBSERVE)

    decision = decide(inputs, whole_day(FREEVEND))

    assert (decision.reason, decision.would_deny) == (Reason.OBSERVED, Reason.ENERGY_RESTRICTED)
    assert decision.restricted_as is Reason.UNKNOWN_IDENTIFIER


@pytest.mark.parametrize(
    ("vehicle", "mode", "until"),
    [
        (UNKNOWN, FREEVEND, 10 * timedelta(minutes=1)),
        (PARTNERED, FREEVEND, 10 * timedelta(minutes=1)),
        (PARTNERED, MANAGED, 10 * timedelta(minutes=1)),
        (OWN, FREEVEND, 24 * HOUR),
        (OWN, MANAGED, 24 * HOUR),
    ],
)
def test_permission_ends_where_the_gate_could_turn_against_it(
    vehicle: Vehicle | None, mode: AccessMode, until: timedelta
) -> None:
    inputs = at_gate(OPEN, vehicle, mode, changes_in=timedelta(minutes=10))

    assert decide(inputs, whole_day(mode)).valid_until == NOON + until


def test_gate_that_does_not_change_by_itself_ends_no_permission() -> None:
    assert decide(at_gate(OPEN, UNKNOWN), whole_day(FREEVEND)).valid_until == NOON + 24 * HOUR


@pytest.mark.parametrize("level", [OWN_AND_AGREEMENT, OWN_ONLY])
@pytest.mark.parametrize("of_others", [{"naming_others": (OF_ANOTHER,)}, {"is_required": True}])
def test_reservations_that_freevend_does_not_keep_refuse_no_own_vehicle_where_a_gate_narrows_it(
    level: GateLevel, of_others: dict[str, Any]
) -> None:
    here = reservations_here(**of_others)

    def reason(vehicle: Vehicle | None, mode: AccessMode, at_level: GateLevel = level) -> Reason:
        return reason_for(at_gate(at_level, vehicle, mode, reservations=here))

    kept = Reason.RESERVED_FOR_OTHER if here.party.naming_others else Reason.RESERVATION_REQUIRED
    assert reason(OWN, FREEVEND) is Reason.OWN_VEHICLE
    assert reason(OWN, FREEVEND, OPEN) is Reason.FREEVEND
    assert reason(OWN, MANAGED) is kept
    assert reason(UNKNOWN, FREEVEND) is Reason.ENERGY_RESTRICTED
    refused = decide(at_gate(OWN_ONLY, PARTNERED, FREEVEND, reservations=here), whole_day(FREEVEND))
    assert refused.restricted_as is Reason.AGREEMENT_VEHICLE
    agreement_refused = Reason.ENERGY_RESTRICTED if level is OWN_ONLY else Reason.AGREEMENT_VEHICLE
    assert reason(PARTNERED, FREEVEND) is agreement_refused
