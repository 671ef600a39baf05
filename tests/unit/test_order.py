"""The order of a run's tests, and who does which (tests/support/order.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePath
from typing import Any

import pytest
from xdist.workermanage import WorkerController

from tests.support.durations import SECONDS
from tests.support.order import GroupScheduling, arranged, group_of

ROOT = Path(__file__).resolve().parents[2]
LONG = {"tests/integration/test_kill.py::0", "tests/integration/test_fuzz.py::0", "tests/unit/test_rules.py::7"}
COUNTS = {
    "tests/integration/console/test_board.py": 5,
    "tests/unit/test_words.py": 31,
    "tests/integration/console/tour/test_tour.py": 4,
    "tests/integration/test_kill.py": 2,
    "tests/integration/test_fuzz.py": 3,
    "tests/integration/http/test_routes.py": 6,
    "tests/unit/test_rules.py": 40,
    "tests/integration/console/test_forms.py": 3,
    "tests/unit/test_few_words.py": 3,
}
MEASURED: Mapping[str, int] = {"tests/integration/console": 300, "tests/integration/http/test_routes.py": 30}
ITEMS = [f"{file}::{number}" for file, count in COUNTS.items() for number in range(count)]


def file_of(item: str) -> PurePath:
    return PurePath(item.split("::")[0])


def group(item: str) -> str:
    return str(group_of(file_of(item)))


def in_order(items: Sequence[str] = ITEMS) -> list[str]:
    return arranged(items, file_of, LONG.__contains__, MEASURED)


def test_arranged_tests_are_the_same_tests() -> None:
    assert Counter(in_order()) == Counter(ITEMS)


def test_groups_that_take_the_longest_come_first_and_unit_tests_last() -> None:
    assert [name for name, _ in groupby(in_order(), key=group)] == [
        "tests/integration/console",
        "tests/integration/http/test_routes.py",
        "tests/integration/test_fuzz.py",
        "tests/integration/test_kill.py",
        "tests/unit/test_rules.py",  # a long test of its own
        "tests/integration/console/tour",
        "tests/unit/test_words.py",
        "tests/unit/test_few_words.py",
    ]


def test_tests_of_a_file_keep_their_order() -> None:
    of_rules = [item for item in in_order() if item.startswith("tests/unit/test_rules.py")]

    assert of_rules == [item for item in ITEMS if item.startswith("tests/unit/test_rules.py")]


def test_each_measured_place_has_tests() -> None:
    places = [ROOT / place for place in SECONDS]

    assert [str(each) for each in places if not each.is_file() and not list(each.glob("test_*.py"))] == []


# --- who does which ---------------------------------------------------------------------------------------------------


class Worker(WorkerController):
    """Notes the tests that it is given. Does the first one when it is told to."""

    def __init__(self, name: str) -> None:
        self.gateway: Any = type("Gateway", (), {"id": name})
        self.given: list[int] = []
        self.ended = False

    @property
    def shutting_down(self) -> bool:
        return self.ended

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.given += indices

    def shutdown(self) -> None:
        self.ended = True


def started(pytestconfig: pytest.Config, items: Sequence[str], workers: Sequence[Worker]) -> GroupScheduling:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xdist.scheduler.loadscope.parse_tx_spec_config", lambda _: workers)
        patch.setattr(pytestconfig.option, "loadscopereorder", True, raising=False)
        scheduling = GroupScheduling(pytestconfig)
        for worker in workers:
            scheduling.add_node(worker)
            scheduling.add_node_collection(worker, list(items))
        scheduling.schedule()
    return scheduling


def done_by(scheduling: GroupScheduling, items: Sequence[str], speeds: Mapping[Worker, int]) -> dict[Worker, list[str]]:
    """Let each worker do as many tests a turn as its speed, until none has any."""
    done: dict[Worker, list[str]] = {worker: [] for worker in speeds}
    while any(len(done[worker]) < len(worker.given) for worker in speeds):
        for worker, speed in speeds.items():
            for number in worker.given[len(done[worker]) :][:speed]:
                done[worker].append(items[number])
                scheduling.mark_test_complete(worker, number)
    return done


@pytest.mark.parametrize("count", [1, 2, 3])
def test_workers_do_each_test_once_and_a_group_stays_with_one_of_them(pytestconfig: pytest.Config, count: int) -> None:
    items, workers = in_order(), [Worker(f"gw{number}") for number in range(count)]
    scheduling = started(pytestconfig, items, workers)

    done = done_by(scheduling, items, dict.fromkeys(workers, 1))

    assert Counter(item for tests in done.values() for item in tests) == Counter(items)
    of_each = [{group(item) for item in tests} for tests in done.values()]
    assert sum(map(len, of_each)) == len(set().union(*of_each))
    assert (scheduling.tests_finished, scheduling.has_pending) == (True, False)
    assert all(worker.ended for worker in workers)


def test_worker_that_is_slower_than_was_measured_does_fewer_groups(pytestconfig: pytest.Config) -> None:
    items = [f"tests/unit/test_{file}.py::{number}" for file in range(20) for number in range(10)]
    slow, fast = Worker("slow"), Worker("fast")

    done = done_by(started(pytestconfig, items, [slow, fast]), items, {slow: 1, fast: 3})

    assert len(done[slow]) < 70 < 130 < len(done[fast])


def test_groups_of_a_worker_that_died_are_done_by_another(pytestconfig: pytest.Config) -> None:
    items = [f"tests/unit/test_{file}.py::{number}" for file in range(3) for number in range(5)]
    dying, other = Worker("dying"), Worker("other")
    scheduling = started(pytestconfig, items, [dying, other])
    scheduling.mark_test_complete(dying, dying.given[0])

    crashed = scheduling.remove_node(dying)
    done = done_by(scheduling, items, {other: 1})

    assert crashed == items[dying.given[1]]
    assert {items[number] for number in dying.given[1:]} <= set(done[other])
