"""Schedules in a charger's policy: following, leaving, keeping up with the depot, and the timeline that results."""

from __future__ import annotations

from dataclasses import replace

import pytest

from access_policy.domain.access_mode import Cause, CauseKind
from access_policy.domain.charger_access_policy.copying import Parts, copy_policy
from access_policy.domain.charger_access_policy.errors import (
    ChargerRetired,
    RuleOfSchedule,
    ScheduleElsewhere,
    TooManyRules,
)
from access_policy.domain.charger_access_policy.events import (
    ChargerRetired as Retired,
)
from access_policy.domain.charger_access_policy.events import (
    HolidayCalendarTaken,
    PolicyEvent,
    ScheduleLeft,
    ScheduleTaken,
)
from access_policy.domain.charger_access_policy.following import follow_depot, follow_schedule, leave_schedule
from access_policy.domain.charger_access_policy.policy import RULES_MAX, ChargerAccessPolicy, fold
from access_policy.domain.depots import depot as depots
from access_policy.domain.depots.depot import (
    CalendarInSchedule,
    Depot,
    DepotEvent,
    HolidayCalendarPut,
    ScheduleNameTaken,
    SchedulePut,
    ScheduleRemoved,
    ScheduleUnknown,
)
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import DepotId, RuleId, ScheduleId
from access_policy.domain.mode_schedule.schedules import ScheduleInvalid
from access_policy.domain.mode_schedule.timeline import expected_at
from tests.support.builders import (
    BAVARIA,
    BAY,
    FREEVEND,
    MANAGED,
    NIGHTS,
    NOON,
    NORTH,
    WEEKDAYS,
    berlin,
    calendar,
    depot_settings,
    registered,
    rule,
    schedule,
    scheduled,
    settings,
)

TAKEN = ScheduleTaken(charger_id=BAY, schedule=schedule())


def policy_of(*events: PolicyEvent) -> ChargerAccessPolicy:
    policy = fold((registered(), *events))
    assert policy is not None
    return policy


def depot_of(*events: DepotEvent) -> Depot:
    first = depots.DepotRegistered(depot_id=NORTH, settings=depot_settings())
    depot = depots.fold((first, *events))
    assert depot is not None
    return depot


def put(*rules: object, **changes: object) -> SchedulePut:
    return SchedulePut(depot_id=NORTH, schedule=schedule(*rules, **changes))  # type: ignore[arg-type]


# --- following and leaving --------------------------------------------------------------------------------------------


def test_follow_schedule_when_not_followed_takes_the_calendars_and_the_schedule() -> None:
    depot = depot_of(HolidayCalendarPut(depot_id=NORTH, calendar=calendar()), put())

    events = follow_schedule(policy_of(), WEEKDAYS, depot)

    assert events == (HolidayCalendarTaken(charger_id=BAY, calendar=calendar()), TAKEN)


def test_follow_schedule_when_followed_already_emits_nothing() -> None:
    assert follow_schedule(policy_of(TAKEN), WEEKDAYS, depot_of(put())) == ()


def test_follow_schedule_of_another_depot_is_refused() -> None:
    policy = replace(policy_of(), settings=settings(depot_id=DepotId("south")))

    with pytest.raises(ScheduleElsewhere):
        follow_schedule(policy, WEEKDAYS, depot_of(put()))


def test_follow_schedule_that_the_depot_lacks_is_refused() -> None:
    with pytest.raises(ScheduleUnknown):
        follow_schedule(policy_of(), WEEKDAYS, depot_of())


def test_follow_schedule_when_retired_is_refused() -> None:
    with pytest.raises(ChargerRetired):
        follow_schedule(policy_of(Retired(charger_id=BAY, retired_at=NOON)), WEEKDAYS, depot_of(put()))


