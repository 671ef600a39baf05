"""What a visitor requests of the plan of a day: a search, a group of chargers, and a part of the arrivals in full.

A day of hundreds of reservations is shown in parts: the chargers of one name at a time, and the next arrivals of each part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Depends, Query

from access_policy.application.plan.status import PlanStatus
from access_policy.entrypoints.http.console.board_reading import prefix_of
from access_policy.entrypoints.http.console.plan_pictures import PlanLine, holder_of
from access_policy.entrypoints.http.v1.reservation_models import Reservation

TOGETHER_MAX: Final = 40  # chargers in one picture without a choice
ARRIVALS_SHOWN: Final = 25  # of each part, unless it is requested in full
EVERY_GROUP: Final = "*"
_TROUBLE: Final = frozenset({PlanStatus.AT_RISK, PlanStatus.DUE, PlanStatus.MISSED, PlanStatus.SHORT})


@dataclass(frozen=True, slots=True)
class PlanAsked:
    """The request. `q` is part of the id of a vehicle, a block or a charger, or of an identifier as shown. `group` is
    the name of chargers without their number, or `EVERY_GROUP`; `part` names the arrivals that are listed in full."""

    day: date | None = None
    q: str = ""
    group: str = ""
    part: str = ""

    def parameters(self, **changed: Any) -> dict[str, Any]:
        return {"day": self.day, "q": self.q or None, "group": self.group or None, "part": self.part or None, **changed}

    def has(self, row: Reservation) -> bool:
        return self.q.casefold() in _searched(row)

    def shown_of(self, key: str, rows: Sequence[Reservation]) -> Sequence[Reservation]:
        return rows if key == self.part else rows[:ARRIVALS_SHOWN]


@dataclass(frozen=True, slots=True)
class LineGroup:
    """The chargers of one name: how many of them, their reservations, and how many of those need a look."""

    name: str
    chargers: int
    reservations: int
    troubled: int


@dataclass(frozen=True, slots=True)
class LinesShown:
    """The lines to draw. `groups` is empty if all lines fit into one picture. `chosen` is the name of the shown
    group."""

    lines: list[PlanLine]
    groups: list[LineGroup]
    chosen: str


def lines_shown(asked: PlanAsked, lines: Sequence[PlanLine]) -> LinesShown:
    """Choose the lines. Lines of reservation groups are always shown. If no group is chosen: the first group of
    chargers that needs attention, or else the first with reservations."""
    if asked.q:
        found = [each for each in lines if each.bars or asked.q.casefold() in each.key.casefold()]
        return LinesShown(found, [], EVERY_GROUP)
    groups = _groups(each for each in lines if not each.is_group)
    if sum(each.chargers for each in groups) <= TOGETHER_MAX or len(groups) < 2:
        return LinesShown(list(lines), [], EVERY_GROUP)
    names = {each.name for each in groups}
    chosen = asked.group if asked.group in {*names, EVERY_GROUP} else _first(groups)
    shown = [each for each in lines if each.is_group or chosen in (EVERY_GROUP, prefix_of(each.key))]
    return LinesShown(shown, groups, chosen)


def _groups(lines: Iterable[PlanLine]) -> list[LineGroup]:
    found: dict[str, LineGroup] = {}
    for line in lines:
        name = prefix_of(line.key)
        before = found.get(name, LineGroup(name, 0, 0, 0))
        troubled = sum(each.reservation.status in _TROUBLE for each in line.bars)
        found[name] = LineGroup(
            name, before.chargers + 1, before.reservations + len(line.bars), before.troubled + troubled
        )
    return sorted(found.values(), key=lambda each: each.name)


def _first(groups: Sequence[LineGroup]) -> str:
    by_need = sorted(groups, key=lambda each: (not each.troubled, not each.reservations))
    return by_need[0].name


def _searched(row: Reservation) -> str:
    block = None if row.assignment is None else row.assignment.block_id
    at = None if row.charge is None else row.charge.charger_id
    return " ".join(each for each in (holder_of(row), block, row.charger_id, row.group_id, at) if each).casefold()


async def _asked(
    day: Annotated[date | None, Query()] = None,
    q: Annotated[str, Query(max_length=100)] = "",
    group: Annotated[str, Query(max_length=64)] = "",
    part: Annotated[str, Query(max_length=20)] = "",
) -> PlanAsked:
    return PlanAsked(day, q.strip(), group, part)


AskedFor = Annotated[PlanAsked, Depends(_asked)]
