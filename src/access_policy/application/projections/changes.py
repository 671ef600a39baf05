"""The changes that a fold returns: put a row, change rows, remove rows. Applying a change twice has the same effect as
applying it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from access_policy.application.ports.event_store import Recorded

Values = Mapping[str, Any]
# A rebuild creates changes by the million, and a frozen dataclass takes three times as long to create.


@dataclass(slots=True)
class Counted:
    """`column` counts the values of the column `mark`, which only grow, so that a redelivered value is not counted again."""

    column: str
    mark: str
    value: int


@dataclass(slots=True)
class Put:
    """Give the row of `key`, its whole primary key, these `values`; a new row also gets `at_first`."""

    table: str
    key: Values
    values: Values
    at_first: Values = field(default_factory=dict)
    counted: Counted | None = None


@dataclass(slots=True)
class Change:
    """Give all rows that match `where` these `values`; with `before`, only rows with a position below it."""

    table: str
    where: Values
    values: Values
    before: int | None = None


@dataclass(slots=True)
class Remove:
    """Remove all rows that match `where`."""

    table: str
    where: Values


RowChange = Put | Change | Remove


@dataclass(frozen=True, slots=True)
class Projection:
    """`fold` accepts every event of `types`. Only this projection writes its `tables`.

    Increase `edition` when the same events produce different rows: rows of another edition are folded again.
    """

    name: str
    tables: tuple[str, ...]
    types: frozenset[str]
    fold: Callable[[Recorded], list[RowChange]]
    edition: int = 1


def types_of(*events: Any) -> frozenset[str]:
    return frozenset(event.TYPE for event in events)
