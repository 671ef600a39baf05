"""Reservations with their outcomes and their history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "read_models_0007"
down_revision = "read_models_0006"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")
INSTANT = sa.String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")
TEXTS = (
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
INSTANTS = ("starts_at", "ends_at", "departure", "made_at", "fulfilled_at", "over_at")


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("reservation_id", TEXT, nullable=False),
        *(sa.Column(name, TEXT, nullable=True) for name in TEXTS),
        *(sa.Column(name, INSTANT, nullable=True) for name in INSTANTS),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("connector_id", "request_version", "version")),
        *(sa.Column(name, sa.Float(), nullable=True) for name in ("needed_kwh", "needed_soc")),
        *(sa.Column(name, sa.Boolean(), nullable=True) for name in ("has_assignment", "is_ad_hoc", "charges_on")),
        *(sa.Column(name, sa.JSON(), nullable=True) for name in ("identifiers", "terms")),
        sa.PrimaryKeyConstraint("tenant_id", "reservation_id"),
    )
    op.create_index("reservations_by_time", "reservations", ["tenant_id", "depot_id", "starts_at", "reservation_id"])
    op.create_index("reservations_by_charger", "reservations", ["tenant_id", "charger_id", "ends_at"])
    op.create_index("reservations_by_block", "reservations", ["tenant_id", "block_id"])
    op.create_table(
        "reservation_history",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("reservation_id", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *(sa.Column(name, TEXT, nullable=True) for name in ("depot_id", "kind", "by")),
        sa.Column("at", INSTANT, nullable=True),
        sa.Column("told", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "reservation_id", "position"),
    )
