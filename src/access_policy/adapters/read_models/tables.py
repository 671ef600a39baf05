"""The tables. Columns are text, never database enums (company ADR 0025); instants are UTC text that sorts like time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import JSON, BigInteger, Boolean, Column, Dialect, Float, Index, MetaData, String, Table, and_
from sqlalchemy.dialects.postgresql import VARCHAR
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import TypeDecorator

from access_policy.adapters.sql.databases import TEXT
from access_policy.application.projections.changes import Projection

WITH_MICROSECONDS: Final = len("2026-11-20T06:00:00.000000Z")
WITHOUT_MICROSECONDS: Final = len("2026-11-20T06:00:00Z")


def text_of(instant: datetime | None) -> str | None:
    """The text of an instant as its column stores it. Raises `ValueError` without an offset."""
    if instant is None:
        return None
    if instant.tzinfo is not UTC:
        if instant.tzinfo is None:
            raise ValueError("an instant without offset cannot be stored")
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="microseconds")[:26] + "Z"


def texts_of(instants: Sequence[datetime | None]) -> list[str | None]:
    """The texts of many instants, as `text_of`: msgspec formats them without the interpreter, and writes UTC as `Z`.
    Offsets are whole minutes, as in RFC 3339."""
    texts: list[str | None] = msgspec.to_builtins(instants)
    return [
        text if text is None or len(text) == WITH_MICROSECONDS
        else f"{text[:-1]}.000000Z" if len(text) == WITHOUT_MICROSECONDS
        else text_of(instant)  # an offset other than zero, or none
        for text, instant in zip(texts, instants, strict=True)
    ]  # fmt: skip


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored as `2026-11-20T06:00:00.000000Z` and read back aware and in UTC."""

    impl = String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return text_of(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


METADATA = MetaData()


def _table(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(name, METADATA, Column("tenant_id", TEXT, primary_key=True), *columns)


def _key(name: str) -> Column[Any]:
    return Column(name, TEXT, primary_key=True)


DEPOTS = _table(
    "depots",
    _key("depot_id"),
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
    _key("charger_id"),
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
    _key("charger_id"),
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
    _key("attempt_id"),
    *(
        Column(name, TEXT)
        for name in (
            "depot_id",
            "charger_id",
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

FAULTS = _table(
    "faults",
    _key("fault_id"),
    *(Column(name, TEXT) for name in ("charger_id", "error_code", "vendor_error_code", "info")),
    *(Column(name, Instant) for name in ("occurred_at", "cleared_at")),
    *(Column(name, BigInteger) for name in ("connector_id", "position")),
    Index("faults_by_time", "tenant_id", "occurred_at", "position"),
    Index("faults_open", "tenant_id", "charger_id", "connector_id", "cleared_at"),
)

PIN_LOCKOUTS = _table(
    "pin_lockouts",
    _key("attempt_id"),
    *(Column(name, TEXT) for name in ("charger_id", "depot_id", "source")),
    *(Column(name, Instant) for name in ("locked_at", "locked_until")),
    Column("position", BigInteger),
    Index("pin_lockouts_by_time", "tenant_id", "locked_at", "position"),
)

VEHICLES = _table(
    "vehicles",
    _key("vehicle_id"),
    *(Column(name, TEXT) for name in ("name", "name_folded", "access_class", "agreement_id", "suspended_because")),
    *(Column(name, Instant) for name in ("valid_from", "valid_until")),
    Column("version", BigInteger),
)

VEHICLE_IDENTIFIERS = _table(
    "vehicle_identifiers",
    _key("vehicle_id"),
    _key("kind"),
    _key("pseudonym"),
    Column("masked", TEXT),
    Column("sealed", TEXT),
    Column("verified_at", Instant),
    Column("position", BigInteger),
    Index("vehicle_identifiers_by_pseudonym", "tenant_id", "pseudonym"),
)

DENIED_IDENTIFIERS = _table(
    "denied_identifiers",
    _key("kind"),
    _key("pseudonym"),
    *(Column(name, TEXT) for name in ("masked", "last_attempt_id")),
    *(Column(name, Instant) for name in ("first_seen_at", "last_seen_at")),
    *(Column(name, BigInteger) for name in ("attempts", "counted_position", "position")),
    Index("denied_identifiers_by_time", "tenant_id", "last_seen_at", "position"),
)

DENIED_IDENTIFIER_CHARGERS = _table(
    "denied_identifier_chargers", _key("kind"), _key("pseudonym"), _key("charger_id"), Column("last_seen_at", Instant)
)

ENROLMENT_SESSIONS = _table(
    "enrolment_sessions",
    _key("charger_id"),
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
    _key("agreement_id"),
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
    _key("event_id"),
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

BOOKKEEPING = MetaData()

POSITIONS = Table(
    "projection_positions",
    BOOKKEEPING,
    _key("projection"),
    Column("position", BigInteger, nullable=False),
    Column("shape", TEXT, nullable=False),
)

PARKED = Table(
    "parked_events",
    BOOKKEEPING,
    _key("projection"),
    Column("position", BigInteger, primary_key=True),
    Column("stream", TEXT, nullable=False),
    Column("event_type", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
)


@dataclass(frozen=True, slots=True)
class TableSet:
    """The live tables, or the tables of a rebuild beside them, which differ in their names only."""

    suffix: str
    metadata: MetaData

    def table(self, name: str) -> Table:
        return self.metadata.tables[f"{name}{self.suffix}"]

    def tables_of(self, projection: Projection) -> list[Table]:
        return [self.table(name) for name in projection.tables]

    def name_of(self, projection: Projection) -> str:
        """The name under which its position and its parked events are stored."""
        return f"{projection.name}{self.suffix}"


LIVE: Final = TableSet("", METADATA)
READ_BY_FOLDS: Final = frozenset({"faults_open", "vehicle_identifiers_by_pseudonym"})
"""Indexes that folds use to find rows; all others serve readers only."""


def _beside(suffix: str) -> TableSet:
    metadata = MetaData()
    for table in METADATA.sorted_tables:
        copy = table.to_metadata(metadata, name=f"{table.name}{suffix}")
        for index in copy.indexes:
            index.name = quoted_name(f"{index.name}{suffix}", None)
    return TableSet(suffix, metadata)


NEXT: Final = _beside("__next")


def tables_of(projection: Projection) -> list[Table]:
    return LIVE.tables_of(projection)


@cache
def shape_of(projection: Projection) -> str:
    """Differs when the rows on disk would differ: other tables, other columns or another edition of the fold."""
    described = [f"edition {projection.edition}"]
    for table in tables_of(projection):
        described += [f"{column.table.name}.{column.name} {column.type!r}" for column in table.columns]
        described += sorted(f"{index.name} {[str(each) for each in index.expressions]}" for index in table.indexes)
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:32]
