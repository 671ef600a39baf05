from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.chargers import OCPP16, ChargerSpec
from tests.unit.simulated_charger.scripted_csms import ScriptedCsms


@pytest.fixture
async def csms() -> AsyncIterator[ScriptedCsms]:
    """Every frame that a charger sent in a test is valid, unless the test empties `violations`."""
    async with ScriptedCsms() as csms:
        yield csms
    assert csms.violations == []


@pytest.fixture
def spec(csms: ScriptedCsms) -> Any:
    def made(protocol: str = OCPP16, **options: Any) -> ChargerSpec:
        return ChargerSpec(
            url=csms.url,
            charge_point_id="BAY-1",
            protocol=protocol,
            reconnect_min_s=0.01,
            reconnect_max_s=0.05,
            **options,
        )

    return made
