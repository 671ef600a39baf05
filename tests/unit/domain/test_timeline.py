"""The timeline answers what happens when: precedence, edges and the questions asked of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Cause, CauseKind
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import fold
from access_policy.domain.ids import CalendarId, ExceptionId, OverrideId, ReservationId, RuleId
from access_policy.domain.mode_schedule.calendars import Holiday, HolidayCalendar
from access_policy.domain.mode_schedule.timeline import (
    HORIZON_MAX,
    ModePlan,
    ReservedWindow,
    Segment,
    expected_at,
    next_transition,
    timeline,
)
from tests.support.builders import (
    DAY,
    FREEVEND,
    HOLIDAY,
    HOUR,
    MANAGED,
    MINUTE,
    NIGHTS,
    VISIT,
    berlin,
    excepted,
    lifted,
    overridden,
    registered,
    rule,
    scheduled,
    utc,
)
from tests.support.effort import at_most

NIGHTLY = Cause(CauseKind.RULE, NIGHTS, "nights")


def plan(*events: PolicyEvent, baseline: AccessMode = FREEVEND) -> ModePlan:
    policy = fold([registered(baseline_mode=baseline), *events])
    assert policy is not None
    return policy.plan


def segments(mode_plan: ModePlan, start: str, end: str) -> list[tuple[datetime, AccessMode, str | None]]:
    return [(s.start, s.mode, s.cause.id) for s in timeline(mode_plan, berlin(start), berlin(end)).segments]


def mode_at(mode_plan: ModePlan, instant: datetime) -> AccessMode:
    return expected_at(mode_plan, instant).mode


# --- one cause at a time ----------------------------------------------------------------------------------------------


def test_without_anything_else_the_baseline_holds() -> None:
    start, end = utc("2026-01-01 00:00"), utc("2027-01-01 00:00")

    assert timeline(plan(), start, end).segments == (Segment(start, end, FREEVEND, BASELINE_CAUSE),)


def test_a_rule_holds_from_its_first_instant_up_to_not_including_its_last() -> None:
    nightly = plan(scheduled())

    assert mode_at(nightly, berlin("2026-11-19 22:00") - timedelta(microseconds=1)) is FREEVEND
    assert mode_at(nightly, berlin("2026-11-19 22:00")) is MANAGED
    assert mode_at(nightly, berlin("2026-11-20 06:00") - timedelta(microseconds=1)) is MANAGED
    assert mode_at(nightly, berlin("2026-11-20 06:00")) is FREEVEND


def test_an_exception_on_a_day_that_the_zone_skipped_never_holds() -> None:
    apia = fold(
        [registered(time_zone="Pacific/Apia"), excepted("2011-12-30"), scheduled(rule(anchor=date(2011, 1, 1)))]
    )
    assert apia is not None

    made = timeline(apia.plan, utc("2011-12-29 00:00"), utc("2012-01-02 00:00")).segments

    assert {segment.cause.kind for segment in made} == {CauseKind.RULE, CauseKind.BASELINE}
    assert all(segment.start < segment.end for segment in made)


def test_an_exception_holds_for_whole_local_days_its_last_one_included() -> None:
    holiday = plan(excepted("2026-12-24", "2026-12-26"))

    assert segments(holiday, "2026-12-20 00:00", "2026-12-31 00:00") == [
        (berlin("2026-12-20 00:00"), FREEVEND, None),
        (berlin("2026-12-24 00:00"), MANAGED, HOLIDAY),
        (berlin("2026-12-27 00:00"), FREEVEND, None),
    ]


def test_an_exception_on_the_day_of_a_clock_change_is_as_long_as_that_day() -> None:
    [_, day, _] = timeline(
        plan(excepted("2026-03-29")), berlin("2026-03-28 00:00"), berlin("2026-03-31 00:00")
    ).segments

    assert day.end - day.start == 23 * HOUR


def test_an_override_holds_from_its_start_up_to_not_including_its_end() -> None:
    visit = plan(overridden(utc("2026-11-18 12:00"), utc("2026-11-18 13:30")))

    assert mode_at(visit, utc("2026-11-18 11:59")) is FREEVEND
    assert mode_at(visit, utc("2026-11-18 12:00")) is MANAGED
    assert mode_at(visit, utc("2026-11-18 13:29")) is MANAGED
    assert mode_at(visit, utc("2026-11-18 13:30")) is FREEVEND


# --- precedence -------------------------------------------------------------------------------------------------------


def test_an_override_precedes_an_exception_which_precedes_a_rule() -> None:
    all_three = plan(
        scheduled(rule(start="00:00", end="00:00", priority=1_000_000)),
        overridden(berlin("2026-12-24 10:00"), berlin("2026-12-24 11:00"), mode=MANAGED),
        excepted("2026-12-24", mode=FREEVEND),  # made later, and yet below the override
    )

    assert segments(all_three, "2026-12-23 12:00", "2026-12-25 12:00") == [
        (berlin("2026-12-23 12:00"), MANAGED, NIGHTS),
        (berlin("2026-12-24 00:00"), FREEVEND, HOLIDAY),
        (berlin("2026-12-24 10:00"), MANAGED, VISIT),
        (berlin("2026-12-24 11:00"), FREEVEND, HOLIDAY),
        (berlin("2026-12-25 00:00"), MANAGED, NIGHTS),
    ]


@pytest.mark.parametrize(("priority", "mode"), [(1, FREEVEND), (0, MANAGED), (-1, MANAGED)])
def test_the_greater_priority_wins_and_managed_where_they_are_equal(priority: int, mode: AccessMode) -> None:
    opening = rule(rule_id=RuleId("opening"), mode=FREEVEND, priority=priority)

    assert mode_at(plan(scheduled(opening), scheduled(rule())), berlin("2026-11-20 01:00")) is mode
    assert mode_at(plan(scheduled(rule()), scheduled(opening)), berlin("2026-11-20 01:00")) is mode


def test_a_reservation_makes_the_charger_managed_above_an_exception_and_below_an_override() -> None:
    reserved = ReservedWindow(
        reservation_id=ReservationId("r1"),
        starts_at=berlin("2026-12-24 10:00"),
        ends_at=berlin("2026-12-24 14:00"),
        made_at=berlin("2026-12-20 10:00"),
    )
    of_policy = plan(
        excepted("2026-12-24", mode=FREEVEND),
        overridden(berlin("2026-12-24 12:00"), berlin("2026-12-24 13:00"), mode=FREEVEND),
    )

    assert segments(replace(of_policy, reservations=(reserved,)), "2026-12-24 08:00", "2026-12-24 16:00") == [
        (berlin("2026-12-24 08:00"), FREEVEND, HOLIDAY),
        (berlin("2026-12-24 10:00"), MANAGED, "r1"),
        (berlin("2026-12-24 12:00"), FREEVEND, VISIT),
        (berlin("2026-12-24 13:00"), MANAGED, "r1"),
        (berlin("2026-12-24 14:00"), FREEVEND, HOLIDAY),
    ]


def test_of_two_overrides_the_later_made_one_holds_whichever_starts_later() -> None:
    long = overridden(utc("2026-11-18 10:00"), utc("2026-11-18 16:00"))
    inner = {"override_id": OverrideId("inner"), "mode": FREEVEND}
    within = overridden(utc("2026-11-18 12:00"), utc("2026-11-18 13:00"), **inner)

    assert mode_at(plan(long, within), utc("2026-11-18 12:30")) is FREEVEND
    assert mode_at(plan(long, within), utc("2026-11-18 13:00")) is MANAGED
    assert mode_at(plan(within, long), utc("2026-11-18 12:30")) is MANAGED


def test_of_two_exceptions_on_a_day_the_later_made_one_holds() -> None:
    first, second = excepted("2026-12-24"), excepted("2026-12-24", mode=FREEVEND, exception_id=ExceptionId("a"))

    assert mode_at(plan(first, second), berlin("2026-12-24 12:00")) is FREEVEND
    assert mode_at(plan(second, first), berlin("2026-12-24 12:00")) is MANAGED


def test_a_lifted_override_gives_way_at_once_and_keeps_what_was() -> None:
    opened = plan(overridden(utc("2026-11-18 10:00"), utc("2026-11-18 16:00")), lifted(utc("2026-11-18 12:00")))

    assert [(s.start, s.end) for s in timeline(opened, utc("2026-11-18 00:00"), utc("2026-11-19 00:00")).segments] == [
        (utc("2026-11-18 00:00"), utc("2026-11-18 10:00")),
        (utc("2026-11-18 10:00"), utc("2026-11-18 12:00")),
        (utc("2026-11-18 12:00"), utc("2026-11-19 00:00")),
    ]


# --- segments ---------------------------------------------------------------------------------------------------------


def test_neighbours_of_the_same_mode_and_cause_are_one_segment() -> None:
    always = plan(scheduled(rule(start="06:00", end="06:00")))

    assert segments(always, "2026-11-01 00:00", "2026-12-01 00:00") == [(berlin("2026-11-01 00:00"), MANAGED, NIGHTS)]


def test_neighbours_of_the_same_mode_and_another_cause_are_two_segments_but_no_transition() -> None:
    evenings = rule(rule_id=RuleId("evenings"), name="evenings", start="18:00", end="22:00")
    both = plan(scheduled(), scheduled(evenings))
    day = timeline(both, berlin("2026-11-19 12:00"), berlin("2026-11-20 12:00"))

    assert [s.cause.id for s in day.segments] == [None, "evenings", NIGHTS, None]
    assert [s.start for s in day.transitions(day.start)] == [berlin("2026-11-19 18:00"), berlin("2026-11-20 06:00")]


def test_a_cause_carries_the_name_or_reason_that_people_gave() -> None:
    named = plan(scheduled(), excepted("2026-12-24"), overridden(utc("2026-11-18 12:00"), utc("2026-11-18 13:00")))

    assert expected_at(named, berlin("2026-11-20 01:00")).cause == NIGHTLY
    assert expected_at(named, berlin("2026-12-24 12:00")).cause == Cause(CauseKind.EXCEPTION, HOLIDAY, "bank holiday")
    assert expected_at(named, utc("2026-11-18 12:00")).cause == Cause(CauseKind.OVERRIDE, VISIT, "visit")


# --- questions --------------------------------------------------------------------------------------------------------


def test_nothing_is_answered_outside_the_horizon() -> None:
    start, end = utc("2026-11-18 00:00"), utc("2026-11-19 00:00")
    day = timeline(plan(), start, end)

    assert day.at(start).start == start
    assert day.at(end - MINUTE).end == end
    for outside in (start - MINUTE, end):
        with pytest.raises(LookupError):
            day.at(outside)


def test_transitions_are_those_after_the_instant_not_at_it() -> None:
    nightly = plan(scheduled())
    week = timeline(nightly, berlin("2026-11-19 12:00"), berlin("2026-11-21 12:00"))
    evening, morning = berlin("2026-11-19 22:00"), berlin("2026-11-20 06:00")

    assert next(week.transitions(evening - MINUTE)).start == evening
    assert next(week.transitions(evening)).start == morning
    assert next(week.transitions(week.start - DAY)).start == evening
    assert list(week.transitions(week.end)) == []


def test_the_next_transition_is_the_first_after_the_instant() -> None:
    nightly = plan(scheduled())

    found = next_transition(nightly, berlin("2026-11-19 22:00"))

    assert found is not None
    assert (found.start, found.mode) == (berlin("2026-11-20 06:00"), FREEVEND)


@pytest.mark.parametrize("days", [1, 4, 5, 20, 21, 100, 101, 399])
def test_a_transition_far_ahead_is_found(days: int) -> None:
    now = utc("2026-11-18 12:00")
    found = next_transition(plan(overridden(now + days * DAY, now + days * DAY + HOUR)), now)

    assert found is not None
    assert found.start == now + days * DAY


def test_beyond_the_longest_horizon_there_is_no_next_transition() -> None:
    now = utc("2026-11-18 12:00")
    at_its_end = plan(overridden(now + HORIZON_MAX, now + HORIZON_MAX + HOUR))

    assert next_transition(at_its_end, now) is None
    assert next_transition(plan(), now) is None


def test_the_expected_segment_has_its_true_ends() -> None:
    night = expected_at(plan(scheduled()), berlin("2026-11-20 01:00"))

    assert night == Segment(berlin("2026-11-19 22:00"), berlin("2026-11-20 06:00"), MANAGED, NIGHTLY)


def test_a_rule_that_is_over_and_one_that_has_not_begun_leave_no_trace() -> None:
    old = rule("FREQ=DAILY;COUNT=10000", anchor=date(2000, 1, 1), rule_id=RuleId("old"))
    coming = rule(anchor=date(2090, 1, 1), rule_id=RuleId("coming"))

    assert segments(plan(scheduled(old), scheduled(coming)), "2030-01-01 00:00", "2031-01-01 00:00") == [
        (berlin("2030-01-01 00:00"), FREEVEND, None)
    ]


def test_a_timeline_of_two_days_takes_no_more_steps_for_calendars_of_many_years() -> None:
    days = [
        Holiday(first=date(2020, 1, 1) + n * 7 * DAY, last=date(2020, 1, 1) + n * 7 * DAY, reason="free")
        for n in range(900)
    ]
    calendars = {CalendarId(f"c{n}"): HolidayCalendar.of(CalendarId(f"c{n}"), "many", days) for n in range(20)}
    rules = {
        rule_id: rule("FREQ=DAILY", rule_id=rule_id, except_calendars=frozenset(calendars))
        for rule_id in (RuleId(f"r{n}") for n in range(20))
    }
    many = ModePlan(time_zone="Europe/Berlin", baseline=FREEVEND, rules=rules, calendars=calendars)
    now = utc("2026-11-18 12:00")
    timeline(many, now, now + 2 * DAY)

    with at_most(calls=6_000):
        timeline(many, now, now + 2 * DAY)
