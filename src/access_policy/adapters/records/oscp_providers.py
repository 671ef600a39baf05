"""OSCP providers."""

from __future__ import annotations

from pathlib import Path

from access_policy.adapters.records.oscp_tables import FORECASTS, HEARD, PENDING, PROVIDER_TOKENS, PROVIDERS, PURPOSE
from access_policy.adapters.records.partners import SqlPartners
from access_policy.adapters.records.sealing import Sealing
from access_policy.domain.oscp_providers.provider import OscpProvider


class SqlOscpProviders(SqlPartners[OscpProvider]):
    """Implements `OscpProviders`."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        sealing = Sealing(master_key, OscpProvider, PURPOSE)
        super().__init__(where, sealing, PROVIDERS, PROVIDER_TOKENS, PENDING, (FORECASTS, HEARD))
