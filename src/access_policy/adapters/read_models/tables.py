"""The tables. Columns are text, never database enums (company ADR 0025); instants are UTC text that sorts like time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, MetaData, Table, and_

from access_policy.adapters.read_models.columns import Instant, key
from access_policy.adapters.sql.databases import TEXT

METADATA = MetaData()


def _table(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(name, METADATA, Column("tenant_id", TEXT, primary_key=True), *columns)


DEPOTS = _table(
    "depots",
    key("depot_id"),
    Column("name", TEXT),
    Column("time_zone", TEXT),
    Column("language", TEXT),
    Column("longest_override_days", BigInteger),
    Column("session_max_age_hours", BigInteger),
    *(Column(name, JSON) for name in ("identifier_kinds", "exclusive_kinds")),
    Column("partner_reports_include_denials", Boolean),
    Column("digest_at", TEXT),
    Column("version", BigInteger),
)

CHARGER_STATUS = _table(
    "charger_status",
    key("charger_id"),
    *(
        Column(name, TEXT)
        for name in (
            "charge_point_id",
            "depot_id",
            "time_zone",
            "profile",
            "baseline_mode",
            "enforcement",
            "on_window_start",
            "on_store_outage",
            "offline_starts",
            "protocol",
            "vendor",
            "model",
            "firmware",
            "requested_mode",
            "applied_mode",
            "evidence",
            "failure",
            "failure_detail",
            "drift_found",
            "disconnected_because",
        )
    ),
    *(
        Column(name, Instant)
        for name in (
            "applied_due_at",
            "applied_at",
            "connected_at",
            "disconnected_at",
            "retired_at",
            "permissions_seen_at",
        )
    ),
    *(Column(name, JSON) for name in ("permissions_in_force", "permissions_refused")),
    *(Column(name, BigInteger) for name in ("connectors", "generation", "version")),
    *(Column(name, Boolean) for name in ("connected", "drifted")),
    Column("applied_late_s", Float),
)

MODE_CHANGES = _table(
    "mode_changes",
    key("charger_id"),
    Column("generation", BigInteger, primary_key=True),
    *(
        Column(name, TEXT)
        for name in (
            "mode",
            "cause_kind",
            "cause_id",
            "cause_name",
            "mode_control",
            "trigger",
            "outcome",
            "evidence",
            "failure",
            "failure_detail",
        )
    ),
    *(Column(name, Instant) for name in ("due_at", "requested_at", "applied_at", "failed_at")),
    Column("position", BigInteger),
    Column("late_s", Float),
    Index("mode_changes_by_time", "tenant_id", "requested_at", "position"),
)

ACCESS_LOG = _table(
    "access_log",
    key("attempt_id"),
    *(
        Column(name, TEXT)
        for name in (
            "depot_id",
            "charger_id",
            "entrance_id",
            "stage",
            "protocol",
            "message_id",
            "actor",
            "access_class",
            "vehicle_id",
            "agreement_id",
            "expected_mode",
            "cause_kind",
            "cause_id",
            "cause_name",
            "enforcement",
            "identifier_kind",
            "identifier_pseudonym",
            "identifier_masked",
            "decision",
            "reason",
            "would_deny",
            "signal_status",
            "signal_message",
            "signal_language",
            "display_status",
            "display_message",
            "display_language",
            "transaction_id",
            "session_decision",
            "session_end_reason",
            "stop_cause",
            "error_shown",
        )
    ),
    *(
        Column(name, Instant)
        for name in (
            "occurred_at",
            "decided_for",
            "valid_until",
            "session_started_at",
            "session_ended_at",
            "denial_not_honoured_at",
            "display_until",
            "stop_requested_at",
            "error_shown_at",
        )
    ),
    *(
        Column(name, BigInteger)
        for name in (
            "connector_id",
            "policy_version",
            "registry_version",
            "meter_start_wh",
            "session_energy_wh",
            "decisions",
            "decided_version",
            "position",
        )
    ),
    *(Column(name, Boolean) for name in ("offline", "offline_authorised", "denial_not_honoured")),
    Index("access_log_by_time", "tenant_id", "occurred_at", "position"),
    Index("access_log_by_charger", "tenant_id", "charger_id", "occurred_at", "position"),
    Index("access_log_by_decision_time", "decided_for"),
)

_OPEN_SESSION = and_(ACCESS_LOG.c.session_started_at.is_not(None), ACCESS_LOG.c.session_ended_at.is_(None))
Index("access_log_open_sessions", ACCESS_LOG.c.position, sqlite_where=_OPEN_SESSION, postgresql_where=_OPEN_SESSION)

_AT_ENTRANCE = ACCESS_LOG.c.entrance_id.is_not(None)
Index(
    "access_log_by_entrance",
    ACCESS_LOG.c.tenant_id,
    ACCESS_LOG.c.entrance_id,
    ACCESS_LOG.c.occurred_at,
    ACCESS_LOG.c.position,
    sqlite_where=_AT_ENTRANCE,
    postgresql_where=_AT_ENTRANCE,
)

FAULTS = _table(
    "faults",
    key("fault_id"),
    *(Column(name, TEXT) for name in ("charger_id", "error_code", "vendor_error_code", "info")),
    *(Column(name, Instant) for name in ("occurred_at", "cleared_at")),
    *(Column(name, BigInteger) for name in ("connector_id", "position")),
    Index("faults_by_time", "tenant_id", "occurred_at", "position"),
    Index("faults_open", "tenant_id", "charger_id", "connector_id", "cleared_at"),
)

PIN_LOCKOUTS = _table(
    "pin_lockouts",
    key("attempt_id"),
    *(Column(name, TEXT) for name in ("charger_id", "entrance_id", "depot_id", "source")),
    *(Column(name, Instant) for name in ("locked_at", "locked_until")),
    Column("position", BigInteger),
    Index("pin_lockouts_by_time", "tenant_id", "locked_at", "position"),
)

VEHICLES = _table(
    "vehicles",
    key("vehicle_id"),
    *(Column(name, TEXT) for name in ("name", "name_folded", "access_class", "agreement_id", "suspended_because")),
    *(Column(name, Instant) for name in ("valid_from", "valid_until")),
    Column("version", BigInteger),
)

VEHICLE_IDENTIFIERS = _table(
    "vehicle_identifiers",
    key("vehicle_id"),
    key("kind"),
    key("pseudonym"),
    Column("masked", TEXT),
    Column("sealed", TEXT),
    Column("verified_at", Instant),
    Column("position", BigInteger),
    Index("vehicle_identifiers_by_pseudonym", "tenant_id", "pseudonym"),
)

DENIED_IDENTIFIERS = _table(
    "denied_identifiers",
    key("kind"),
    key("pseudonym"),
    *(Column(name, TEXT) for name in ("masked", "last_attempt_id")),
    *(Column(name, Instant) for name in ("first_seen_at", "last_seen_at")),
    *(Column(name, BigInteger) for name in ("attempts", "counted_position", "position")),
    Index("denied_identifiers_by_time", "tenant_id", "last_seen_at", "position"),
)

DENIED_IDENTIFIER_CHARGERS = _table(
    "denied_identifier_chargers", key("kind"), key("pseudonym"), key("charger_id"), Column("last_seen_at", Instant)
)

DENIED_IDENTIFIER_ENTRANCES = _table(
    "denied_identifier_entrances",
    key("kind"),
    key("pseudonym"),
    key("entrance_id"),
    Column("depot_id", TEXT),
    Column("last_seen_at", Instant),
)

ENROLMENT_SESSIONS = _table(
    "enrolment_sessions",
    key("charger_id"),
    *(
        Column(name, TEXT)
        for name in (
            "session_id",
            "armed_by",
            "offered_kind",
            "offered_pseudonym",
            "offered_masked",
            "offered_attempt_id",
            "enrolled_vehicle_id",
        )
    ),
    *(Column(name, Instant) for name in ("armed_at", "expires_at", "cancelled_at", "offered_at")),
)

AGREEMENTS = _table(
    "agreements",
    key("agreement_id"),
    *(Column(name, TEXT) for name in ("name", "fleet")),
    *(Column(name, Instant) for name in ("valid_from", "valid_until", "ended_at")),
    *(Column(name, JSON) for name in ("charger_ids", "depot_ids", "hours", "identifier_kinds")),
    Column("version", BigInteger),
)

TENANTS = _table(
    "tenants",
    *(Column(name, TEXT) for name in ("name", "data_region")),
    *(Column(name, Instant) for name in ("created_at", "erased_at")),
    Column("version", BigInteger),
)

AUDIT_ENTRIES = _table(
    "audit_entries",
    key("event_id"),
    *(
        Column(name, TEXT)
        for name in (
            "kind",
            "event",
            "actor",
            "address",
            "operation",
            "request_id",
            "idempotency_key",
            "causation_id",
            "subject_kind",
            "subject_id",
            "thing",
        )
    ),
    *(Column(name, JSON) for name in ("new_values", "old_values")),
    Column("recorded_at", Instant),
    Column("position", BigInteger),
    Column("gone", Boolean),
    Index("audit_entries_by_time", "tenant_id", "recorded_at", "position"),
    Index("audit_entries_by_thing", "tenant_id", "thing", "position"),
)

RESERVATIONS = _table(
    "reservations",
    key("reservation_id"),
    *(
        Column(name, TEXT)
        for name in (
            "depot_id",
            "charger_id",
            "group_id",
            "vehicle_id",
            "source",
            "party",
            "request_id",
            "assignment_id",
            "block_id",
            "note",
            "made_by",
            "used_charger_id",
            "attempt_id",
            "outcome",
            "reason",
            "cancelled_by",
            "replaced_by",
        )
    ),
    *(Column(name, Instant) for name in ("starts_at", "ends_at", "departure", "made_at", "fulfilled_at", "over_at")),
    *(Column(name, BigInteger) for name in ("connector_id", "request_version", "version")),
    *(Column(name, Float) for name in ("needed_kwh", "needed_soc")),
    *(Column(name, Boolean) for name in ("has_assignment", "is_ad_hoc", "charges_on")),
    *(Column(name, JSON) for name in ("identifiers", "terms")),
    Index("reservations_by_time", "tenant_id", "depot_id", "starts_at", "reservation_id"),
    Index("reservations_by_charger", "tenant_id", "charger_id", "ends_at"),
    Index("reservations_by_block", "tenant_id", "block_id"),
)

RESERVATION_HISTORY = _table(
    "reservation_history",
    key("reservation_id"),
    Column("position", BigInteger, primary_key=True),
    *(Column(name, TEXT) for name in ("depot_id", "kind", "by")),
    Column("at", Instant),
    Column("told", JSON),
)

ENERGY_ENVELOPES = _table(
    "energy_envelopes",
    key("envelope_id"),
    *(Column(name, TEXT) for name in ("depot_id", "node_id", "source")),
    *(Column(name, Instant) for name in ("valid_from", "valid_until", "fallback_until", "received_at", "withdrawn_at")),
    *(Column(name, BigInteger) for name in ("sequence", "import_limit_w", "fallback_limit_w", "position", "version")),
    Index("energy_envelopes_by_time", "tenant_id", "depot_id", "received_at", "position"),
    Index("energy_envelopes_by_end", "tenant_id", "depot_id", "valid_until"),
)

ENERGY_IGNORED_ENVELOPES = _table(
    "energy_ignored_envelopes",
    key("depot_id"),
    Column("position", BigInteger, primary_key=True),
    *(Column(name, TEXT) for name in ("envelope_id", "node_id", "source", "reason")),
    Column("ignored_at", Instant),
    Column("sequence", BigInteger),
)

ENERGY_CHANGES = _table(
    "energy_changes",
    key("depot_id"),
    Column("position", BigInteger, primary_key=True),
    *(Column(name, TEXT) for name in ("kind", "node_id", "parent_id", "node_kind", "charger_id", "envelope_id")),
    *(Column(name, TEXT) for name in ("source", "enforcement")),
    *(Column(name, Instant) for name in ("at", "happened_at", "reported_at")),
    *(Column(name, Instant) for name in ("valid_from", "valid_until", "fallback_until", "counts_until")),
    *(Column(name, BigInteger) for name in ("sequence", "limit_w", "minimum_start_w")),
    *(Column(name, BigInteger) for name in ("import_limit_w", "fallback_limit_w")),
    *(Column(name, BigInteger) for name in ("own_and_agreement_below_w", "own_only_below_w", "hysteresis_w")),
    *(Column(name, BigInteger) for name in ("minimum_dwell_s", "measurement_max_age_s", "hold_max_s")),
    Column("is_enabled", Boolean),
)

ENERGY_DEMAND = _table(
    "energy_demand",
    key("depot_id"),
    key("node_id"),
    Column("minute", Instant, primary_key=True),
    Column("observed_at", Instant),
    Column("demand_w", BigInteger),
)

ENERGY_SILENCES = _table(
    "energy_silences",
    *(key(name) for name in ("depot_id", "reason", "feed")),
    Column("position", BigInteger, primary_key=True),
    *(Column(name, Instant) for name in ("since", "restored_at")),
    Column("is_open", Boolean),
)


def _columns_of_gates() -> list[Column[Any]]:
    """Return the columns of the evaluated gate, and of the envelope whose limit is binding."""
    return [
        *(Column(name, TEXT) for name in ("level", "limit_source", "envelope_id", "envelope_state")),
        *(Column(name, Instant) for name in ("envelope_valid_from", "envelope_valid_until")),
        *(Column(name, BigInteger) for name in ("effective_w", "committed_w", "threshold_w", "envelope_sequence")),
        Column("is_advisory", Boolean),
    ]


ENERGY_GATES = _table(
    "energy_gates",
    key("charger_id"),
    Column("position", BigInteger, primary_key=True),
    *(Column(name, TEXT) for name in ("depot_id", "node_id")),
    Column("at", Instant),
    Column("is_narrower", Boolean),
    *_columns_of_gates(),
    Index("energy_gates_by_time", "tenant_id", "charger_id", "at", "position"),
)

ENERGY_STARTS = _table(
    "energy_starts",
    key("attempt_id"),
    *(Column(name, TEXT) for name in ("depot_id", "charger_id", "decision", "reason", "would_deny", "binding_node_id")),
    *(Column(name, Instant) for name in ("occurred_at", "observed_at")),
    *(Column(name, BigInteger) for name in ("position", "site_version")),
    *_columns_of_gates(),
    Index("energy_starts_by_time", "tenant_id", "occurred_at", "position"),
)
