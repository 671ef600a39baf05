"""Holiday calendars: what one may hold, what a charger does with its depot's, and what the timeline makes of them."""

from __future__ import annotations

from datetime import date

import pytest

from access_policy.domain.access_mode import Enforcement
from access_policy.domain.charger_access_policy import errors, events
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, fold, register
from access_policy.domain.errors import Refused
from access_policy.domain.ids import CalendarId, DepotId, ExceptionId, InvalidId, InvalidName
from access_policy.domain.instants import InstantOutOfRange
from access_policy.domain.mode_schedule.calendars import (
    DATES_MAX,
    ENTRIES_MAX,
    CalendarInvalid,
    Holiday,
    HolidayCalendar,
)
from access_policy.domain.mode_schedule.rules import (
    CALENDARS_MAX,
    Edge,
    RuleInvalid,
    RuleNeverOccurs,
    RuleOverlapsItself,
)
from access_policy.domain.mode_schedule.timeline import timeline
from tests.support.builders import (
    BAVARIA,
    BAY,
    BERLIN,
    FREEVEND,
    HOLIDAY,
    MANAGED,
    NIGHTS,
    NOON,
    berlin,
    calendar,
    excepted,
    excepted_by_calendar,
    holiday,
    registered,
    retired,
    rule,
    scheduled,
    settings,
    taken,
    utc,
)
from tests.support.spec import given

HESSE = CalendarId("hesse")
WORKDAY = {"start": "08:00", "end": "18:00"}
EXCEPT_HOLIDAYS = {"except_calendars": frozenset({BAVARIA})}
ON_HOLIDAYS = {"extra_calendars": frozenset({BAVARIA})}


# --- one calendar -----------------------------------------------------------------------------------------------------


def test_the_days_of_a_calendar_ascend_and_are_there_once() -> None:
    made = calendar("2026-12-25 Christmas", "2026-01-06 Epiphany", "2026-12-25 Christmas")

    assert made == calendar("2026-01-06 Epiphany", "2026-12-25 Christmas")


def test_a_day_of_two_entries_has_the_reason_of_the_first() -> None:
    made = calendar("2026-12-24..2026-12-26 Closed", "2026-12-25 Christmas")

    assert made.reasons() == {date(2026, 12, day): "Closed" for day in (24, 25, 26)}


