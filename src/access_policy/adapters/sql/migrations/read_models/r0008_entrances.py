"""Attempts, lock-outs and denied identifiers at entrances."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "read_models_0008"
down_revision = "read_models_0007"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")
INSTANT = sa.String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("access_log", sa.Column("entrance_id", TEXT, nullable=True))
    at_entrance = sa.text("entrance_id IS NOT NULL")
    op.create_index(
        "access_log_by_entrance",
        "access_log",
        ["tenant_id", "entrance_id", "occurred_at", "position"],
        sqlite_where=at_entrance,
        postgresql_where=at_entrance,
    )
    op.add_column("pin_lockouts", sa.Column("entrance_id", TEXT, nullable=True))
    op.create_table(
        "denied_identifier_entrances",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("pseudonym", TEXT, nullable=False),
        sa.Column("entrance_id", TEXT, nullable=False),
        sa.Column("depot_id", TEXT, nullable=True),
        sa.Column("last_seen_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "pseudonym", "entrance_id"),
    )
