"""The local list last sent to each charger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0003"
down_revision = "records_0002"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "local_list_sent",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("charger_id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "charger_id"),
    )
