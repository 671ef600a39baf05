"""The energy of sites: envelopes, limits, demand, gate changes, silent feeds, and the starts that a gate evaluated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "read_models_0009"
down_revision = "read_models_0008"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")
INSTANT = sa.String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")
ENVELOPE_TEXTS = ("envelope_id", "envelope_state")
ENVELOPE_INSTANTS = ("envelope_valid_from", "envelope_valid_until")
POWERS = ("effective_w", "committed_w", "threshold_w", "envelope_sequence")


def upgrade() -> None:
    _envelopes()
    _limits_and_demand()
    _gates()
    _starts()


def _envelopes() -> None:
    numbers = ("sequence", "import_limit_w", "fallback_limit_w", "position", "version")
    instants = ("valid_from", "valid_until", "fallback_until", "received_at", "withdrawn_at")
    op.create_table(
        "energy_envelopes",
        *_keys("tenant_id", "envelope_id"),
        *_texts("depot_id", "node_id", "source"),
        *_instants(*instants),
        *_integers(*numbers),
        sa.PrimaryKeyConstraint("tenant_id", "envelope_id"),
    )
    op.create_index(
        "energy_envelopes_by_time", "energy_envelopes", ["tenant_id", "depot_id", "received_at", "position"]
    )
    op.create_index("energy_envelopes_by_end", "energy_envelopes", ["tenant_id", "depot_id", "valid_until"])
    op.create_table(
        "energy_ignored_envelopes",
        *_keys("tenant_id", "depot_id"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *_texts("envelope_id", "node_id", "source", "reason"),
        *_instants("ignored_at"),
        *_integers("sequence"),
        sa.PrimaryKeyConstraint("tenant_id", "depot_id", "position"),
    )


def _limits_and_demand() -> None:
    op.create_table(
        "energy_limits",
        *_keys("tenant_id", "depot_id", "node_id"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *_texts("kind"),
        *_instants("at"),
        *_integers("limit_w"),
        sa.Column("is_there", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "depot_id", "node_id", "position"),
    )
    op.create_table(
        "energy_demand",
        *_keys("tenant_id", "depot_id", "node_id"),
        sa.Column("minute", INSTANT, nullable=False),
        *_instants("observed_at"),
        *_integers("demand_w"),
        sa.PrimaryKeyConstraint("tenant_id", "depot_id", "node_id", "minute"),
    )
    op.create_table(
        "energy_silences",
        *_keys("tenant_id", "depot_id", "reason", "feed"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *_instants("since", "restored_at"),
        sa.Column("is_open", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "depot_id", "reason", "feed", "position"),
    )


def _gates() -> None:
    op.create_table(
        "energy_gates",
        *_keys("tenant_id", "charger_id"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *_texts("depot_id", "level", "node_id", "limit_source", *ENVELOPE_TEXTS),
        *_instants("at", *ENVELOPE_INSTANTS),
        *_integers(*POWERS),
        *(sa.Column(name, sa.Boolean(), nullable=True) for name in ("is_narrower", "is_advisory")),
        sa.PrimaryKeyConstraint("tenant_id", "charger_id", "position"),
    )
    op.create_index("energy_gates_by_time", "energy_gates", ["tenant_id", "charger_id", "at", "position"])


def _starts() -> None:
    op.create_table(
        "energy_starts",
        *_keys("tenant_id", "attempt_id"),
        *_texts("depot_id", "charger_id", "decision", "reason", "would_deny", "level", "binding_node_id"),
        *_texts("limit_source", *ENVELOPE_TEXTS),
        *_instants("occurred_at", "observed_at", *ENVELOPE_INSTANTS),
        *_integers("position", "site_version", *POWERS),
        sa.Column("is_advisory", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "attempt_id"),
    )
    op.create_index("energy_starts_by_time", "energy_starts", ["tenant_id", "occurred_at", "position"])


def _keys(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=True) for name in names]


def _instants(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, INSTANT, nullable=True) for name in names]


def _integers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=True) for name in names]
