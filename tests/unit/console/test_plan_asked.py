"""What of a large plan is shown without a choice, with one, and for a search."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from access_policy.application.plan.status import PlanStatus
from access_policy.entrypoints.http.console.plan_asked import EVERY_GROUP, LineGroup, PlanAsked, lines_shown
from access_policy.entrypoints.http.console.plan_pictures import PlanLine


def line(key: str, *statuses: PlanStatus, is_group: bool = False) -> PlanLine:
    bars: list[Any] = [SimpleNamespace(reservation=SimpleNamespace(status=each)) for each in statuses]
    return PlanLine(key, key, is_group, bars)


def chargers(name: str, count: int = 30) -> list[PlanLine]:
    return [line(f"{name}-{number:02d}") for number in range(1, count + 1)]


def keys(lines: list[PlanLine]) -> set[str]:
    return {each.key[:1] for each in lines}


def test_small_depot_is_shown_as_a_whole() -> None:
    shown = lines_shown(PlanAsked(), [*chargers("A", 10), *chargers("B", 10)])

    assert (len(shown.lines), shown.groups) == (20, [])


def test_large_depot_opens_the_group_that_needs_a_look_with_the_lines_of_reservation_groups() -> None:
    every = [line("fast", is_group=True), *chargers("A"), *chargers("B"), line("A-99", PlanStatus.PLANNED)]
    every.append(line("B-99", PlanStatus.PLANNED, PlanStatus.AT_RISK))

    shown = lines_shown(PlanAsked(), every)

    assert keys(shown.lines) == {"f", "B"}
    assert shown.groups == [LineGroup("A", 31, 1, 0), LineGroup("B", 31, 2, 1)]


def test_large_depot_without_trouble_opens_the_first_group_with_reservations() -> None:
    assert lines_shown(PlanAsked(), [*chargers("A"), *chargers("B"), line("B-99", PlanStatus.DONE)]).chosen == "B"
    assert lines_shown(PlanAsked(), [*chargers("A"), *chargers("B")]).chosen == "A"


def test_chosen_group_is_shown_and_one_that_does_not_exist_is_no_choice() -> None:
    every = [*chargers("A"), *chargers("B")]

    assert keys(lines_shown(PlanAsked(group="B"), every).lines) == {"B"}
    assert keys(lines_shown(PlanAsked(group=EVERY_GROUP), every).lines) == {"A", "B"}
    assert keys(lines_shown(PlanAsked(group="Z"), every).lines) == {"A"}


def test_search_shows_chargers_of_that_name_and_those_with_found_reservations() -> None:
    every = [*chargers("A"), *chargers("B"), line("C-01", PlanStatus.PLANNED)]

    assert [each.key for each in lines_shown(PlanAsked(q="a-07"), every).lines] == ["A-07", "C-01"]
