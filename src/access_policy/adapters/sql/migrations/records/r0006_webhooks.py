"""Webhooks, and the queue and log of their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0006"
down_revision = "records_0005"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("webhook_id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "webhook_id"),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("number", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("webhook_id", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("event_type", TEXT, nullable=False),
        sa.Column("aggregate", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("queued_at", TEXT, nullable=False),
        sa.Column("try_at", TEXT, nullable=False),
        sa.Column("finished_at", TEXT, nullable=True),
        sa.Column("attempts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    of_webhook = ["tenant_id", "webhook_id"]
    op.create_index("webhook_delivery_once", "webhook_delivery", [*of_webhook, "event_id"], unique=True)
    op.create_index("webhook_delivery_due", "webhook_delivery", [*of_webhook, "state", "try_at"], unique=False)
    op.create_index(
        "webhook_delivery_of_aggregate",
        "webhook_delivery",
        [*of_webhook, "aggregate", "state", "number"],
        unique=False,
    )
