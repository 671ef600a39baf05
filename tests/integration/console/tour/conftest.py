"""The two depots of the tour: the demo's, with a week behind it, and one with 200 chargers.

Tests of all pages of the demo's depot share one walk: to open a page takes a fifth of a CPU second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from access_policy.domain.ids import DepotId, TenantId
from access_policy.entrypoints.demo.fleet import CHARGERS, DEPOT, TENANT, UNSWITCHABLE, ZONE
from tests.support import console_history
from tests.support.console_furnishing import furnish
from tests.support.console_history import served_history
from tests.support.console_looks import walk
from tests.support.console_pages import ServedDepot, served_depot
from tests.support.console_tour import EMPTY, STOPS, Ids
from tests.support.console_visits import Week
from tests.support.console_walk import Walk
from tests.support.lengths import Length

Place = tuple[ServedDepot, Ids]
LOOKS_OF_A_PAGE: Final = Length(ci=1, soak=3, of="of the looks of each page")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def north_yard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    visited = [each.charger_id for each in CHARGERS[:5]]
    faulty, zone = UNSWITCHABLE.charger_id, ZoneInfo(ZONE)
    week = Week(TenantId(TENANT), DepotId(DEPOT), visited, faulty, zone, a_day=45, is_over=True)
    async with served_depot(tmp_path_factory.mktemp("north-yard"), week.record) as served:
        yield served, await furnish(served, DEPOT, visited, "bay-1")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def harbour(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    chargers = [f"{letter}-{number:02d}" for letter in "ABCDEFGH" for number in range(1, 26)]
    zone = console_history.ZONE
    week = Week(console_history.TENANT, console_history.DEPOT, chargers, "B-08", zone, a_day=220)
    async with served_history(tmp_path_factory.mktemp("harbour"), before=week.record) as served:
        yield served, await furnish(served, console_history.DEPOT, chargers[:40], "C-12")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def walked(browser: Browser, north_yard: Place) -> Walk:
    depot, ids = north_yard
    made, looks = Walk(), LOOKS_OF_A_PAGE.count
    made.faults += await walk(browser, depot, ids, STOPS, looks=looks, then=made.look_closer)
    made.faults += await walk(browser, depot, {"depot_id": "south-yard"}, EMPTY, looks=looks)
    return made
