"""OSCP providers, the tokens that authenticate them, the forecasts for their groups, and until when they are online."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0010"
down_revision = "records_0009"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "oscp_provider",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "partner_id"),
    )
    op.create_table(
        "oscp_provider_token",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    index = "oscp_provider_token_of_partner"
    op.create_index(index, "oscp_provider_token", ["tenant_id", "partner_id"], unique=False)
    _forecasts()
    name = "oscp_provider_event_pending"
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


def _forecasts() -> None:
    op.create_table(
        "oscp_forecast",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("group_key", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("is_settled", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "partner_id", "group_key"),
    )
    op.create_index("oscp_forecast_unsettled", "oscp_forecast", ["is_settled"], unique=False)
    op.create_table(
        "oscp_heard",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("there_until", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "partner_id"),
    )
