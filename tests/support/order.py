"""The order of a run's tests, for `pytest --dist worksteal`.

xdist gives each worker an equal part of the list, and a worker that runs out takes tests from the end of the part that has the
most left. So each part begins with the worker's share of the long tests and of those with real parts, and ends with unit
tests: no worker is left alone with a long test, and what changes hands needs no server. A file stays with one worker, and
so does a directory whose tests share an expensive fixture, so that few workers start it. The shares take the same time by
what was measured (`tests/support/durations.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Final, TypeVar

from tests.support.durations import SECONDS

Item = TypeVar("Item")

# Each has a Chromium and served depots of its own; the first one that fits.
SHARING: Final = (PurePath("tests/integration/console/tour"), PurePath("tests/integration/console"))
LONG_S: Final = 15
USUAL_S: Final = 1


def workers() -> int:
    """The workers of this run: 1 without xdist."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def arranged(
    items: Sequence[Item],
    file_of: Callable[[Item], PurePath],
    is_long: Callable[[Item], bool],
    workers: int,
    measured: Mapping[str, int] = SECONDS,
) -> list[Item]:
    """All items. `file_of` is relative to the repository. The same items give the same order, as xdist demands."""
    groups: dict[PurePath, list[Item]] = {}
    light: list[Item] = []
    for item in items:
        file = file_of(item)
        if is_long(item) or file.is_relative_to("tests/integration"):
            groups.setdefault(_shared(file), []).append(item)
        else:
            light.append(item)
    parts: list[list[Item]] = [[] for _ in range(workers)]
    loads = [0] * workers
    weighed = ((measured.get(str(place), _guessed(group, is_long)), group) for place, group in groups.items())
    for weight, group in sorted(weighed, key=_heaviest_first):
        lightest = loads.index(min(loads))
        loads[lightest] += weight
        parts[lightest] += sorted(group, key=lambda item: not is_long(item))
    return _filled(parts, light)


def _filled(parts: list[list[Item]], light: list[Item]) -> list[Item]:
    """The parts one after the other, each filled up with light items to the size that xdist gives it."""
    left, ordered = sum(map(len, parts)) + len(light), list[Item]()
    for number, part in enumerate(parts):
        size = left // (len(parts) - number)
        wanted = max(0, size - len(part))
        ordered += [*part, *light[:wanted]]
        left -= len(part) + len(light[:wanted])
        light = light[wanted:]
    return ordered + light


def _shared(file: PurePath) -> PurePath:
    return next((directory for directory in SHARING if file.is_relative_to(directory)), file)


def _guessed(group: Sequence[Item], is_long: Callable[[Item], bool]) -> int:
    return sum(LONG_S if is_long(item) else USUAL_S for item in group)


def _heaviest_first(weighed: tuple[int, Sequence[Item]]) -> int:
    return -weighed[0]
