"""A charger's policy is copied to another: which parts, what goes, what is left alone; and where two timelines differ."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from access_policy.domain.access_mode import Enforcement
from access_policy.domain.charger_access_policy import errors, events
from access_policy.domain.charger_access_policy.copying import Parts, copy_policy
from access_policy.domain.charger_access_policy.policy import RULES_MAX, ChargerAccessPolicy, fold
from access_policy.domain.ids import ChargePointId, ExceptionId, RuleId
from access_policy.domain.mode_schedule.differences import differences
from access_policy.domain.mode_schedule.rules import Edge
from access_policy.domain.mode_schedule.timeline import ModePlan, Timeline, timeline
from tests.support.builders import (
    BAVARIA,
    BAY,
    FREEVEND,
    HOLIDAY,
    HOUR,
    MANAGED,
    NIGHTS,
    NOON,
    berlin,
    excepted,
    excepted_by_calendar,
    overridden,
    registered,
    retired,
    rule,
    scheduled,
    settings,
    taken,
)
from tests.support.spec import Given, given
from tests.unit.domain.test_timeline_properties import plans

ALL = Parts(enforcement=True)
DAYS = RuleId("days")
OLD = RuleId("old")


def policy(*history: events.PolicyEvent) -> ChargerAccessPolicy:
    folded = fold([registered(baseline_mode=FREEVEND), *history])
    assert folded is not None
    return folded


def target(*history: events.PolicyEvent, **of_charger: Any) -> Given:
    return given(registered(**({"charge_point_id": ChargePointId("CP-2")} | of_charger)), *history)


def copied(source: ChargerAccessPolicy, parts: Parts = ALL, *, replaces: bool = True, now: datetime = NOON) -> Any:
    return lambda other: copy_policy(source, other, parts, replaces=replaces, now=now)


def withdrawn(rule_id: RuleId) -> events.ModeScheduleWithdrawn:
    return events.ModeScheduleWithdrawn(charger_id=BAY, rule_id=rule_id)


def removed(exception_id: ExceptionId) -> events.ModeExceptionRemoved:
    return events.ModeExceptionRemoved(charger_id=BAY, exception_id=exception_id)


# --- copying ----------------------------------------------------------------------------------------------------------


def test_rules_exceptions_baseline_and_enforcement_are_copied_and_nothing_else_of_the_charger() -> None:
    source = fold([registered(Enforcement.OBSERVE, baseline_mode=MANAGED), scheduled(), excepted("2026-12-24")])
    assert source is not None

    target(baseline_mode=FREEVEND).when(copied(source)).then(
        events.ChargerAmended(
            charger_id=BAY, settings=settings(charge_point_id=ChargePointId("CP-2"), baseline_mode=MANAGED)
        ),
        events.EnforcementChanged(charger_id=BAY, enforcement=Enforcement.OBSERVE),
        scheduled(),
        excepted("2026-12-24"),
    )


@pytest.mark.parametrize(
    ("parts", "kinds"),
    [
        (Parts(), {events.ChargerAmended, events.ModeScheduled, events.ModeExceptionAdded}),
        (Parts(exceptions=False, baseline_mode=False), {events.ModeScheduled}),
        (Parts(rules=False, baseline_mode=False), {events.ModeExceptionAdded}),
        (Parts(rules=False, exceptions=False, baseline_mode=False, enforcement=True), {events.EnforcementChanged}),
    ],
)
def test_only_the_parts_that_are_named_are_copied(parts: Parts, kinds: set[type]) -> None:
    source = fold([registered(Enforcement.OBSERVE, baseline_mode=MANAGED), scheduled(), excepted("2026-12-24")])
    assert source is not None
    other = fold([registered()])
    assert other is not None

    assert {type(event) for event in copied(source, parts)(other)} == kinds


def test_overrides_are_never_copied_nor_lifted() -> None:
    visit = overridden(NOON, NOON + HOUR)

    target(baseline_mode=FREEVEND).when(copied(policy(visit))).then_nothing()
    target(visit).when(copied(policy())).then_nothing()


def test_copying_again_changes_nothing_and_an_amended_rule_is_amended() -> None:
    source = policy(scheduled(), excepted("2026-12-24"))
    amended = rule(end="05:00")
    again = target(scheduled(), excepted("2026-12-24"))

    again.when(copied(source)).then_nothing()
    again.when(copied(policy(scheduled(amended), excepted("2026-12-24")))).then(
        events.ModeScheduleAmended(charger_id=BAY, rule=amended)
    )
    again.when(copied(policy(scheduled(), excepted("2026-12-25")))).then(removed(HOLIDAY), excepted("2026-12-25"))


def test_what_the_target_has_besides_goes_unless_it_shall_be_kept() -> None:
    own = (scheduled(rule(rule_id=DAYS)), excepted("2026-12-24", exception_id=ExceptionId("own")))

    target(*own).when(copied(policy(scheduled()))).then(withdrawn(DAYS), scheduled(), removed(ExceptionId("own")))
    target(*own).when(copied(policy(scheduled()), replaces=False)).then(scheduled())


def test_what_is_over_is_left_alone_on_both_sides() -> None:
    over = scheduled(rule(rule_id=OLD, applies_until=Edge(on=date(2026, 11, 1))))
    past = excepted("2026-11-01", exception_id=ExceptionId("past"))

    target().when(copied(policy(over, past))).then_nothing()
    target(over, past).when(copied(policy())).then_nothing()


def test_exceptions_keep_the_order_of_their_making() -> None:
    by_calendar = excepted_by_calendar(exception_id=ExceptionId("closed"))
    source = policy(taken(), by_calendar, excepted("2026-12-25", mode=FREEVEND))

    target(taken()).when(copied(source)).then(by_calendar, excepted("2026-12-25", mode=FREEVEND))


def test_a_rule_with_a_calendar_is_not_copied_to_a_depot_without_it() -> None:
    source = policy(taken(), scheduled(rule(except_calendars=frozenset({BAVARIA}))))

    target().when(copied(source)).then_refused(errors.CalendarUnknown, pointer="/except_calendars")


def test_a_target_with_room_for_no_more_rules_or_a_retired_one_refuses() -> None:
    full = [scheduled(rule(rule_id=RuleId(f"r{number}"))) for number in range(RULES_MAX)]

    target(*full).when(copied(policy(scheduled()), replaces=False)).then_refused(errors.TooManyRules)
    assert len(copied(policy(scheduled()))(policy(*full))) == RULES_MAX + 1
    target(retired()).when(copied(policy(scheduled()))).then_refused(errors.ChargerRetired)


# --- differences ------------------------------------------------------------------------------------------------------


def between(
    one: ModePlan, other: ModePlan, start: datetime, end: datetime
) -> list[tuple[datetime, datetime, str, str]]:
    found = differences(timeline(one, start, end), timeline(other, start, end))
    return [(d.start, d.end, d.before.mode, d.after.mode) for d in found]


def test_two_timelines_differ_where_mode_or_cause_differ() -> None:
    early, late = policy(scheduled(rule(start="20:00"))).plan, policy(scheduled()).plan
    other_cause = policy(scheduled(rule(rule_id=DAYS))).plan
    day = (berlin("2026-12-01 12:00"), berlin("2026-12-02 12:00"))

    assert between(early, early, *day) == []
    assert between(early, late, *day) == [(berlin("2026-12-01 20:00"), berlin("2026-12-01 22:00"), MANAGED, FREEVEND)]
    assert between(late, other_cause, *day) == [
        (berlin("2026-12-01 22:00"), berlin("2026-12-02 06:00"), MANAGED, MANAGED)
    ]
    assert late.rules[NIGHTS].rule_id != DAYS


@for_all(plans(), plans(), st.integers(0, 3 * 1440))
def test_at_each_minute_there_is_a_difference_or_the_timelines_agree(
    one: tuple[ModePlan, Any], other: tuple[ModePlan, Any], minute: int
) -> None:
    start, end = one[1].start, one[1].end
    before, after = timeline(one[0], start, end), timeline(other[0], start, end)
    at = min(start + minute * HOUR / 60, end - HOUR / 60)

    found = [each for each in differences(before, after) if each.start <= at < each.end]

    assert bool(found) is (held(before, at) != held(after, at))
    assert all((each.before, each.after) == (before.at(at), after.at(at)) for each in found)


def held(made: Timeline, at: datetime) -> tuple[str, object]:
    return made.at(at).mode, made.at(at).cause
