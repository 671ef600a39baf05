"""The order of a run's tests (tests/support/order.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

import pytest

from tests.support.durations import SECONDS
from tests.support.order import SHARING, arranged

ROOT = Path(__file__).resolve().parents[2]
LONG = {"tests/integration/test_kill.py::0", "tests/integration/test_fuzz.py::0", "tests/unit/test_rules.py::7"}
COUNTS = {
    "tests/integration/console/test_board.py": 5,
    "tests/integration/console/tour/test_tour.py": 4,
    "tests/integration/test_kill.py": 2,
    "tests/integration/test_fuzz.py": 3,
    "tests/integration/http/test_routes.py": 6,
    "tests/unit/test_rules.py": 40,
    "tests/unit/test_words.py": 31,
}
NOTHING: Mapping[str, int] = {}
ITEMS = [f"{file}::{number}" for file, count in COUNTS.items() for number in range(count)]


def file_of(item: str) -> PurePath:
    return PurePath(item.split("::")[0])


def parts_of(
    workers: int,
    items: list[str] = ITEMS,
    is_long: Callable[[str], bool] = LONG.__contains__,
    measured: Mapping[str, int] = NOTHING,
) -> list[list[str]]:
    """What xdist gives to each worker."""
    ordered, parts = arranged(items, file_of, is_long, workers, measured), list[list[str]]()
    for number in range(workers):
        size = len(ordered) // (workers - number)
        parts.append(ordered[:size])
        ordered = ordered[size:]
    return parts


def is_light(item: str) -> bool:
    return item.startswith("tests/unit") and item not in LONG


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_arranged_tests_are_the_same_tests(workers: int) -> None:
    assert Counter(item for part in parts_of(workers) for item in part) == Counter(ITEMS)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_workers_part_ends_with_its_unit_tests(workers: int) -> None:
    for part in parts_of(workers):
        first = next(place for place, item in enumerate(part) if is_light(item))

        assert all(map(is_light, part[first:]))
        assert first > 0


@pytest.mark.parametrize("workers", [2, 3])
def test_tests_that_share_a_file_or_an_expensive_fixture_are_in_one_part(workers: int) -> None:
    parts = parts_of(workers)

    for directory in (
        "tests/integration/console/test_board.py",
        "tests/integration/console/tour",
        "tests/integration/test_kill.py",
        "tests/integration/http",
    ):
        assert sum(any(item.startswith(directory) for item in part) for part in parts) == 1


def test_shares_of_the_workers_take_the_same_time_by_what_was_measured() -> None:
    items = [f"{place}/test_all.py::0" if place in map(str, SHARING) else f"{place}::0" for place in SECONDS]
    items += [f"tests/unit/test_words.py::{number}" for number in range(300)]

    parts = parts_of(3, items, lambda item: not is_light(item), SECONDS)
    shares = [sum(SECONDS[place_of(item)] for item in part if not is_light(item)) for part in parts]

    assert max(shares) - min(shares) <= max(SECONDS.values()) / 3


def test_each_measured_place_has_tests() -> None:
    places = [ROOT / place for place in SECONDS]

    assert [str(each) for each in places if not each.is_file() and not list(each.glob("test_*.py"))] == []


def place_of(item: str) -> str:
    return item.removesuffix("::0").removesuffix("/test_all.py")


def test_long_tests_are_dealt_to_the_workers_and_begin_their_parts() -> None:
    parts = parts_of(3)

    assert {item for part in parts for item in part[:1]} == LONG


def test_run_without_unit_tests_keeps_all_tests() -> None:
    heavy = [item for item in ITEMS if not is_light(item)]

    assert Counter(item for part in parts_of(3, heavy) for item in part) == Counter(heavy)
