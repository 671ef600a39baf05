"""The service and a partner, connected by real HTTP; the partner's server has a certificate of a test authority."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ocpi import OcpiWorld, ocpi_world
from tests.support.partner_trust import PartnerTrust, partner_trust

__all__ = ["partner_trust"]

DEPOT = {"name": "North", "time_zone": "Europe/Berlin"}
GIVEN: list[tuple[str, str, Any]] = [
    ("PUT", "/v1/depots/north", DEPOT),
    *(
        (
            "PUT",
            f"/v1/chargers/bay-{number}",
            {
                "charge_point_id": f"CP-{number}",
                "depot_id": "north",
                "profile": "ocpp201-central",
                "baseline_mode": "managed",
            },
        )
        for number in (1, 2, 3)
    ),
]


@pytest.fixture
async def world(tmp_path: Path, partner_trust: PartnerTrust) -> AsyncIterator[OcpiWorld]:
    async with ocpi_world(tmp_path, partner_trust.ca, partner_trust.certificate, GIVEN) as made:
        yield made
