"""Long tests in two lengths: short in CI, in full in `make soak`.

A test whose count depends on the run takes it from a `Length` and carries `@pytest.mark.soak(LENGTH)`. docs/testing.md
lists every such test; tests/unit/test_lengths.py compares the list with the marks. Property tests without a count of their
own take it from the hypothesis profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import pytest
from hypothesis import settings

Item = TypeVar("Item")

CI_EXAMPLES: Final = 25
SOAK_EXAMPLES: Final = 1_000

# A CI run draws the same examples each time, so that a failed run fails again; a soak draws new ones.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=CI_EXAMPLES)
settings.register_profile("soak", deadline=None, print_blob=True, max_examples=SOAK_EXAMPLES)

_in_full = False


def choose(*, in_full: bool) -> None:
    """Called once, before test modules are imported: counts are read at import."""
    global _in_full
    _in_full = in_full
    settings.load_profile("soak" if in_full else "ci")


@dataclass(frozen=True)
class Length:
    """`ci` and `soak` count the same thing, which `of` names in the plural."""

    ci: int
    soak: int
    of: str

    @property
    def count(self) -> int:
        return self.soak if _in_full else self.ci

    def first(self, cases: Sequence[Item]) -> Sequence[Item]:
        """The cases of this run: of a list whose first ones say the most."""
        assert len(cases) == self.soak, f"{len(cases)} cases, and a soak plays {self.soak}"
        return cases[: self.count]

    def text(self, *, in_full: bool) -> str:
        return f"{self.soak if in_full else self.ci:,} {self.of}"


def lengths_of(item: pytest.Item) -> tuple[Length, ...]:
    return tuple(length for mark in item.iter_markers("soak") for length in mark.args)


def document_row(test: str, lengths: Iterable[Length]) -> str:
    """The row of docs/testing.md for the test with this node id, without its parameters."""
    by_run = [", ".join(each.text(in_full=in_full) for each in lengths) for in_full in (False, True)]
    return f"| `{test}` | {by_run[0]} | {by_run[1]} |"