@pytest.mark.parametrize(
    ("days", "error", "pointer"),
    [
        ([], CalendarInvalid, "/days"),
        ([holiday("2026-12-25 Christmas"), holiday("2026-12-26..2026-12-25 Back")], CalendarInvalid, "/days/1"),
        ([holiday("2026-12-25  ")], InvalidName, "/days/0/reason"),
        ([holiday("2026-12-25 Bells\a")], InvalidName, "/days/0/reason"),
        ([holiday("1999-12-31 Old")], InstantOutOfRange, "/days/0/date"),
        ([holiday("2199-12-31..2201-01-01 Far")], InstantOutOfRange, "/days/0/until_date"),
        ([holiday("2026-12-25 Christmas")] * (ENTRIES_MAX + 1), CalendarInvalid, "/days"),
        ([holiday("2000-01-01..2011-12-31 Long")], CalendarInvalid, "/days"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(days: list[Holiday], error: type[Refused], pointer: str) -> None:
    with pytest.raises(error) as refusal:
        HolidayCalendar.of(BAVARIA, "Bavaria", days)

    assert refusal.value.pointer == pointer


def test_a_calendar_has_an_id_and_a_name() -> None:
    with pytest.raises(InvalidId):
        HolidayCalendar.of(CalendarId("a/b"), "Bavaria", [holiday("2026-12-25 Christmas")])
    with pytest.raises(InvalidName):
        HolidayCalendar.of(BAVARIA, " ", [holiday("2026-12-25 Christmas")])
    assert DATES_MAX >= 10 * 366  # ten years of a plant that is always closed


# --- the charger takes its depot's ------------------------------------------------------------------------------------


def test_a_charger_is_registered_with_the_calendars_of_its_depot() -> None:
    given().when(lambda _: register(BAY, settings(), Enforcement.ENFORCE, {BAVARIA: calendar()})).then(
        registered(), taken()
    )


def test_a_charger_takes_what_changed_and_drops_what_is_gone() -> None:
    follows = given(registered(), taken("2026-12-25 Christmas"), taken(calendar_id=HESSE))
    moved = calendar("2026-12-26 Boxing Day")

    follows.when(lambda p: p.follow_calendars({BAVARIA: moved, HESSE: calendar(calendar_id=HESSE)})).then(
        taken("2026-12-26 Boxing Day")
    )
    follows.when(lambda p: p.follow_calendars({BAVARIA: calendar("2026-12-25 Christmas")})).then(
        events.HolidayCalendarDropped(charger_id=BAY, calendar_id=HESSE)
    )
    given(registered(), taken(), retired()).when(lambda p: p.follow_calendars({})).then_nothing()


@pytest.mark.parametrize("used_by", [scheduled(rule(**EXCEPT_HOLIDAYS)), excepted_by_calendar()])
def test_a_calendar_in_use_stays_when_the_depot_has_it_no_more(used_by: events.PolicyEvent) -> None:
    given(registered(), taken(), used_by).when(lambda p: p.follow_calendars({})).then_nothing()


def test_a_charger_moves_only_to_a_depot_that_has_the_calendars_it_uses() -> None:
    elsewhere = settings(depot_id=DepotId("south"))
    uses = given(registered(), taken(), scheduled(rule(**EXCEPT_HOLIDAYS)))
    amended = events.ChargerAmended(charger_id=BAY, settings=elsewhere)
    theirs = calendar("2026-08-15 Assumption Day")

    uses.when(lambda p: p.put(elsewhere, Enforcement.ENFORCE, {})).then_refused(
        errors.CalendarInUse, pointer="/depot_id"
    )
    uses.when(lambda p: p.put(elsewhere, Enforcement.ENFORCE, {BAVARIA: theirs})).then(
        amended, taken("2026-08-15 Assumption Day")
    )
    given(registered(), taken()).when(lambda p: p.put(elsewhere, Enforcement.ENFORCE, {})).then(
        amended, events.HolidayCalendarDropped(charger_id=BAY, calendar_id=BAVARIA)
    )


def test_chargers_with_equal_calendars_hold_one_in_memory() -> None:
    one, other = fold([registered(), taken()]), fold([registered(), taken()])

    assert one is not None
    assert other is not None
    assert one.calendars[BAVARIA] is other.calendars[BAVARIA]
    assert one.sharing_calendars() == one


# --- rules ------------------------------------------------------------------------------------------------------------


def segments(*history: events.PolicyEvent, start: str, end: str, **of_charger: object) -> list[tuple[str, str, str]]:
    """The segments between two local days in Berlin: start as a clock there shows it, mode and name of the cause."""
    policy = fold([registered(**of_charger), *history])
    assert policy is not None
    made = timeline(policy.plan, berlin(f"{start} 00:00"), berlin(f"{end} 00:00")).segments
    return [(f"{s.start.astimezone(BERLIN):%m-%d %H:%M}", s.mode, s.cause.name) for s in made]


def test_a_window_does_not_start_on_a_day_of_an_except_calendar() -> None:
    by_day = scheduled(rule(**WORKDAY, **EXCEPT_HOLIDAYS))

    assert segments(taken("2026-12-25..2026-12-26 Christmas"), by_day, start="2026-12-24", end="2026-12-28") == [
        ("12-24 00:00", FREEVEND, "baseline"),
        ("12-24 08:00", MANAGED, "nights"),
        ("12-24 18:00", FREEVEND, "baseline"),
        ("12-27 08:00", MANAGED, "nights"),
        ("12-27 18:00", FREEVEND, "baseline"),
    ]


def test_a_window_starts_also_on_a_day_of_an_extra_calendar() -> None:
    sundays = scheduled(rule("FREQ=WEEKLY;BYDAY=SU", **WORKDAY, **ON_HOLIDAYS))

    assert segments(taken("2026-12-25 Christmas"), sundays, start="2026-12-24", end="2026-12-28") == [
        ("12-24 00:00", FREEVEND, "baseline"),
        ("12-25 08:00", MANAGED, "nights"),
        ("12-25 18:00", FREEVEND, "baseline"),
        ("12-27 08:00", MANAGED, "nights"),
        ("12-27 18:00", FREEVEND, "baseline"),
    ]


def test_a_rules_own_dates_count_more_than_its_calendars() -> None:
    christmas = frozenset({date(2026, 12, 25)})
    mine = rule(**WORKDAY, **EXCEPT_HOLIDAYS, extra_dates=christmas)
    not_mine = rule("FREQ=WEEKLY;BYDAY=SU", **WORKDAY, **ON_HOLIDAYS, except_dates=christmas)
    both = rule(**WORKDAY, **EXCEPT_HOLIDAYS, **ON_HOLIDAYS)
    day = {"start": "2026-12-25", "end": "2026-12-26"}

    assert len(segments(taken(), scheduled(mine), **day)) == 3
    assert len(segments(taken(), scheduled(not_mine), **day)) == 1
    assert len(segments(taken(), scheduled(both), **day)) == 3


def test_a_rule_follows_what_its_calendar_says_now() -> None:
    by_day = scheduled(rule(**WORKDAY, **EXCEPT_HOLIDAYS))
    history = (taken("2026-12-25 Christmas"), by_day, taken("2026-12-26 Boxing Day"))

    assert len(segments(*history, start="2026-12-25", end="2026-12-26")) == 3
    assert len(segments(*history, start="2026-12-26", end="2026-12-27")) == 1


@pytest.mark.parametrize("which", ["except_calendars", "extra_calendars"])
def test_a_rule_with_a_calendar_that_the_depot_does_not_have_is_refused(which: str) -> None:
    unknown = rule(**{which: frozenset({HESSE})})

    given(registered(), taken()).when(lambda p: p.schedule(unknown, now=NOON)).then_refused(
        errors.CalendarUnknown, pointer=f"/{which}"
    )
    given(registered(), taken(), scheduled()).when(lambda p: p.amend_rule(unknown)).then_refused(
        errors.CalendarUnknown, pointer=f"/{which}"
    )


def test_a_rule_that_never_occurs_because_of_its_calendar_is_refused() -> None:
    once = rule("FREQ=DAILY;COUNT=1", anchor=date(2026, 12, 25), **EXCEPT_HOLIDAYS)

    given(registered(), taken()).when(lambda p: p.schedule(once, now=NOON)).then_refused(RuleNeverOccurs)


def test_a_rule_that_overlaps_itself_because_of_its_calendar_is_refused() -> None:
    weekends = rule("FREQ=WEEKLY;BYDAY=FR", "18:00", "06:00", end_day_offset=3, **ON_HOLIDAYS)
    on_a_saturday = taken("2026-12-26 Boxing Day")

    given(registered(), on_a_saturday).when(lambda p: p.schedule(weekends, now=NOON)).then_refused(RuleOverlapsItself)


def test_a_calendar_whose_days_all_lie_outside_the_period_of_the_rule_is_refused_since_they_would_be_lost() -> None:
    spring = rule(applies_from=Edge(on=date(2027, 1, 1)), anchor=date(2027, 1, 1), **ON_HOLIDAYS)

    given(registered(), taken("2026-12-25 Christmas")).when(lambda p: p.schedule(spring, now=NOON)).then_refused(
        RuleNeverOccurs, pointer="/extra_calendars"
    )
    both = taken("2026-12-25 Christmas", "2027-01-06 Epiphany")
    given(registered(), both).when(lambda p: p.schedule(spring, now=NOON)).then(scheduled(spring))


def test_a_rule_names_a_bounded_number_of_calendars() -> None:
    many = [CalendarId(f"c{number}") for number in range(CALENDARS_MAX + 1)]
    history = [taken(calendar_id=each) for each in many]
    greedy = rule(except_calendars=frozenset(many))

    given(registered(), *history).when(lambda p: p.schedule(greedy, now=NOON)).then_refused(
        RuleInvalid, pointer="/except_calendars"
    )


# --- exceptions -------------------------------------------------------------------------------------------------------


def test_all_days_of_a_calendar_get_the_mode_and_the_cause_names_the_holiday() -> None:
    days = taken("2026-12-25..2026-12-26 Christmas", "2026-12-27 Plant closed")

    assert segments(days, scheduled(), excepted_by_calendar(mode=FREEVEND), start="2026-12-25", end="2026-12-29") == [
        ("12-25 00:00", FREEVEND, "Christmas"),
        ("12-27 00:00", FREEVEND, "Plant closed"),
        ("12-28 00:00", MANAGED, "nights"),
        ("12-28 06:00", FREEVEND, "baseline"),
        ("12-28 22:00", MANAGED, "nights"),
    ]


def test_of_a_dated_exception_and_one_by_calendar_the_later_made_holds() -> None:
    one_day = excepted("2026-12-25", mode=FREEVEND, exception_id=ExceptionId("dated"))
    day = {"start": "2026-12-25", "end": "2026-12-26"}

    assert [name for *_, name in segments(taken(), one_day, excepted_by_calendar(), **day)] == ["Christmas"]
    assert [name for *_, name in segments(taken(), excepted_by_calendar(), one_day, **day)] == ["bank holiday"]


def test_an_exception_by_calendar_is_added_once_and_removed() -> None:
    def add(p: ChargerAccessPolicy, reason: str = "closed on holidays") -> tuple[events.PolicyEvent, ...]:
        return p.add_calendar_exception(HOLIDAY, calendar_id=BAVARIA, mode=MANAGED, reason=reason)

    removed = events.ModeExceptionRemoved(charger_id=BAY, exception_id=HOLIDAY)
    given(registered(), taken()).when(add).then(excepted_by_calendar())
    given(registered(), taken(), excepted_by_calendar()).when(add).then_nothing()
    given(registered(), taken(), excepted_by_calendar()).when(lambda p: add(p, "other")).then_refused(errors.IdTaken)
    given(registered(), taken(), excepted_by_calendar()).when(lambda p: p.remove_exception(HOLIDAY)).then(removed)
    given(registered(), taken(), excepted_by_calendar(), removed).when(
        lambda p: p.remove_exception(HOLIDAY)
    ).then_refused(errors.ExceptionUnknown)
    given(registered()).when(add).then_refused(errors.CalendarUnknown, pointer="/calendar_id")
    given(registered(), taken()).when(lambda p: add(p, "")).then_refused(InvalidName, pointer="/reason")
    given(registered(), taken(), retired()).when(add).then_refused(errors.ChargerRetired)


def test_an_exception_by_calendar_is_in_the_chargers_zone() -> None:
    policy = fold([registered(time_zone="America/New_York"), taken(), excepted_by_calendar()])
    assert policy is not None

    made = timeline(policy.plan, utc("2026-12-25 00:00"), utc("2026-12-27 00:00")).segments

    assert [segment.start for segment in made[1:]] == [utc("2026-12-25 05:00"), utc("2026-12-26 05:00")]
    assert made[1].cause.id == HOLIDAY


# --- rules wholly in the past -----------------------------------------------------------------------------------------


def test_a_rule_that_lies_wholly_in_the_past_is_refused_when_it_is_made_but_may_be_amended_to() -> None:
    over = rule(applies_until=Edge(on=date(2026, 11, 18)))  # the day of NOON, whose night it would be is excluded
    still_on = rule(applies_until=Edge(on=date(2026, 11, 19)))

    given(registered()).when(lambda p: p.schedule(over, now=NOON)).then_refused(
        RuleNeverOccurs, pointer="/applies_until"
    )
    given(registered()).when(lambda p: p.schedule(still_on, now=NOON)).then(scheduled(still_on))
    given(registered(), scheduled()).when(lambda p: p.amend_rule(over)).then(
        events.ModeScheduleAmended(charger_id=BAY, rule=over)
    )
    ended = rule("FREQ=DAILY;UNTIL=20261001")
    given(registered()).when(lambda p: p.schedule(ended, now=NOON)).then_refused(RuleNeverOccurs, pointer="/recurrence")
    assert over.rule_id == NIGHTS


def test_a_window_that_is_still_open_is_not_the_past() -> None:
    last_night = rule("FREQ=DAILY;UNTIL=20261117")
    in_the_night = berlin("2026-11-18 05:59")

    given(registered()).when(lambda p: p.schedule(last_night, now=in_the_night)).then(scheduled(last_night))
    given(registered()).when(lambda p: p.schedule(last_night, now=berlin("2026-11-18 06:00"))).then_refused(
        RuleNeverOccurs
    )
