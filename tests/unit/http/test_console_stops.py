"""The tour of the console stops at every page (tests/integration/console/tour)."""

from __future__ import annotations

from tests.support.console_tour import NOT_PAGES, STOPS, routes, without_names


def test_tour_of_the_console_has_a_stop_at_every_page() -> None:
    stops = {without_names(stop.route) for stop in STOPS}
    others = set(map(without_names, NOT_PAGES))

    assert routes() - stops - others == set(), "add a stop to STOPS in tests/support/console_tour.py"
    assert (stops | others) - routes() == set(), "these pages are gone: take their stops out"


def test_tour_leads_to_each_stop_from_another_one_or_says_how() -> None:
    pages = {stop.page for stop in STOPS}

    assert len(pages) == len(STOPS)
    assert [stop.page for stop in STOPS if stop.linked_on not in pages and not stop.how] == []
