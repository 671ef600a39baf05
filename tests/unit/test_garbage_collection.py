"""How much one search of the garbage collector may look at while the service runs: it stops all decisions meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from access_policy.entrypoints.processes.startup import COLLECTED

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
