"""What a fold may say: put a row, change rows, remove rows. Saying it twice leaves the rows as saying it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from access_policy.application.ports.event_store import Recorded

Values = Mapping[str, Any]
# Changes are made by the million in a rebuild, and a frozen dataclass takes three times as long to make.


@dataclass(slots=True)
class Counted:
    """`column` is how many values the column `mark` has had; they only grow, so that a value seen again is not counted."""

    column: str
    mark: str
    value: int


@dataclass(slots=True)
class Put:
    """The row of `key`, its whole primary key, has `values`; a row that is new has `at_first` besides."""

    table: str
    key: Values
    values: Values
    at_first: Values = field(default_factory=dict)
    counted: Counted | None = None


@dataclass(slots=True)
class Change:
    """All rows that fit `where` get `values`; of rows with a position only those before `before`, if it is given."""

    table: str
    where: Values
    values: Values
    before: int | None = None


@dataclass(slots=True)
class Remove:
    """All rows that fit `where` are gone."""

    table: str
    where: Values


RowChange = Put | Change | Remove


@dataclass(frozen=True, slots=True)
class Projection:
    """`fold` answers for every event of `types`; `tables` are its own: nobody else writes them.

    `edition` goes up when the same events make other rows than before: rows of another edition are folded anew.
    """

    name: str
    tables: tuple[str, ...]
    types: frozenset[str]
    fold: Callable[[Recorded], list[RowChange]]
    edition: int = 1


def types_of(*events: Any) -> frozenset[str]:
    return frozenset(event.TYPE for event in events)
