"""The access log: one row an attempt."""

from __future__ import annotations

from access_policy.application.projections.access_log import ACCESS_LOG
from access_policy.domain.access.events import DenialNotHonoured, OfflineStartReported, SessionDecision, Stage
from access_policy.domain.access.reasons import Reason
from tests.support.attempts import ANOTHER_TRY, TRY, allowed, denied, ended, faulted, started
from tests.support.builders import BAY, FREEVEND, HOUR, MINUTE, NOON, VAN
from tests.support.rows import Row, projected


def the_row(*events: object) -> Row:
    (row,) = projected(ACCESS_LOG, *events).table("access_log")
    return row


def facts(row: Row, *names: str) -> tuple[object, ...]:
    return tuple(row[name] for name in names)


def test_a_denial_shows_its_reason_its_lineage_and_what_the_driver_saw():
    row = the_row(denied(reason=Reason.VEHICLE_SUSPENDED, vehicle_id=VAN))

    assert facts(row, "attempt_id", "occurred_at", "depot_id", "charger_id") == (TRY, NOON, "north", BAY)
    assert facts(row, "decision", "reason", "vehicle_id", "would_deny") == ("denied", "vehicle_suspended", VAN, None)
    assert facts(row, "identifier_kind", "identifier_pseudonym", "identifier_masked") == ("rfid", "p1", "…p1")
    assert facts(row, "expected_mode", "cause_kind", "cause_id", "cause_name") == (
        "managed",
        "rule",
        "nights",
        "Nights",
    )
    assert facts(row, "signal_status", "signal_message", "signal_language") == ("Invalid", "Bitte anmelden.", "de")
    assert facts(row, "offline", "denial_not_honoured", "decisions") == (False, False, 1)


def test_what_was_only_observed_says_what_enforcement_would_have_done():
    row = the_row(allowed(reason=Reason.OBSERVED, would_deny=Reason.AGREEMENT_NOT_NOW))

    assert facts(row, "decision", "reason", "would_deny") == ("allowed", "observed", "agreement_not_now")


def test_the_decision_at_the_start_replaces_the_one_before_it_and_both_are_counted():
    row = the_row(
        allowed(),
        denied(stage=Stage.START, reason=Reason.IDENTIFIER_IN_USE, decided_for=NOON + MINUTE),
        started(decision=SessionDecision.DENIED),
    )

    assert facts(row, "decision", "reason", "stage", "decisions") == ("denied", "identifier_in_use", "start", 2)
    assert facts(row, "occurred_at", "decided_for") == (NOON, NOON + MINUTE)
    assert facts(row, "valid_until", "session_decision") == (None, "denied")


def test_a_charge_shows_its_start_its_end_and_its_energy():
    row = the_row(allowed(), started(started_at=NOON + MINUTE), ended(NOON + HOUR, energy_wh=7_500))

    assert facts(row, "session_started_at", "session_ended_at", "session_energy_wh", "connector_id") == (
        NOON + MINUTE,
        NOON + HOUR,
        7_500,
        2,
    )
    assert facts(row, "occurred_at", "decision", "session_end_reason") == (NOON, "allowed", "Local")


def test_a_start_that_nobody_had_to_decide_is_an_attempt_without_decision():
    row = the_row(
        started(decision=SessionDecision.NONE, identifier=None, vehicle_id=None, expected_mode=FREEVEND), ended()
    )

    assert facts(row, "decision", "decisions", "occurred_at", "expected_mode") == ("none", 0, NOON, "freevend")
    assert facts(row, "identifier_kind", "vehicle_id", "access_class") == (None, None, "unknown")
    assert row["session_ended_at"] == NOON + HOUR


def test_a_start_while_the_charger_could_not_ask_is_marked_as_offline():
    row = the_row(
        denied(stage=Stage.OFFLINE_START),
        OfflineStartReported(
            attempt_id=TRY, charger_id=BAY, started_at=NOON, authorised=False, reason=Reason.UNKNOWN_IDENTIFIER
        ),
        started(decision=SessionDecision.DENIED, offline=True),
    )

    assert facts(row, "offline", "offline_authorised", "decision") == (True, False, "denied")


def test_energy_after_a_refusal_shows_with_the_attempt():
    row = the_row(
        denied(),
        started(decision=SessionDecision.DENIED),
        DenialNotHonoured(attempt_id=TRY, charger_id=BAY, transaction_id="tx-1", seen_at=NOON + MINUTE, energy_wh=20),
    )

    assert facts(row, "denial_not_honoured", "denial_not_honoured_at") == (True, NOON + MINUTE)


def test_an_error_that_only_showed_the_denial_is_told_with_the_denial():
    row = the_row(
        denied(), faulted(NOON + MINUTE, error_code="OtherError", vendor_error_code="AUTH_DENIED", caused_by=TRY)
    )

    assert facts(row, "error_shown", "error_shown_at") == ("OtherError AUTH_DENIED", NOON + MINUTE)


def test_a_fault_of_the_charger_is_no_attempt():
    assert projected(ACCESS_LOG, faulted()).table("access_log") == []


def test_attempts_have_rows_of_their_own():
    rows = projected(ACCESS_LOG, denied(), allowed(attempt_id=ANOTHER_TRY)).table("access_log")

    assert [(row["attempt_id"], row["decision"]) for row in rows] == [(TRY, "denied"), (ANOTHER_TRY, "allowed")]
