"""Who does which tests of a run, and when: `pytest -n … --dist loadscope` gives a worker the next group when it has almost done
its last one.

A group is a test file, or a directory whose tests share an expensive fixture, so that few workers start it. Those that take the
longest come first (`tests/support/durations.py`) and those of unit tests last: the workers end within seconds of each other,
also where a group takes longer than was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, TypeVar

from xdist.scheduler import LoadScopeScheduling

from tests.support.durations import SECONDS

Item = TypeVar("Item")

# Each has a Chromium and served depots of its own; the first one that fits.
SHARING: Final = (PurePath("tests/integration/console/tour"), PurePath("tests/integration/console"))
INTEGRATION: Final = "tests/integration"
LONG_S: Final = 15
USUAL_S: Final = 1
UNIT_S: Final = 0.02


def group_of(file: PurePath) -> PurePath:
    """Of the tests of this file; both are relative to the repository."""
    return next((directory for directory in SHARING if file.is_relative_to(directory)), file)


def arranged(
    items: Sequence[Item],
    file_of: Callable[[Item], PurePath],
    is_long: Callable[[Item], bool],
    measured: Mapping[str, int] = SECONDS,
) -> list[Item]:
    """All items, group by group. `file_of` is relative to the repository. As xdist demands, only the items decide the order."""
    groups: dict[PurePath, list[Item]] = {}
    for item in items:
        groups.setdefault(group_of(file_of(item)), []).append(item)

    def unit_tests_last_and_longest_first(group: PurePath) -> tuple[bool, float]:
        is_unit = not group.is_relative_to(INTEGRATION)
        guessed = sum(LONG_S if is_long(item) else UNIT_S if is_unit else USUAL_S for item in groups[group])
        seconds = measured.get(str(group), guessed)
        return is_unit and seconds < LONG_S, -seconds

    return [item for group in sorted(groups, key=unit_tests_last_and_longest_first) for item in groups[group]]


class GroupScheduling(LoadScopeScheduling):
    """Gives out whole groups, in the order in which they were collected."""

    def __init__(self, config: Any, log: Any = None) -> None:
        config.option.loadscopereorder = False  # xdist's own order is by the number of tests
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return str(group_of(PurePath(nodeid.partition("::")[0])))

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Note it, and forget groups that are done: xdist counts the tests of all that it remembers, after each test."""
        super().mark_test_complete(node, item_index, duration)
        groups = self.assigned_work[node]
        for done in [group for group, tests in groups.items() if all(tests.values())]:
            del groups[done]
