"""The audit: changes with their values in words, and readings of identifier values."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "read_models_0004"
down_revision = "read_models_0003"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")
INSTANT = sa.String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("event", TEXT, nullable=True),
        sa.Column("actor", TEXT, nullable=True),
        sa.Column("address", TEXT, nullable=True),
        sa.Column("operation", TEXT, nullable=True),
        sa.Column("request_id", TEXT, nullable=True),
        sa.Column("idempotency_key", TEXT, nullable=True),
        sa.Column("causation_id", TEXT, nullable=True),
        sa.Column("subject_kind", TEXT, nullable=True),
        sa.Column("subject_id", TEXT, nullable=True),
        sa.Column("thing", TEXT, nullable=True),
        sa.Column("new_values", sa.JSON(), nullable=True),
        sa.Column("old_values", sa.JSON(), nullable=True),
        sa.Column("recorded_at", INSTANT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("gone", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "event_id"),
    )
    op.create_index("audit_entries_by_time", "audit_entries", ["tenant_id", "recorded_at", "position"])
    op.create_index("audit_entries_by_thing", "audit_entries", ["tenant_id", "thing", "position"])
