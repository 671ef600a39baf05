"""The decision table: exactly one reason, in the table's order, and how long a permission holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.access.decision import (
    PERMISSION_HORIZON,
    RULES,
    DecisionInputs,
    decide,
    explain,
    permission_holds_until,
    reason_for,
    rules_at,
)
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.access.trace import trace_of
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Enforcement
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AttemptId, ChargerId, OverrideId
from access_policy.domain.mode_schedule.timeline import ModePlan, Override, Segment, Timeline, timeline
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.agreements import AgreementHours
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.registry import Vehicle
from tests.support.builders import (
    ANNA,
    BAY,
    BERLIN,
    DAY,
    FREEVEND,
    HOUR,
    MANAGED,
    MINUTE,
    NIGHTS,
    NOON,
    NORTH,
    PARTNER,
    TRUCK,
    VAN,
    agreement,
    berlin,
    own,
    partnered,
    ref,
    rule,
)
from tests.support.lengths import Length
from tests.unit.domain.decision_reference import TABLE, expected_reason, facts

INPUTS = Length(ci=100, soak=10_000, of="decision inputs")
ATTEMPTS = Length(ci=30, soak=3_000, of="attempts")

ALWAYS_MANAGED = ModePlan(time_zone="Europe/Berlin", baseline=MANAGED)


def timeline_around(plan: ModePlan, at: datetime) -> Timeline:
    return timeline(plan, at - HOUR, at + 50 * HOUR)


def facts_of(
    vehicle: Vehicle | None, *, at: datetime = NOON, mode: AccessMode = MANAGED, **changes: Any
) -> DecisionInputs:
    values: dict[str, Any] = {
        "expected": Segment(at - HOUR, at + 50 * HOUR, mode, BASELINE_CAUSE),
        "enforcement": Enforcement.ENFORCE,
        "identifier": ref(),
        "agreement": None,
    }
    return DecisionInputs(at=at, charger_id=BAY, depot_id=NORTH, zone=BERLIN, vehicle=vehicle, **(values | changes))


def van(**changes: Any) -> Vehicle:
    return Vehicle(vehicle_id=VAN, description=own(**changes))


def truck(**changes: Any) -> Vehicle:
    return Vehicle(vehicle_id=TRUCK, description=partnered(**changes))


def permission(**changes: Any) -> AdHocPermission:
    values: dict[str, Any] = {
        "attempt_id": AttemptId("a1"),
        "depot_id": NORTH,
        "identifier": ref(),
        "vehicle_id": None,
        "given_at": NOON,
        "until": NOON + 3 * HOUR,
        "reason": "tonight",
        "given_by": ANNA,
    }
    return AdHocPermission(**(values | changes))


# --- ad-hoc permissions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (NOON - MINUTE, Reason.UNKNOWN_IDENTIFIER),
        (NOON, Reason.AD_HOC),
        (NOON + 3 * HOUR - MINUTE, Reason.AD_HOC),
        (NOON + 3 * HOUR, Reason.UNKNOWN_IDENTIFIER),
    ],
)
def test_unknown_identifier_with_an_ad_hoc_permission_charges_from_its_first_instant_to_before_its_end(
    at: datetime, reason: Reason
) -> None:
    assert reason_for(facts_of(None, at=at, ad_hoc=permission())) is reason


def test_ad_hoc_permission_ends_the_validity_of_what_it_allows() -> None:
    at = NOON + HOUR

    decision = decide(facts_of(None, at=at, ad_hoc=permission()), timeline_around(ALWAYS_MANAGED, at))

    assert (decision.allowed, decision.reason, decision.valid_until) == (True, Reason.AD_HOC, NOON + 3 * HOUR)


def test_ad_hoc_permission_does_not_shorten_the_validity_of_an_own_vehicle() -> None:
    decision = decide(facts_of(van(), ad_hoc=permission()), timeline_around(ALWAYS_MANAGED, NOON))

    assert (decision.reason, decision.valid_until) == (Reason.AD_HOC, NOON + 24 * HOUR)


def test_ad_hoc_permission_of_an_own_vehicle_that_is_valid_only_later_ends_with_the_permission() -> None:
    later = van(valid_from=NOON + 10 * HOUR)

    decision = decide(facts_of(later, ad_hoc=permission()), timeline_around(ALWAYS_MANAGED, NOON))

    assert decision.valid_until == NOON + 3 * HOUR


def test_suspended_vehicle_with_an_ad_hoc_permission_is_denied() -> None:
    suspended = replace(van(), suspended_because="stolen")

    assert reason_for(facts_of(suspended, ad_hoc=permission())) is Reason.VEHICLE_SUSPENDED


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.soak(INPUTS)
@hypothesis.settings(max_examples=INPUTS.count)
@given(facts())
def test_the_decision_is_total_and_its_reason_is_that_of_the_first_row_that_applies(drawn: DecisionInputs) -> None:
    expected = expected_reason(drawn)

    decision = decide(drawn, timeline_around(ALWAYS_MANAGED, drawn.at))

    advised = expected_reason(replace(drawn, gate=replace(drawn.gate, is_advisory=False))) if drawn.gate else expected
    if expected in ALLOWING and advised not in ALLOWING:
        assert (decision.allowed, decision.reason, decision.would_deny) == (True, Reason.OBSERVED, advised)
    elif drawn.enforcement is Enforcement.OBSERVE and expected not in ALLOWING:
        assert (decision.allowed, decision.reason, decision.would_deny) == (True, Reason.OBSERVED, expected)
    else:
        assert (decision.allowed, decision.reason, decision.would_deny) == (expected in ALLOWING, expected, None)
    assert (decision.valid_until is not None) == decision.allowed
    vehicle = drawn.vehicle
    assert decision.access_class == (vehicle.description.access_class if vehicle else AccessClass.UNKNOWN)
    assert decision.vehicle_id == (vehicle.vehicle_id if vehicle else None)
    assert decision.agreement_id == (vehicle.description.agreement_id if vehicle else None)


def test_each_row_goes_before_all_below_it() -> None:
    """Facts that every denying row refuses; then one obstacle after the other is taken away, from the top."""
    at = NOON
    over = agreement(
        valid_from=at + MINUTE,
        valid_until=at - MINUTE,
        charger_ids=frozenset({ChargerId("other")}),
        hours=(AgreementHours(days=("SA",), start=time(8), end=time(9)),),
    )
    suspended = replace(truck(valid_until=at), suspended_because="why")
    pin = ref(kind=IdentifierKind.PIN)
    ladder = [
        facts_of(None, mode=FREEVEND, identifier=None, agreement=over, pin_locked_out=True, in_use_at_another=True)
    ]
    for change in (
        {"expected": Segment(at, at + DAY, MANAGED, BASELINE_CAUSE)},
        {"identifier": pin},
        {"pin_locked_out": False},
        {"vehicle": suspended},
        {"vehicle": truck(valid_until=at)},
        {"in_use_at_another": False},
        {"vehicle": truck()},
        {"agreement": replace(over, valid_from=at)},
        {"agreement": replace(over, valid_from=at, valid_until=None)},
        {"agreement": replace(over, valid_from=at, valid_until=None, charger_ids=frozenset())},
        {"agreement": agreement()},
    ):
        ladder.append(replace(ladder[-1], **change))

    assert [reason_for(step) for step in ladder] == [
        Reason.FREEVEND,
        Reason.IDENTIFIER_INVALID,
        Reason.PIN_LOCKED_OUT,
        Reason.UNKNOWN_IDENTIFIER,
        Reason.VEHICLE_SUSPENDED,
        Reason.IDENTIFIER_IN_USE,
        Reason.VEHICLE_NOT_VALID,
        Reason.AGREEMENT_NOT_STARTED,
        Reason.AGREEMENT_ENDED,
        Reason.AGREEMENT_NOT_HERE,
        Reason.AGREEMENT_NOT_NOW,
        Reason.AGREEMENT_VEHICLE,
    ]


def test_every_reason_but_that_of_observing_has_a_row() -> None:
    assert {reason for _, _, reason in TABLE} == set(Reason) - {Reason.OBSERVED}
    assert len(RULES) == len(TABLE) - 2, "the row of a reservation that is not in force answers with three reasons"


@given(facts())
def test_the_explanation_ends_in_the_row_that_decides(drawn: DecisionInputs) -> None:
    steps = explain(drawn)
    given_class = AccessClass.UNKNOWN if drawn.vehicle is None else drawn.vehicle.description.access_class
    rules = rules_at(with_reservations=drawn.reservations is not None, with_energy=drawn.gate is not None)
    decision = decide(drawn, timeline_around(ALWAYS_MANAGED, drawn.at))
    reason = decision.would_deny or decision.reason
    assert trace_of(reason, given_class, rules, decision.restricted_as) == steps, (
        "the trace of a recorded decision is the explanation at the time"
    )
    assert (decision.restricted_as is None) == (reason is not Reason.ENERGY_RESTRICTED)

    assert [step.rule for step in steps] == [row.__name__ for row in rules[: len(steps)]]
    assert [step.decided for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1].reason is reason
    assert all(step.reason is None for step in steps[:-1])


@pytest.mark.parametrize(
    ("vehicle", "contract", "reason"),
    [
        (van(), None, Reason.OWN_VEHICLE),
        (van(valid_from=NOON), None, Reason.OWN_VEHICLE),
        (van(valid_from=NOON + MINUTE), None, Reason.VEHICLE_NOT_VALID),
        (van(valid_until=NOON + MINUTE), None, Reason.OWN_VEHICLE),
        (van(valid_until=NOON), None, Reason.VEHICLE_NOT_VALID),
        (truck(), agreement(), Reason.AGREEMENT_VEHICLE),
        (truck(valid_until=NOON), agreement(), Reason.VEHICLE_NOT_VALID),
        (truck(), agreement(valid_from=NOON), Reason.AGREEMENT_VEHICLE),
        (truck(), agreement(valid_from=NOON + MINUTE), Reason.AGREEMENT_NOT_STARTED),
        (truck(), agreement(valid_until=NOON + MINUTE), Reason.AGREEMENT_VEHICLE),
        (truck(), agreement(valid_until=NOON), Reason.AGREEMENT_ENDED),
        (truck(), agreement(ended_at=NOON), Reason.AGREEMENT_ENDED),
        (truck(), agreement(charger_ids=frozenset({BAY})), Reason.AGREEMENT_VEHICLE),
        (truck(), agreement(charger_ids=frozenset({ChargerId("other")})), Reason.AGREEMENT_NOT_HERE),
    ],
)
def test_periods_hold_their_first_instant_and_not_their_last(vehicle: Vehicle, contract: Any, reason: Reason) -> None:
    assert reason_for(facts_of(vehicle, agreement=contract)) is reason


def test_the_class_is_resolved_in_freevend_all_the_same() -> None:
    decision = decide(facts_of(truck(), mode=FREEVEND, agreement=agreement()), timeline_around(ALWAYS_MANAGED, NOON))

    assert (decision.reason, decision.access_class, decision.agreement_id) == (
        Reason.FREEVEND,
        AccessClass.AGREEMENT,
        PARTNER,
    )


def test_only_pins_are_locked_out() -> None:
    assert reason_for(facts_of(van(), pin_locked_out=True)) is Reason.OWN_VEHICLE


def test_what_cannot_be_decided_is_an_error_and_no_denial() -> None:
    broken = facts_of(van(), agreement=None)
    broken.expected = None  # type: ignore[assignment]

    with pytest.raises(AttributeError):
        reason_for(broken)


# --- how long a permission holds --------------------------------------------------------------------------------------


def holds_until(drawn: DecisionInputs, plan: ModePlan) -> datetime:
    told = timeline_around(plan, drawn.at)
    return permission_holds_until(replace(drawn, expected=told.at(drawn.at)), told)


def test_an_own_vehicle_without_an_end_holds_its_permission_for_a_day() -> None:
    assert holds_until(facts_of(van()), ALWAYS_MANAGED) == NOON + PERMISSION_HORIZON


def test_an_own_vehicle_loses_its_permission_at_the_end_of_its_validity() -> None:
    assert holds_until(facts_of(van(valid_until=NOON + HOUR)), ALWAYS_MANAGED) == NOON + HOUR


def test_a_freevend_permission_of_an_unknown_vehicle_ends_when_managed_access_begins() -> None:
    nightly = ModePlan(time_zone="Europe/Berlin", baseline=FREEVEND, rules={NIGHTS: rule()})

    assert holds_until(facts_of(None), nightly) == berlin("2026-11-18 22:00")
    assert holds_until(facts_of(van()), nightly) == NOON + PERMISSION_HORIZON


@pytest.mark.parametrize(
    "changes",
    [
        {"vehicle": replace(van(), suspended_because="why")},
        {"vehicle": van(valid_from=NOON + 2 * DAY)},
        {"in_use_at_another": True},
        {"identifier": None},
        {"identifier": ref(kind=IdentifierKind.PIN), "pin_locked_out": True},
    ],
)
def test_an_own_vehicle_that_managed_access_would_refuse_has_its_permission_until_then(changes: dict[str, Any]) -> None:
    nightly = ModePlan(time_zone="Europe/Berlin", baseline=FREEVEND, rules={NIGHTS: rule()})

    assert holds_until(replace(facts_of(van()), **changes), nightly) == berlin("2026-11-18 22:00")


@pytest.mark.parametrize(
    ("contract", "until"),
    [
        (agreement(), NOON + PERMISSION_HORIZON),
        (agreement(valid_until=NOON + HOUR), NOON + HOUR),
        (agreement(ended_at=NOON + HOUR), NOON + HOUR),
        (agreement(hours=(AgreementHours(days=("WE",), start=time(8), end=time(18)),)), berlin("2026-11-18 18:00")),
        (
            agreement(hours=(AgreementHours(days=("TU", "WE"), start=time(12), end=time(12)),)),
            berlin("2026-11-19 12:00"),
        ),
    ],
)
def test_a_vehicle_of_an_agreement_loses_its_permission_with_what_the_agreement_covers(
    contract: Any, until: datetime
) -> None:
    assert holds_until(facts_of(truck(), agreement=contract), ALWAYS_MANAGED) == until


def test_a_permission_outlasts_a_pause_of_its_agreement_that_falls_into_freevend() -> None:
    nightly = ModePlan(time_zone="Europe/Berlin", baseline=MANAGED, rules={NIGHTS: rule(mode=FREEVEND)})
    by_day = agreement(hours=(AgreementHours(days=("WE",), start=time(6), end=time(23)),))

    assert holds_until(facts_of(truck(), agreement=by_day), nightly) == berlin("2026-11-19 06:00")


def test_observing_refuses_nobody_within_the_day() -> None:
    observed = facts_of(None, enforcement=Enforcement.OBSERVE)

    assert holds_until(observed, ALWAYS_MANAGED) == NOON + PERMISSION_HORIZON


def test_a_permission_ends_with_the_timeline_at_the_latest() -> None:
    short = timeline(ALWAYS_MANAGED, NOON - HOUR, NOON + HOUR)

    assert permission_holds_until(facts_of(van()), short) == NOON + HOUR
    assert permission_holds_until(facts_of(van(valid_until=short.end)), short) == NOON + HOUR


@st.composite
def attempts(draw: st.DrawFn) -> tuple[DecisionInputs, Timeline]:
    """Any facts at any minute of an ordinary day, or of one on which the clock changes, under a plan with transitions."""
    day = draw(st.sampled_from([date(2026, 11, 18), date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24)]))
    at = datetime.combine(day, time(), UTC) + draw(st.integers(0, 1439)) * MINUTE
    nightly = rule(
        mode=draw(st.sampled_from(AccessMode)),
        start=f"{draw(st.integers(0, 23)):02}:30",
        end=f"{draw(st.integers(0, 23)):02}:15",
    )
    begins = at + draw(st.integers(-600, 1500)) * MINUTE
    override = Override(
        override_id=OverrideId("o"),
        mode=draw(st.sampled_from(AccessMode)),
        starts_at=begins,
        ends_at=begins + draw(st.integers(1, 900)) * MINUTE,
        reason="",
        made_by=ANNA,
        made=1,
    )
    plan = ModePlan(
        time_zone="Europe/Berlin",
        baseline=draw(st.sampled_from(AccessMode)),
        rules={NIGHTS: nightly} if draw(st.booleans()) else {},
        overrides={override.override_id: override} if draw(st.booleans()) else {},
    )
    told = timeline_around(plan, at)
    return draw(facts(expected=told.at(at), at=at)), told


@pytest.mark.soak(ATTEMPTS)
@hypothesis.settings(max_examples=ATTEMPTS.count)
@given(attempts())
def test_a_permission_holds_up_to_the_first_minute_in_which_the_same_attempt_would_be_refused(
    drawn: tuple[DecisionInputs, Timeline],
) -> None:
    attempt, told = drawn
    decision = decide(attempt, told)
    if not decision.allowed:
        assert decision.valid_until is None
        return
    later = attempt.at + MINUTE
    while later < attempt.at + timedelta(hours=24) and decide_at(attempt, told, later):
        later += MINUTE

    assert decision.valid_until == later


def decide_at(attempt: DecisionInputs, told: Timeline, at: datetime) -> bool:
    gate = attempt.gate
    if gate is not None and gate.changes_at is not None and gate.changes_at <= at:
        gate = replace(gate, level=GateLevel.OWN_ONLY)  # it may have become as narrow as that
    reason = reason_for(replace(attempt, at=at, expected=told.at(at), gate=gate))
    return reason in ALLOWING or attempt.enforcement is Enforcement.OBSERVE
