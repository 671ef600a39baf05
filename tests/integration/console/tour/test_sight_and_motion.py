"""Every page with letters twice as large, and without motion."""

from __future__ import annotations

import pytest

from tests.support.console_tour import STOPS
from tests.support.console_walk import WAYS_TO_ENLARGE, Walk

PAGES = {stop.page for stop in STOPS}


@pytest.mark.soak(WAYS_TO_ENLARGE)
async def test_letters_of_twice_the_size_fit_every_page(walked: Walk) -> None:
    assert walked.looked_closer_at == PAGES
    assert walked.enlarged == [], "\n".join(walked.enlarged)


async def test_nothing_moves_for_a_visitor_who_asks_for_less_motion(walked: Walk) -> None:
    assert walked.looked_closer_at == PAGES
    assert walked.moving == [], "\n".join(walked.moving)
