"""Create the table of changes that affect the limits of sites, which replaces the history of static limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "read_models_0010"
down_revision = "read_models_0009"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")
INSTANT = sa.String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")
TEXTS = ("kind", "node_id", "parent_id", "node_kind", "charger_id", "envelope_id", "source", "enforcement")
INSTANTS = ("at", "happened_at", "reported_at", "valid_from", "valid_until", "fallback_until", "counts_until")
POWERS = ("limit_w", "minimum_start_w", "import_limit_w", "fallback_limit_w")
OF_POLICY = ("own_and_agreement_below_w", "own_only_below_w", "hysteresis_w")
SECONDS = ("minimum_dwell_s", "measurement_max_age_s", "hold_max_s")


def upgrade() -> None:
    op.create_table(
        "energy_changes",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("depot_id", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *(sa.Column(name, TEXT, nullable=True) for name in TEXTS),
        *(sa.Column(name, INSTANT, nullable=True) for name in INSTANTS),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("sequence", *POWERS, *OF_POLICY, *SECONDS)),
        sa.Column("is_enabled", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "depot_id", "position"),
    )
    op.drop_table("energy_limits")
