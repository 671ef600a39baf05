"""How much one search of the garbage collector may look at while the service runs: it stops all decisions meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import deque
from collections.abc import Iterator

import pytest

from access_policy.entrypoints.processes.garbage import COLLECTED, search_often

SEARCHED_MAX = 10_000  # objects: some 6 ms of processor time
KEPT = 150_000  # objects, as of 10,000 attempts


@pytest.fixture
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(*COLLECTED)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("thresholds")
def test_collected_while_objects_stay_searches_few_at_once() -> None:
    searched: list[int] = []

    def count(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 1:
            searched.append(len(gc.get_objects(0)) + len(gc.get_objects(1)))

    gc.callbacks.append(count)
    try:
        kept: list[list[int]] = [[] for _ in range(KEPT)]
    finally:
        gc.callbacks.remove(count)
    assert len(kept) == KEPT
    assert searched
    assert max(searched) <= SEARCHED_MAX


@pytest.mark.usefixtures("thresholds")
@pytest.mark.parametrize("is_searched", [True, False])
async def test_young_objects_stay_few_while_as_many_old_ones_go(*, is_searched: bool) -> None:
    """The thresholds alone do not see them."""
    kept: deque[list[int]] = deque(([] for _ in range(KEPT)), maxlen=KEPT)
    gc.collect()
    searching = asyncio.create_task(search_often(every_s=0) if is_searched else asyncio.Event().wait())
    most = 0
    for _ in range(50):
        for _ in range(1_000):
            kept.append([])
        most = max(most, len(gc.get_objects(0)) + len(gc.get_objects(1)))
        await asyncio.sleep(0)
    searching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await searching

    assert (most <= SEARCHED_MAX) is is_searched
