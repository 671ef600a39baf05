"""A walk through every page of the console: at a desk, on a phone, in the dark."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import Browser

from access_policy.entrypoints.demo.fleet import DEPOT
from tests.integration.console.tour.conftest import Place
from tests.support.console_looks import walk
from tests.support.console_tour import EMPTY, STOPS
from tests.support.lengths import Length

LOOKS_OF_A_PAGE: Final = Length(ci=1, soak=3, of="of the looks of each page")


@pytest.mark.soak(LOOKS_OF_A_PAGE)
async def test_tour_of_the_demo_depot_finds_no_fault(browser: Browser, north_yard: Place) -> None:
    depot, ids = north_yard
    faults = await walk(browser, depot, ids, STOPS, looks=LOOKS_OF_A_PAGE.count)
    faults += await walk(browser, depot, {"depot_id": "south-yard"}, EMPTY, looks=LOOKS_OF_A_PAGE.count)

    assert ids["depot_id"] == DEPOT
    assert faults == [], "\n".join(faults)


@pytest.mark.soak(LOOKS_OF_A_PAGE)
async def test_tour_of_200_chargers_finds_no_fault(browser: Browser, harbour: Place) -> None:
    depot, ids = harbour
    faults = await walk(browser, depot, ids, STOPS, looks=LOOKS_OF_A_PAGE.count, suffix="-200")

    assert faults == [], "\n".join(faults)
