"""A walk through every page of the console: at a desk, on a phone, in the dark."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import Browser

from access_policy.entrypoints.demo.fleet import DEPOT
from tests.integration.console.tour.conftest import LOOKS_OF_A_PAGE, Place
from tests.support.console_looks import walk
from tests.support.console_tour import STOPS
from tests.support.console_walk import Walk
from tests.support.lengths import Length

# Pages that get longer with a depot's chargers come first; afterwards those of one thing, as on the small depot, and the
# longest of all, which test_large_depot.py and test_large_plan.py let axe read.
LONG_PAGES: Final = frozenset(
    [
        "board-day",
        "charger",
        "charger-plan",
        "attempts",
        "attempts-denied",
        "attempt-charged",
        "faults",
        "reports",
        "new-entry",
        "overrides",
        "new-override",
        "vehicles",
        "energy",
        "energy-why",
        "schedules",
        "new-schedule",
        "search",
    ]
)
BY_LENGTH: Final = sorted(STOPS, key=lambda stop: stop.page not in LONG_PAGES)
PAGES: Final = Length(ci=len(LONG_PAGES), soak=len(STOPS), of="pages")


@pytest.mark.soak(LOOKS_OF_A_PAGE)
async def test_tour_of_the_demo_depot_finds_no_fault(walked: Walk, north_yard: Place) -> None:
    _, ids = north_yard

    assert ids["depot_id"] == DEPOT
    assert walked.faults == [], "\n".join(walked.faults)


@pytest.mark.soak(PAGES, LOOKS_OF_A_PAGE)
async def test_tour_of_200_chargers_finds_no_fault(browser: Browser, harbour: Place) -> None:
    depot, ids = harbour
    seen = PAGES.first(BY_LENGTH)
    faults = await walk(browser, depot, ids, seen, looks=LOOKS_OF_A_PAGE.count, suffix="-200")

    assert {stop.page for stop in seen} >= LONG_PAGES
    assert faults == [], "\n".join(faults)
