"""The tables of OCPI partners."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table

from access_policy.adapters.records.partners import partner_tokens_table, partners_table
from access_policy.adapters.records.pending_events import pending_events_table
from access_policy.adapters.sql.databases import TEXT

PURPOSE: Final = "ocpi"  # of the key that encrypts the contents

METADATA = MetaData()
PARTNERS = partners_table(METADATA, "ocpi_partner")
PARTNER_TOKENS = partner_tokens_table(METADATA, "ocpi_partner")
BOOKINGS = Table(
    "ocpi_booking",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant_id", TEXT, nullable=False),
    Column("partner_id", TEXT, nullable=False),
    Column("request_key", TEXT, nullable=False),
    Column("reservation_id", TEXT, nullable=False),
    Column("updated_at", TEXT, nullable=False),
    Column("end_at", TEXT, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("ocpi_booking_once", "tenant_id", "partner_id", "request_key", unique=True),
    Index("ocpi_booking_of_reservation", "tenant_id", "reservation_id"),
    Index("ocpi_booking_ended", "end_at"),
    sqlite_autoincrement=True,  # a number is never used again, so pages keep their order
)
DRIVER_TOKENS = Table(
    "ocpi_token",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("partner_id", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("pseudonym", TEXT, primary_key=True),
    Column("updated_at", TEXT, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
PENDING = pending_events_table(METADATA, "ocpi_partner")