@pytest.mark.parametrize(("own", "fits"), [(RULES_MAX - 1, True), (RULES_MAX, False)])
def test_follow_schedule_at_the_limit_of_rules_fits_up_to_the_last(own: int, fits: bool) -> None:
    rules = {RuleId(f"r{number}"): rule(rule_id=RuleId(f"r{number}")) for number in range(own)}
    policy = replace(policy_of(), rules=rules)

    if fits:
        assert follow_schedule(policy, WEEKDAYS, depot_of(put())) == (TAKEN,)
    else:
        with pytest.raises(TooManyRules, match="would have 201 mode rules"):
            follow_schedule(policy, WEEKDAYS, depot_of(put()))


def test_leave_schedule_twice_emits_nothing_the_second_time() -> None:
    left = ScheduleLeft(charger_id=BAY, schedule_id=WEEKDAYS)

    assert leave_schedule(policy_of(TAKEN), WEEKDAYS) == (left,)
    assert leave_schedule(policy_of(TAKEN, left), WEEKDAYS) == ()


# --- keeping up -------------------------------------------------------------------------------------------------------


def test_keep_up_with_an_amended_schedule_takes_it_once() -> None:
    later = put(rule(start="23:00"))
    depot = depot_of(put(), later)
    taken = ScheduleTaken(charger_id=BAY, schedule=later.schedule)

    assert follow_depot(policy_of(TAKEN), depot) == ((taken,), None)
    assert follow_depot(policy_of(TAKEN, taken), depot) == ((), None)


def test_keep_up_of_a_charger_that_does_not_follow_emits_nothing() -> None:
    assert follow_depot(policy_of(), depot_of(put())) == ((), None)


def test_keep_up_with_a_removed_schedule_leaves_it() -> None:
    depot = depot_of(put(), ScheduleRemoved(depot_id=NORTH, schedule_id=WEEKDAYS))

    assert follow_depot(policy_of(TAKEN), depot) == ((ScheduleLeft(charger_id=BAY, schedule_id=WEEKDAYS),), None)


def test_keep_up_when_one_schedule_does_not_fit_takes_everything_else() -> None:
    other = ScheduleId("other")
    had_other = ScheduleTaken(
        charger_id=BAY, schedule=schedule(rule(rule_id=RuleId("o")), schedule_id=other, name="Other")
    )
    rules = {RuleId(f"r{number}"): rule(rule_id=RuleId(f"r{number}")) for number in range(RULES_MAX - 2)}
    policy = replace(policy_of(TAKEN, had_other), rules=rules)
    too_many = put(rule(), rule(rule_id=RuleId("second"), name="second"))
    amended = put(rule(rule_id=RuleId("o"), start="23:00"), schedule_id=other, name="Other")
    depot = depot_of(HolidayCalendarPut(depot_id=NORTH, calendar=calendar()), too_many, amended)

    events, refusal = follow_depot(policy, depot)

    assert events == (
        HolidayCalendarTaken(charger_id=BAY, calendar=calendar()),
        ScheduleTaken(charger_id=BAY, schedule=amended.schedule),
    )
    assert isinstance(refusal, TooManyRules)


# --- the charger ------------------------------------------------------------------------------------------------------


def test_timeline_with_a_schedule_names_the_schedule_and_the_rule() -> None:
    segment = expected_at(policy_of(TAKEN).plan, berlin("2026-11-18 23:00"))

    assert (segment.mode, segment.cause) == (MANAGED, Cause(CauseKind.RULE, NIGHTS, "Weekdays: nights"))
    assert segment.end == berlin("2026-11-19 06:00")


def test_timeline_with_a_schedule_and_a_rule_of_the_charger_follows_the_priority() -> None:
    own = rule(rule_id=RuleId("own"), name="own", mode=FREEVEND, priority=5)
    policy = policy_of(TAKEN, scheduled(own))

    assert expected_at(policy.plan, berlin("2026-11-18 23:00")).cause.id == "own"


