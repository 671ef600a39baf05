"""Mode changes: how late each was, or why it failed."""

from __future__ import annotations

from access_policy.application.projections.mode_changes import MODE_CHANGES
from tests.support.builders import FREEVEND, HOUR, MINUTE, NOON
from tests.support.rows import Row, projected
from tests.support.switching import applied, failed, requested


def the_rows(*events: object) -> list[Row]:
    return projected(MODE_CHANGES, *events).table("mode_changes")


def test_a_request_says_what_was_due_when_and_why():
    (row,) = the_rows(requested())

    assert (row["mode"], row["due_at"], row["outcome"]) == ("managed", NOON, "requested")
    assert (row["cause_kind"], row["cause_id"], row["trigger"]) == ("rule", "nights", "transition")


def test_an_applied_change_says_how_late_it_was_and_how_that_is_known():
    (row,) = the_rows(requested(), applied(applied_at=NOON + MINUTE, late_s=60.0))

    assert (row["outcome"], row["applied_at"], row["late_s"]) == ("applied", NOON + MINUTE, 60.0)
    assert row["evidence"] == "AuthCtrlr.Enabled=true"


def test_a_failed_change_says_why():
    (row,) = the_rows(requested(), failed())

    assert (row["outcome"], row["failure"], row["failed_at"]) == ("failed", "rejected", NOON + MINUTE)


def test_a_change_that_waits_for_a_reboot_is_pending_and_has_not_failed():
    (row,) = the_rows(requested(), failed(reason="reboot_required", detail="in force after a reboot"))

    assert (row["outcome"], row["failure"], row.get("failed_at")) == ("pending", "reboot_required", None)


def test_a_change_that_failed_at_first_is_applied_with_its_failure_remembered():
    (row,) = the_rows(requested(), failed(), applied(applied_at=NOON + HOUR, late_s=3600.0))

    assert (row["outcome"], row["failure"], row["late_s"]) == ("applied", "rejected", 3600.0)


def test_only_the_first_application_counts_for_lateness():
    (row,) = the_rows(requested(), applied(), failed(), applied(applied_at=NOON + HOUR, late_s=3600.0))

    assert (row["outcome"], row["late_s"]) == ("applied", 2.0)


def test_each_request_has_a_row_of_its_own():
    rows = the_rows(requested(), applied(), requested(generation=2, mode=FREEVEND, due_at=NOON + HOUR))

    assert [(row["generation"], row["mode"], row["outcome"]) for row in rows] == [
        (1, "managed", "applied"),
        (2, "freevend", "requested"),
    ]
