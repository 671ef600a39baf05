"""Faults: without the errors by which chargers show a refusal."""

from __future__ import annotations

from access_policy.application.projections.faults import FAULTS
from tests.support.attempts import TRY, faulted, recovered
from tests.support.builders import HOUR, MINUTE, NOON
from tests.support.rows import Row, projected


def the_rows(*events: object) -> list[Row]:
    return projected(FAULTS, *events).table("faults")


def test_a_fault_stands_until_the_connector_recovers():
    (row,) = the_rows(faulted(error_code="GroundFailure", vendor_error_code="E7", info="earth leakage"))
    assert (row["error_code"], row["vendor_error_code"], row["info"]) == ("GroundFailure", "E7", "earth leakage")
    assert (row["occurred_at"], row["cleared_at"]) == (NOON, None)

    (row,) = the_rows(faulted(), recovered(NOON + HOUR))
    assert row["cleared_at"] == NOON + HOUR


def test_an_error_caused_by_a_denial_is_no_fault():
    assert the_rows(faulted(error_code="OtherError", caused_by=TRY)) == []


def test_a_recovery_clears_the_faults_of_its_own_connector_only():
    rows = the_rows(faulted(connector_id=1), faulted(connector_id=2), recovered(connector_id=1))

    assert [(row["connector_id"], row["cleared_at"]) for row in rows] == [(1, NOON + HOUR), (2, None)]


def test_a_fault_after_a_recovery_is_another_fault():
    rows = the_rows(faulted(), recovered(NOON + MINUTE), faulted(NOON + HOUR))

    assert [(row["occurred_at"], row["cleared_at"]) for row in rows] == [(NOON, NOON + MINUTE), (NOON + HOUR, None)]


def test_a_recovery_without_a_fault_changes_nothing():
    assert the_rows(recovered()) == []
