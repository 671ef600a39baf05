"""Switching a charger: requested, applied, failed, drifted."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode
from access_policy.domain.charger_access_policy import mode_changes
from access_policy.domain.charger_access_policy.events import (
    ModeApplicationFailed,
    ModeApplied,
    ModeChangeRequested,
    ModeDriftDetected,
    PolicyEvent,
)
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from tests.support.builders import BAY, FREEVEND, MANAGED, MINUTE, NOON, registered, retired
from tests.support.spec import given


def requested(generation: int = 1, mode: AccessMode = MANAGED) -> ModeChangeRequested:
    return ModeChangeRequested(
        charger_id=BAY,
        generation=generation,
        mode=mode,
        cause=BASELINE_CAUSE,
        due_at=NOON,
        mode_control="device_variable",
        trigger="transition",
    )


def applied(generation: int = 1, mode: AccessMode = MANAGED, late_s: float = 60.0) -> ModeApplied:
    return ModeApplied(
        charger_id=BAY,
        generation=generation,
        mode=mode,
        cause=BASELINE_CAUSE,
        due_at=NOON,
        applied_at=NOON + MINUTE,
        late_s=late_s,
        evidence="read back",
    )


def failed(generation: int = 1, reason: str = "timeout") -> ModeApplicationFailed:
    return ModeApplicationFailed(
        charger_id=BAY, generation=generation, mode=MANAGED, reason=reason, detail="no answer", failed_at=NOON
    )


def drifted(found: AccessMode = FREEVEND, expected: AccessMode = MANAGED) -> ModeDriftDetected:
    return ModeDriftDetected(charger_id=BAY, expected=expected, found=found, evidence="notified", detected_at=NOON)


def ask(policy: ChargerAccessPolicy, mode: AccessMode = MANAGED) -> tuple[PolicyEvent, ...]:
    return mode_changes.request_mode(
        policy, mode=mode, cause=BASELINE_CAUSE, due_at=NOON, mode_control="device_variable", trigger="transition"
    )


def seen(policy: ChargerAccessPolicy, generation: int = 1, mode: AccessMode = MANAGED, **changes: Any) -> Any:
    values: dict[str, Any] = {"due_at": NOON, "now": NOON + MINUTE}
    return mode_changes.record_applied(
        policy, generation=generation, mode=mode, cause=BASELINE_CAUSE, evidence="read back", **(values | changes)
    )


def miss(policy: ChargerAccessPolicy, generation: int = 1, detail: str = "no answer") -> tuple[PolicyEvent, ...]:
    return mode_changes.record_failed(policy, generation=generation, reason="timeout", detail=detail, now=NOON)


def drift(policy: ChargerAccessPolicy, found: AccessMode = FREEVEND) -> tuple[PolicyEvent, ...]:
    return mode_changes.record_drift(policy, found=found, evidence="notified", now=NOON)


# --- requests ---------------------------------------------------------------------------------------------------------


def test_the_first_request_is_of_generation_one_and_each_later_one_of_the_next() -> None:
    given(registered()).when(ask).then(requested(1))
    given(registered(), requested(1)).when(ask).then(requested(2))
    given(registered(), requested(1), applied(1)).when(lambda p: ask(p, FREEVEND)).then(requested(2, FREEVEND))


def test_a_mode_that_is_applied_is_not_requested() -> None:
    given(registered(), requested(1), applied(1)).when(ask).then_nothing()


@pytest.mark.parametrize("since", [failed(1), drifted(), requested(2, FREEVEND)])
def test_what_speaks_against_the_applied_mode_makes_it_requested_again(since: PolicyEvent) -> None:
    history = (registered(), requested(1), applied(1), since)
    generation = given(*history).state.application.generation

    given(*history).when(ask).then(requested(generation + 1))


def test_a_retired_charger_is_not_switched() -> None:
    given(registered(), retired()).when(ask).then_nothing()


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_seeing_the_requested_mode_applies_it_with_its_lateness() -> None:
    policy = given(registered(), requested(1)).when(seen).then(applied(1))

    assert policy.application.applied_mode is MANAGED
    assert policy.application.applied_at == NOON + MINUTE
    assert policy.application.evidence == "read back"
    assert mode_changes.is_applied(policy, MANAGED)
    assert not mode_changes.is_applied(policy, FREEVEND)


def test_a_mode_applied_before_it_was_due_is_not_late() -> None:
    [event] = given(registered(), requested(1)).when(lambda p: seen(p, due_at=NOON + 2 * MINUTE)).events

    assert event.late_s == 0.0


def test_the_same_evidence_twice_changes_nothing() -> None:
    given(registered(), requested(1), applied(1)).when(seen).then_nothing()


@pytest.mark.parametrize("generation", [0, 1, 3])
def test_evidence_for_another_request_than_the_latest_changes_nothing(generation: int) -> None:
    given(registered(), requested(1), requested(2)).when(lambda p: seen(p, generation)).then_nothing()


def test_a_mode_that_nobody_asked_for_is_not_applied() -> None:
    given(registered(), requested(1)).when(lambda p: seen(p, mode=FREEVEND)).then_nothing()
    given(registered()).when(lambda p: seen(p, 0)).then_nothing()


def test_applying_clears_failures_and_drift() -> None:
    history = (registered(), requested(1), failed(1), failed(1), requested(2))
    assert given(*history).state.application.failures == 2

    policy = given(*history).when(lambda p: seen(p, 2)).then(applied(2))

    assert (policy.application.failure, policy.application.failures, policy.application.drift_found) == (None, 0, None)


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_failed_try_is_recorded_with_its_reason() -> None:
    policy = given(registered(), requested(1)).when(miss).then(failed(1))

    assert (policy.application.failure, policy.application.failures) == ("timeout", 1)
    assert not mode_changes.is_applied(policy, MANAGED)


def test_a_failure_of_an_older_request_or_of_none_changes_nothing() -> None:
    given(registered(), requested(1), requested(2)).when(lambda p: miss(p, 1)).then_nothing()
    given(registered()).when(lambda p: miss(p, 0)).then_nothing()


def test_a_long_detail_is_cut() -> None:
    [event] = given(registered(), requested(1)).when(lambda p: miss(p, detail="x" * 10_000)).events

    assert len(event.detail) == 500


# --- drift ------------------------------------------------------------------------------------------------------------


def test_another_mode_than_the_applied_one_is_drift_once() -> None:
    history = (registered(), requested(1), applied(1))

    policy = given(*history).when(drift).then(drifted())

    assert policy.application.drift_found is FREEVEND
    given(*history, drifted()).when(drift).then_nothing()


def test_the_applied_mode_and_the_requested_one_are_no_drift() -> None:
    given(registered(), requested(1), applied(1)).when(lambda p: drift(p, MANAGED)).then_nothing()
    given(registered(), requested(1), applied(1), requested(2, FREEVEND)).when(drift).then_nothing()


def test_without_an_applied_mode_nothing_can_drift() -> None:
    given(registered()).when(drift).then_nothing()
    given(registered(), requested(1)).when(drift).then_nothing()
