"""OCPI partners."""

from __future__ import annotations

from pathlib import Path

from access_policy.adapters.records.ocpi_tables import (
    BOOKINGS,
    DRIVER_TOKENS,
    PARTNER_TOKENS,
    PARTNERS,
    PENDING,
    PURPOSE,
)
from access_policy.adapters.records.partners import SqlPartners
from access_policy.adapters.records.sealing import Sealing
from access_policy.domain.ocpi_partners.partner import OcpiPartner


class SqlOcpiPartners(SqlPartners[OcpiPartner]):
    """Implements `OcpiPartners`."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        sealing = Sealing(master_key, OcpiPartner, PURPOSE)
        super().__init__(where, sealing, PARTNERS, PARTNER_TOKENS, PENDING, (BOOKINGS, DRIVER_TOKENS))
