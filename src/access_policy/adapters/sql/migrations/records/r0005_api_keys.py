"""API keys of machines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0005"
down_revision = "records_0004"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("key_id", TEXT, primary_key=True),
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("depots", TEXT),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
        sa.Column("last_used_at", TEXT),
        sa.Column("revoked_at", TEXT),
        sa.Column("revoked_by", TEXT),
    )
    op.create_index("ix_api_key_tenant", "api_key", ["tenant_id", "created_at"])
