"""The tenants of the installation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "read_models_0003"
down_revision = "read_models_0002"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")
INSTANT = sa.String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=True),
        sa.Column("data_region", TEXT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=True),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id"),
    )
