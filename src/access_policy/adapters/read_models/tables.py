"""The tables. Text, never database enums (company ADR 0025); instants as UTC text that sorts as time does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Dialect, Float, Index, Integer, MetaData, String, Table
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept as `2026-11-20T06:00:00.000000Z`."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without offset cannot be stored")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


METADATA = MetaData()


def _table(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(name, METADATA, Column("tenant_id", String, primary_key=True), *columns)


def _key(name: str) -> Column[Any]:
    return Column(name, String, primary_key=True)


DEPOTS = _table(
    "depots",
    _key("depot_id"),
    Column("name", String),
    Column("time_zone", String),
    Column("language", String),
    Column("longest_override_days", Integer),
    Column("version", Integer),
)

CHARGER_STATUS = _table(
    "charger_status",
    _key("charger_id"),
    *(
        Column(name, String)
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
        )
    ),
    *(Column(name, Instant) for name in ("applied_at", "connected_at", "disconnected_at", "retired_at")),
    *(Column(name, Integer) for name in ("connectors", "generation", "version")),
    *(Column(name, Boolean) for name in ("connected", "drifted")),
    Column("applied_late_s", Float),
)

ACCESS_LOG = _table(
    "access_log",
    _key("attempt_id"),
    *(
        Column(name, String)
        for name in (
            "depot_id",
            "charger_id",
            "stage",
            "protocol",
            "message_id",
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
            "transaction_id",
            "session_decision",
            "session_end_reason",
            "error_shown",
        )
    ),
    *(
        Column(name, Instant)
        for name in ("occurred_at", "decided_for", "valid_until", "session_started_at", "session_ended_at")
    ),
    *(
        Column(name, Integer)
        for name in (
            "connector_id",
            "policy_version",
            "registry_version",
            "meter_start_wh",
            "session_energy_wh",
            "position",
        )
    ),
    *(Column(name, Boolean) for name in ("offline", "denial_not_honoured")),
    Index("access_log_by_time", "tenant_id", "occurred_at", "position"),
    Index("access_log_by_position", "tenant_id", "position"),
)

FAULTS = _table(
    "faults",
    _key("fault_id"),
    *(Column(name, String) for name in ("charger_id", "error_code", "vendor_error_code", "info")),
    *(Column(name, Instant) for name in ("occurred_at", "cleared_at")),
    *(Column(name, Integer) for name in ("connector_id", "position")),
    Index("faults_by_position", "tenant_id", "position"),
    Index("faults_open", "tenant_id", "charger_id", "connector_id", "cleared_at"),
)

VEHICLES = _table(
    "vehicles",
    _key("vehicle_id"),
    *(Column(name, String) for name in ("name", "access_class", "agreement_id", "suspended_because")),
    *(Column(name, Instant) for name in ("valid_from", "valid_until")),
    Column("version", Integer),
)

VEHICLE_IDENTIFIERS = _table(
    "vehicle_identifiers",
    _key("vehicle_id"),
    _key("kind"),
    _key("pseudonym"),
    Column("masked", String),
    Column("sealed", String),
    Column("position", Integer),
    Index("vehicle_identifiers_by_pseudonym", "tenant_id", "pseudonym"),
)

AGREEMENTS = _table(
    "agreements",
    _key("agreement_id"),
    *(Column(name, String) for name in ("name", "fleet")),
    *(Column(name, Instant) for name in ("valid_from", "valid_until", "ended_at")),
    *(Column(name, JSON) for name in ("charger_ids", "depot_ids", "hours")),
    Column("version", Integer),
)

POSITIONS = Table("positions", METADATA, _key("name"), Column("position", Integer))

PARKED = Table(
    "parked",
    METADATA,
    _key("projection"),
    Column("position", Integer, primary_key=True),
    Column("stream", String),
    Column("reason", String),
)
