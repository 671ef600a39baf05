"""The tables of the read models as they were when migrations began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "read_models_0001"
down_revision = None

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")
INSTANT = sa.String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("attempt_id", TEXT, nullable=False),
        sa.Column("depot_id", TEXT, nullable=True),
        sa.Column("charger_id", TEXT, nullable=True),
        sa.Column("stage", TEXT, nullable=True),
        sa.Column("protocol", TEXT, nullable=True),
        sa.Column("message_id", TEXT, nullable=True),
        sa.Column("actor", TEXT, nullable=True),
        sa.Column("access_class", TEXT, nullable=True),
        sa.Column("vehicle_id", TEXT, nullable=True),
        sa.Column("agreement_id", TEXT, nullable=True),
        sa.Column("expected_mode", TEXT, nullable=True),
        sa.Column("cause_kind", TEXT, nullable=True),
        sa.Column("cause_id", TEXT, nullable=True),
        sa.Column("cause_name", TEXT, nullable=True),
        sa.Column("enforcement", TEXT, nullable=True),
        sa.Column("identifier_kind", TEXT, nullable=True),
        sa.Column("identifier_pseudonym", TEXT, nullable=True),
        sa.Column("identifier_masked", TEXT, nullable=True),
        sa.Column("decision", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("would_deny", TEXT, nullable=True),
        sa.Column("signal_status", TEXT, nullable=True),
        sa.Column("signal_message", TEXT, nullable=True),
        sa.Column("signal_language", TEXT, nullable=True),
        sa.Column("display_status", TEXT, nullable=True),
        sa.Column("display_message", TEXT, nullable=True),
        sa.Column("display_language", TEXT, nullable=True),
        sa.Column("transaction_id", TEXT, nullable=True),
        sa.Column("session_decision", TEXT, nullable=True),
        sa.Column("session_end_reason", TEXT, nullable=True),
        sa.Column("stop_cause", TEXT, nullable=True),
        sa.Column("error_shown", TEXT, nullable=True),
        sa.Column("occurred_at", INSTANT, nullable=True),
        sa.Column("decided_for", INSTANT, nullable=True),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.Column("session_started_at", INSTANT, nullable=True),
        sa.Column("session_ended_at", INSTANT, nullable=True),
        sa.Column("denial_not_honoured_at", INSTANT, nullable=True),
        sa.Column("display_until", INSTANT, nullable=True),
        sa.Column("stop_requested_at", INSTANT, nullable=True),
        sa.Column("error_shown_at", INSTANT, nullable=True),
        sa.Column("connector_id", sa.BigInteger(), nullable=True),
        sa.Column("policy_version", sa.BigInteger(), nullable=True),
        sa.Column("registry_version", sa.BigInteger(), nullable=True),
        sa.Column("meter_start_wh", sa.BigInteger(), nullable=True),
        sa.Column("session_energy_wh", sa.BigInteger(), nullable=True),
        sa.Column("decisions", sa.BigInteger(), nullable=True),
        sa.Column("decided_version", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("offline", sa.Boolean(), nullable=True),
        sa.Column("offline_authorised", sa.Boolean(), nullable=True),
        sa.Column("denial_not_honoured", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "attempt_id"),
    )
    op.create_index(
        "access_log_by_charger", "access_log", ["tenant_id", "charger_id", "occurred_at", "position"], unique=False
    )
    op.create_index("access_log_by_decision_time", "access_log", ["decided_for"], unique=False)
    op.create_index("access_log_by_time", "access_log", ["tenant_id", "occurred_at", "position"], unique=False)
    op.create_index(
        "access_log_open_sessions",
        "access_log",
        ["position"],
        unique=False,
        sqlite_where=sa.text("session_started_at IS NOT NULL AND session_ended_at IS NULL"),
        postgresql_where=sa.text("session_started_at IS NOT NULL AND session_ended_at IS NULL"),
    )
    op.create_table(
        "agreements",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("agreement_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("fleet", TEXT, nullable=True),
        sa.Column("valid_from", INSTANT, nullable=True),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("charger_ids", sa.JSON(), nullable=True),
        sa.Column("depot_ids", sa.JSON(), nullable=True),
        sa.Column("hours", sa.JSON(), nullable=True),
        sa.Column("identifier_kinds", sa.JSON(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "agreement_id"),
    )
    op.create_table(
        "charger_status",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("charger_id", TEXT, nullable=False),
        sa.Column("charge_point_id", TEXT, nullable=True),
        sa.Column("depot_id", TEXT, nullable=True),
        sa.Column("time_zone", TEXT, nullable=True),
        sa.Column("profile", TEXT, nullable=True),
        sa.Column("baseline_mode", TEXT, nullable=True),
        sa.Column("enforcement", TEXT, nullable=True),
        sa.Column("on_window_start", TEXT, nullable=True),
        sa.Column("on_store_outage", TEXT, nullable=True),
        sa.Column("offline_starts", TEXT, nullable=True),
        sa.Column("protocol", TEXT, nullable=True),
        sa.Column("vendor", TEXT, nullable=True),
        sa.Column("model", TEXT, nullable=True),
        sa.Column("firmware", TEXT, nullable=True),
        sa.Column("requested_mode", TEXT, nullable=True),
        sa.Column("applied_mode", TEXT, nullable=True),
        sa.Column("evidence", TEXT, nullable=True),
        sa.Column("failure", TEXT, nullable=True),
        sa.Column("failure_detail", TEXT, nullable=True),
        sa.Column("drift_found", TEXT, nullable=True),
        sa.Column("disconnected_because", TEXT, nullable=True),
        sa.Column("applied_due_at", INSTANT, nullable=True),
        sa.Column("applied_at", INSTANT, nullable=True),
        sa.Column("connected_at", INSTANT, nullable=True),
        sa.Column("disconnected_at", INSTANT, nullable=True),
        sa.Column("retired_at", INSTANT, nullable=True),
        sa.Column("permissions_seen_at", INSTANT, nullable=True),
        sa.Column("permissions_in_force", sa.JSON(), nullable=True),
        sa.Column("permissions_refused", sa.JSON(), nullable=True),
        sa.Column("connectors", sa.BigInteger(), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("connected", sa.Boolean(), nullable=True),
        sa.Column("drifted", sa.Boolean(), nullable=True),
        sa.Column("applied_late_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "charger_id"),
    )
    op.create_table(
        "denied_identifier_chargers",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("pseudonym", TEXT, nullable=False),
        sa.Column("charger_id", TEXT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "pseudonym", "charger_id"),
    )
    op.create_table(
        "denied_identifiers",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("pseudonym", TEXT, nullable=False),
        sa.Column("masked", TEXT, nullable=True),
        sa.Column("last_attempt_id", TEXT, nullable=True),
        sa.Column("first_seen_at", INSTANT, nullable=True),
        sa.Column("last_seen_at", INSTANT, nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=True),
        sa.Column("counted_position", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "pseudonym"),
    )
    op.create_index(
        "denied_identifiers_by_time", "denied_identifiers", ["tenant_id", "last_seen_at", "position"], unique=False
    )
    op.create_table(
        "depots",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("depot_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("time_zone", TEXT, nullable=True),
        sa.Column("language", TEXT, nullable=True),
        sa.Column("longest_override_days", sa.BigInteger(), nullable=True),
        sa.Column("identifier_kinds", sa.JSON(), nullable=True),
        sa.Column("exclusive_kinds", sa.JSON(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "depot_id"),
    )
    op.create_table(
        "enrolment_sessions",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("charger_id", TEXT, nullable=False),
        sa.Column("session_id", TEXT, nullable=True),
        sa.Column("armed_by", TEXT, nullable=True),
        sa.Column("offered_kind", TEXT, nullable=True),
        sa.Column("offered_pseudonym", TEXT, nullable=True),
        sa.Column("offered_masked", TEXT, nullable=True),
        sa.Column("offered_attempt_id", TEXT, nullable=True),
        sa.Column("enrolled_vehicle_id", TEXT, nullable=True),
        sa.Column("armed_at", INSTANT, nullable=True),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("cancelled_at", INSTANT, nullable=True),
        sa.Column("offered_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "charger_id"),
    )
    op.create_table(
        "faults",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("fault_id", TEXT, nullable=False),
        sa.Column("charger_id", TEXT, nullable=True),
        sa.Column("error_code", TEXT, nullable=True),
        sa.Column("vendor_error_code", TEXT, nullable=True),
        sa.Column("info", TEXT, nullable=True),
        sa.Column("occurred_at", INSTANT, nullable=True),
        sa.Column("cleared_at", INSTANT, nullable=True),
        sa.Column("connector_id", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "fault_id"),
    )
    op.create_index("faults_by_time", "faults", ["tenant_id", "occurred_at", "position"], unique=False)
    op.create_index("faults_open", "faults", ["tenant_id", "charger_id", "connector_id", "cleared_at"], unique=False)
    op.create_table(
        "mode_changes",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("charger_id", TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("mode", TEXT, nullable=True),
        sa.Column("cause_kind", TEXT, nullable=True),
        sa.Column("cause_id", TEXT, nullable=True),
        sa.Column("cause_name", TEXT, nullable=True),
        sa.Column("mode_control", TEXT, nullable=True),
        sa.Column("trigger", TEXT, nullable=True),
        sa.Column("outcome", TEXT, nullable=True),
        sa.Column("evidence", TEXT, nullable=True),
        sa.Column("failure", TEXT, nullable=True),
        sa.Column("failure_detail", TEXT, nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("requested_at", INSTANT, nullable=True),
        sa.Column("applied_at", INSTANT, nullable=True),
        sa.Column("failed_at", INSTANT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("late_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "charger_id", "generation"),
    )
    op.create_index("mode_changes_by_time", "mode_changes", ["tenant_id", "requested_at", "position"], unique=False)
    op.create_table(
        "pin_lockouts",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("attempt_id", TEXT, nullable=False),
        sa.Column("charger_id", TEXT, nullable=True),
        sa.Column("depot_id", TEXT, nullable=True),
        sa.Column("source", TEXT, nullable=True),
        sa.Column("locked_at", INSTANT, nullable=True),
        sa.Column("locked_until", INSTANT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "attempt_id"),
    )
    op.create_index("pin_lockouts_by_time", "pin_lockouts", ["tenant_id", "locked_at", "position"], unique=False)
    op.create_table(
        "vehicle_identifiers",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("vehicle_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("pseudonym", TEXT, nullable=False),
        sa.Column("masked", TEXT, nullable=True),
        sa.Column("sealed", TEXT, nullable=True),
        sa.Column("verified_at", INSTANT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "vehicle_id", "kind", "pseudonym"),
    )
    op.create_index("vehicle_identifiers_by_pseudonym", "vehicle_identifiers", ["tenant_id", "pseudonym"], unique=False)
    op.create_table(
        "vehicles",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("vehicle_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("name_folded", TEXT, nullable=True),
        sa.Column("access_class", TEXT, nullable=True),
        sa.Column("agreement_id", TEXT, nullable=True),
        sa.Column("suspended_because", TEXT, nullable=True),
        sa.Column("valid_from", INSTANT, nullable=True),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "vehicle_id"),
    )
    op.create_table(
        "parked_events",
        sa.Column("projection", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("stream", TEXT, nullable=False),
        sa.Column("event_type", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("projection", "position"),
    )
    op.create_table(
        "projection_positions",
        sa.Column("projection", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("shape", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("projection"),
    )
