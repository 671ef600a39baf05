"""Idempotency-Keys of commands that have begun, recorded before they run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0002"
down_revision = "records_0001"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "begun_commands",
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("begun_at", sa.Float(), nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("seed", TEXT, nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("leased_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key"),
    )
    op.create_index("begun_commands_by_age", "begun_commands", ["begun_at"], unique=False)
