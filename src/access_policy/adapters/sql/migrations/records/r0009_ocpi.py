"""OCPI partners, the tokens that authenticate them, their bookings and their drivers' tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0009"
down_revision = "records_0008"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "ocpi_partner",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "partner_id"),
    )
    op.create_table(
        "ocpi_partner_token",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ocpi_partner_token_of_partner", "ocpi_partner_token", ["tenant_id", "partner_id"], unique=False)
    _bookings()
    op.create_table(
        "ocpi_token",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("pseudonym", TEXT, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "partner_id", "kind", "pseudonym"),
    )
    _pending()


def _bookings() -> None:
    op.create_table(
        "ocpi_booking",
        sa.Column("number", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("request_key", TEXT, nullable=False),
        sa.Column("reservation_id", TEXT, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sa.Column("end_at", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    once = ["tenant_id", "partner_id", "request_key"]
    op.create_index("ocpi_booking_once", "ocpi_booking", once, unique=True)
    op.create_index("ocpi_booking_of_reservation", "ocpi_booking", ["tenant_id", "reservation_id"], unique=False)
    op.create_index("ocpi_booking_ended", "ocpi_booking", ["end_at"], unique=False)


def _pending() -> None:
    name = "ocpi_partner_event_pending"
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
