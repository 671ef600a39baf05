"""Events of changed API keys and webhooks on their way into the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0008"
down_revision = "records_0007"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    for name in ("api_key_event_pending", "webhook_event_pending"):
        op.create_table(
            name,
            sa.Column("number", sa.BigInteger(), autoincrement=True, nullable=False),
            sa.Column("tenant_id", TEXT, nullable=False),
            sa.Column("stream", TEXT, nullable=False),
            sa.Column("name", TEXT, nullable=False),
            sa.Column("event", sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint("number"),
        )
        op.create_index(f"{name}_of_stream", name, ["stream", "number"], unique=False)
