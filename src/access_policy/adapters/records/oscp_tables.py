"""The tables of OSCP providers and of the forecasts for their groups."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table

from access_policy.adapters.records.partners import partner_tokens_table, partners_table
from access_policy.adapters.records.pending_events import pending_events_table
from access_policy.adapters.sql.databases import TEXT

PURPOSE: Final = "oscp"  # of the key that encrypts the contents

METADATA = MetaData()
PROVIDERS = partners_table(METADATA, "oscp_provider")
PROVIDER_TOKENS = partner_tokens_table(METADATA, "oscp_provider")
PENDING = pending_events_table(METADATA, "oscp_provider")
FORECASTS = Table(
    "oscp_forecast",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("partner_id", TEXT, primary_key=True),
    Column("group_key", TEXT, primary_key=True),  # SHA-256 of the group id
    Column("version", BigInteger, nullable=False),
    Column("is_settled", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("oscp_forecast_unsettled", "is_settled"),
)
HEARD = Table(
    "oscp_heard",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("partner_id", TEXT, primary_key=True),
    Column("there_until", TEXT, nullable=False),
)