def test_timeline_of_a_schedule_leaves_out_the_days_of_a_calendar() -> None:
    closed = schedule(rule(except_calendars=frozenset({BAVARIA})))
    policy = policy_of(
        HolidayCalendarTaken(charger_id=BAY, calendar=calendar()), ScheduleTaken(charger_id=BAY, schedule=closed)
    )

    assert policy.plan.calendars_in_use == {BAVARIA}
    assert expected_at(policy.plan, berlin("2026-12-25 23:00")).mode is FREEVEND
    assert expected_at(policy.plan, berlin("2026-12-26 23:00")).mode is MANAGED


def test_move_to_another_depot_while_following_is_refused() -> None:
    policy = policy_of(TAKEN)

    with pytest.raises(ScheduleElsewhere, match="follows Weekdays of depot north"):
        policy.put(settings(depot_id=DepotId("south")), policy.enforcement)


def test_amend_rule_of_a_schedule_at_one_charger_is_refused() -> None:
    with pytest.raises(RuleOfSchedule, match="belongs to the schedule Weekdays"):
        policy_of(TAKEN).withdraw_rule(NIGHTS)


def test_copy_policy_makes_the_target_follow_the_schedules_of_the_source() -> None:
    other = ScheduleTaken(charger_id=BAY, schedule=schedule(schedule_id=ScheduleId("other"), name="Other"))
    left = ScheduleLeft(charger_id=BAY, schedule_id=ScheduleId("other"))

    copied = copy_policy(policy_of(TAKEN), policy_of(other), Parts(), replaces=True, now=NOON)

    assert copied == (left, TAKEN)
    assert copy_policy(policy_of(TAKEN), policy_of(TAKEN), Parts(), replaces=True, now=NOON) == ()


def test_copy_policy_with_schedules_to_another_depot_is_refused() -> None:
    target = replace(policy_of(), settings=settings(depot_id=DepotId("south")))

    with pytest.raises(ScheduleElsewhere):
        copy_policy(policy_of(TAKEN), target, Parts(), replaces=True, now=NOON)


# --- the depot --------------------------------------------------------------------------------------------------------


def test_put_schedule_that_reads_as_before_emits_nothing() -> None:
    assert depot_of(put()).put_schedule(schedule()) == ()


def test_put_schedule_under_the_name_of_another_is_refused() -> None:
    with pytest.raises(ScheduleNameTaken):
        depot_of(put()).put_schedule(schedule(schedule_id=ScheduleId("other")))


def test_remove_calendar_that_a_schedule_names_is_refused() -> None:
    days = HolidayCalendarPut(depot_id=NORTH, calendar=calendar())

    with pytest.raises(CalendarInSchedule, match="used in the schedules Weekdays"):
        depot_of(days, put(rule(except_calendars=frozenset({BAVARIA})))).remove_calendar(BAVARIA)


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ((rule(), rule(rule_id=RuleId("b"))), "/rules/1/name"),
        ((rule(), rule(name="b")), "/rules/1/rule_id"),
        ((rule(except_calendars=frozenset({BAVARIA})),), "/rules/0/except_calendars"),
        ((rule(), rule(rule_id=RuleId("b"), name="b", recurrence="FREQ=SOMETIMES")), "/rules/1/recurrence"),
        ((rule(name=" "),), "/rules/0/name"),
        (tuple(rule(rule_id=RuleId(f"r{n}"), name=f"n{n}") for n in range(51)), "/rules"),
    ],
)
def test_put_schedule_that_is_impossible_is_refused_with_a_pointer(rules: tuple[object, ...], pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        depot_of().put_schedule(schedule(*rules))  # type: ignore[arg-type]

    assert refusal.value.pointer == pointer


def test_put_schedule_without_rules_is_refused() -> None:
    with pytest.raises(ScheduleInvalid):
        depot_of().put_schedule(replace(schedule(), rules=()))


def test_schedule_versions_are_those_of_the_last_change() -> None:
    depot = depot_of(put(), put(rule(start="23:00")))

    assert depot.schedule_changed_at == {WEEKDAYS: 3}
