"""Charger status: the chargers as they are now."""

from __future__ import annotations

from access_policy.application.projections.charger_status import CHARGER_STATUS
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.charger_access_policy.events import (
    ChargerAmended,
    EnforcementChanged,
    ModeDriftDetected,
)
from access_policy.domain.charger_condition.events import ChargerBooted, ChargerConnected, ChargerDisconnected
from tests.support.builders import BAY, FREEVEND, HOUR, MANAGED, MINUTE, NOON, registered, retired, scheduled, settings
from tests.support.rows import Row, projected
from tests.support.switching import applied, failed, requested

CONNECTED = ChargerConnected(charger_id=BAY, protocol="ocpp2.0.1", connected_at=NOON)
DISCONNECTED = ChargerDisconnected(charger_id=BAY, reason="1006", disconnected_at=NOON + MINUTE)


DRIFTED = ModeDriftDetected(
    charger_id=BAY, expected=MANAGED, found=FREEVEND, evidence="AuthCtrlr.Enabled=false", detected_at=NOON + HOUR
)


def the_row(*events: object) -> Row:
    (row,) = projected(CHARGER_STATUS, *events).table("charger_status")
    return row


def test_a_registered_charger_has_its_settings_and_has_not_been_seen():
    row = the_row(registered(Enforcement.OBSERVE, charge_point_id="CP-7", connectors=2))

    assert (row["charge_point_id"], row["connectors"], row["enforcement"]) == ("CP-7", 2, "observe")
    assert (row["depot_id"], row["baseline_mode"], row["profile"]) == ("north", "freevend", "ocpp16-central")
    assert (row["connected"], row["drifted"], row["version"]) == (False, False, 1)


def test_settings_and_enforcement_are_those_of_the_last_change():
    row = the_row(
        registered(),
        ChargerAmended(charger_id=BAY, settings=settings(baseline_mode=MANAGED)),
        EnforcementChanged(charger_id=BAY, enforcement=Enforcement.OBSERVE),
    )

    assert (row["baseline_mode"], row["enforcement"], row["version"]) == ("managed", "observe", 3)


def test_the_version_is_that_of_the_last_command_not_of_the_last_switch():
    row = the_row(registered(), scheduled(), requested(), applied())

    assert row["version"] == 2


def test_connection_boot_and_protocol_are_those_last_seen():
    row = the_row(
        registered(),
        CONNECTED,
        ChargerBooted(charger_id=BAY, vendor="Acme", model="X1", firmware="1.2", booted_at=NOON),
    )

    assert (row["connected"], row["connected_at"], row["protocol"]) == (True, NOON, "ocpp2.0.1")
    assert (row["vendor"], row["model"], row["firmware"]) == ("Acme", "X1", "1.2")


def test_a_lost_connection_leaves_what_was_known():
    row = the_row(registered(), CONNECTED, DISCONNECTED)

    assert (row["connected"], row["disconnected_at"], row["disconnected_because"]) == (False, NOON + MINUTE, "1006")
    assert row["connected_at"] == NOON


def test_an_applied_mode_has_its_evidence_and_its_lateness():
    row = the_row(registered(), requested(), applied())

    assert (row["requested_mode"], row["applied_mode"], row["generation"]) == ("managed", "managed", 1)
    assert (row["applied_late_s"], row["applied_due_at"]) == (2.0, NOON)
    assert row["evidence"] == "AuthCtrlr.Enabled=true"


def test_a_failure_stands_until_the_mode_was_seen():
    row = the_row(registered(), requested(), failed())
    assert (row["failure"], row["failure_detail"]) == ("rejected", "SetVariables: Rejected")
    assert "applied_mode" not in row

    row = the_row(registered(), requested(), failed(), applied())
    assert (row["failure"], row["failure_detail"], row["applied_mode"]) == (None, None, "managed")


def test_drift_stands_until_the_mode_was_seen_again():
    row = the_row(registered(), requested(), applied(), DRIFTED)
    assert (row["drifted"], row["drift_found"], row["applied_mode"]) == (True, "freevend", "managed")

    again = (requested(generation=2), applied(generation=2))
    row = the_row(registered(), requested(), applied(), DRIFTED, *again)
    assert (row["drifted"], row["drift_found"], row["generation"]) == (False, None, 2)


def test_a_retired_charger_stays_to_be_seen():
    assert the_row(registered(), retired(NOON))["retired_at"] == NOON


def test_what_is_heard_of_a_charger_nobody_registered_makes_no_row():
    assert projected(CHARGER_STATUS, CONNECTED).table("charger_status") == []
