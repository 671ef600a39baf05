"""The service and a capacity provider, connected by real HTTP; the provider's server has a certificate of a test authority."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.oscp import OscpWorld, oscp_world
from tests.support.partner_trust import PartnerTrust, partner_trust

__all__ = ["partner_trust"]

GIVEN: list[tuple[str, str, Any]] = [("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin"})]


@pytest.fixture
async def world(tmp_path: Path, partner_trust: PartnerTrust) -> AsyncIterator[OscpWorld]:
    async with oscp_world(tmp_path, partner_trust.ca, partner_trust.certificate, GIVEN) as made:
        yield made


@pytest.fixture
async def world_without_policy(tmp_path: Path, partner_trust: PartnerTrust) -> AsyncIterator[OscpWorld]:
    async with oscp_world(tmp_path, partner_trust.ca, partner_trust.certificate, GIVEN, policy=None) as made:
        yield made
