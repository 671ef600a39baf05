"""The distribution and order of tests. With `pytest -n … --dist loadscope`, a worker gets the next group of tests when it has
almost finished its last one.

A group is a test file, or a directory whose tests share an expensive fixture, so that few workers create it. The longest groups
come first (`tests/support/durations.py`) and short unit tests last, so that the workers end within seconds of each other even
if a group takes longer than was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
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


@cache
def group_of(file: PurePath) -> PurePath:
    """Return the group of the tests in this file. Both paths are relative to the repository."""
    return next((directory for directory in SHARING if file.is_relative_to(directory)), file)


def arranged(
    items: Sequence[Item],
    file_of: Callable[[Item], PurePath],
    is_long: Callable[[Item], bool],
    measured: Mapping[str, int] = SECONDS,
) -> list[Item]:
    """Return all items, group by group. `file_of` returns a path relative to the repository. The order depends only on the
    items, as xdist requires."""
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
    """Assigns whole groups, in the order in which they were collected."""

    def __init__(self, config: Any, log: Any = None) -> None:
        config.option.loadscopereorder = False  # xdist would order them by the number of tests
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return str(group_of(PurePath(nodeid.partition("::")[0])))

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Record the test, and drop finished groups: after each test, xdist counts the tests of all groups that it keeps."""
        super().mark_test_complete(node, item_index, duration)
        groups = self.assigned_work[node]
        for done in [group for group, tests in groups.items() if all(tests.values())]:
            del groups[done]
