"""A mode rule's windows as instants, and the rules that are refused because they could never mean anything."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from access_policy.domain.errors import Refused
from access_policy.domain.instants import InstantOutOfRange, NaiveInstant
from access_policy.domain.mode_schedule import rules
from access_policy.domain.mode_schedule.recurrence import RecurrenceInvalid
from access_policy.domain.mode_schedule.rules import (
    Edge,
    ModeRule,
    RuleEndsBeforeItStarts,
    RuleInvalid,
    RuleNeverOccurs,
    RuleOverlapsItself,
    local_instant,
)
from tests.support.builders import BERLIN, DAY, HOUR, MINUTE, berlin, rule, utc
from tests.support.effort import at_most


def windows(
    mode_rule: ModeRule, start: datetime, end: datetime, zone: ZoneInfo = BERLIN
) -> list[tuple[datetime, datetime]]:
    return [(w.start, w.end) for w in mode_rule.windows(zone, start, end)]


def dates(*texts: str) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)


# --- local time and clock changes -------------------------------------------------------------------------------------


def test_a_local_time_in_the_gap_is_read_with_the_offset_before_it() -> None:
    spring = date(2026, 3, 29)

    assert local_instant(spring, time(2, 30), BERLIN) == local_instant(spring, time(3, 30), BERLIN)
    assert local_instant(spring, time(2, 30), BERLIN) == utc("2026-03-29 01:30")


def test_a_local_time_that_occurs_twice_is_its_first_occurrence() -> None:
    assert local_instant(date(2026, 10, 25), time(2, 30), BERLIN) == utc("2026-10-25 00:30")


@pytest.mark.parametrize(
    ("night", "hours"), [("2026-03-27", 8), ("2026-03-28", 7), ("2026-10-23", 8), ("2026-10-24", 9)]
)
def test_a_night_of_a_clock_change_is_shorter_or_longer_in_real_time(night: str, hours: int) -> None:
    [(start, end)] = windows(
        rule(extra_dates=dates(night), recurrence="FREQ=YEARLY;UNTIL=20260101"),
        berlin(f"{night} 12:00"),
        berlin(f"{night} 12:00") + DAY,
    )

    assert start == berlin(f"{night} 22:00")
    assert end - start == hours * HOUR


def test_a_window_that_the_clock_change_leaves_no_time_is_left_out() -> None:
    in_the_gap = rule(start="02:30", end="03:00")

    assert windows(in_the_gap, berlin("2026-03-29 00:00"), berlin("2026-03-30 00:00")) == []
    assert len(windows(in_the_gap, berlin("2026-03-28 00:00"), berlin("2026-03-29 00:00"))) == 1


def test_a_weekend_runs_from_friday_evening_to_monday_morning() -> None:
    weekend = rule("FREQ=WEEKLY;BYDAY=FR", "18:00", "06:00", end_day_offset=3)

    assert windows(weekend, berlin("2026-11-22 12:00"), berlin("2026-11-22 13:00")) == [
        (berlin("2026-11-20 18:00"), berlin("2026-11-23 06:00"))
    ]


# --- which windows meet a horizon -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "meets"),
    [
        ("2026-11-19 06:00", "2026-11-19 22:00", False),  # from the end of one to the start of the next
        ("2026-11-19 05:59", "2026-11-19 06:30", True),
        ("2026-11-19 21:00", "2026-11-19 22:01", True),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(start: str, end: str, meets: bool) -> None:
    assert bool(windows(rule(), berlin(start), berlin(end))) is meets


def test_windows_keep_their_true_ends_beyond_the_horizon() -> None:
    assert windows(rule(), berlin("2026-11-19 23:00"), berlin("2026-11-19 23:01")) == [
        (berlin("2026-11-19 22:00"), berlin("2026-11-20 06:00"))
    ]


def test_a_window_is_found_across_a_local_day_that_was_skipped() -> None:
    apia = ZoneInfo("Pacific/Apia")  # went from 29 to 31 December 2011
    nightly = rule("FREQ=DAILY", "22:00", "06:00", anchor=date(2011, 12, 1))
    early_on_the_31st = datetime(2011, 12, 31, 3, tzinfo=apia).astimezone(UTC)

    assert [w.began_on for w in nightly.windows(apia, early_on_the_31st, early_on_the_31st + MINUTE)] == [
        date(2011, 12, 29)
    ]


def test_the_rules_zone_decides_what_its_clock_shows() -> None:
    assert windows(rule(), utc("2026-11-19 12:00"), utc("2026-11-20 00:00"), ZoneInfo("Asia/Kathmandu")) == [
        (utc("2026-11-19 16:15"), utc("2026-11-20 00:15"))
    ]


# --- period, exception and extra dates --------------------------------------------------------------------------------


def test_a_date_in_applies_until_is_excluded_and_cuts_a_running_window_at_its_midnight() -> None:
    until = rule(applies_until=Edge(on=date(2026, 11, 20)))

    assert windows(until, berlin("2026-11-19 12:00"), berlin("2026-11-22 12:00")) == [
        (berlin("2026-11-19 22:00"), berlin("2026-11-20 00:00"))
    ]


def test_a_date_in_applies_from_begins_at_its_midnight_within_a_running_window() -> None:
    since = rule(applies_from=Edge(on=date(2026, 11, 20)))

    assert windows(since, berlin("2026-11-18 12:00"), berlin("2026-11-20 12:00")) == [
        (berlin("2026-11-20 00:00"), berlin("2026-11-20 06:00"))
    ]


def test_instants_cut_a_window_to_the_minute() -> None:
    edges = {"applies_from": Edge(at=berlin("2026-11-19 23:17")), "applies_until": Edge(at=berlin("2026-11-20 01:03"))}

    assert windows(rule(**edges), berlin("2026-11-01 00:00"), berlin("2026-12-01 00:00")) == [
        (berlin("2026-11-19 23:17"), berlin("2026-11-20 01:03"))
    ]


def test_exception_dates_are_left_out_and_extra_dates_added_once() -> None:
    weekly = rule(
        "FREQ=WEEKLY;BYDAY=MO",
        except_dates=dates("2026-11-16"),
        extra_dates=dates("2026-11-18", "2026-11-23", "2025-12-30"),
    )

    began_on = list(weekly.dates(date(2026, 11, 1), date(2026, 11, 30)))

    assert began_on == [date(2026, 11, day) for day in (2, 9, 18, 23, 30)]


# --- what is refused --------------------------------------------------------------------------------------------------


def refused(error: type[Refused], pointer: str, **changes: Any) -> str:
    with pytest.raises(error) as refusal:
        rule(**changes).check(BERLIN)
    assert type(refusal.value) is error
    assert refusal.value.pointer == pointer
    return refusal.value.detail


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start": "00:00", "end": "00:00"},  # a whole day, every day: windows touch and do not overlap
        {"recurrence": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"},
        {"recurrence": "FREQ=WEEKLY;BYDAY=FR", "end_day_offset": 3},
        {"recurrence": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"},
        {"recurrence": "FREQ=MONTHLY;BYMONTHDAY=1", "end_day_offset": 28, "start": "12:00", "end": "12:00"},
        {"applies_from": Edge(on=date(2026, 5, 1)), "applies_until": Edge(on=date(2026, 5, 2))},
        {"applies_until": Edge(at=berlin("2026-01-01 22:01"))},
        {"recurrence": "FREQ=DAILY;UNTIL=20250101", "extra_dates": dates("2026-06-01")},
        {"extra_dates": dates("2025-06-01")},  # before the anchor
        {"priority": -1_000_000},
    ],
)
def test_a_rule_that_can_be_meant_is_taken(changes: dict[str, Any]) -> None:
    rule(**changes).check(BERLIN)


def test_an_end_that_is_not_after_its_start_on_the_same_day_is_refused() -> None:
    assert "leave out end_day_offset" in refused(RuleEndsBeforeItStarts, "/end", end_day_offset=0)
    refused(RuleEndsBeforeItStarts, "/end", start="08:00", end="08:00", end_day_offset=0)


@pytest.mark.parametrize(
    ("applies_from", "applies_until"),
    [
        (Edge(on=date(2026, 5, 2)), Edge(on=date(2026, 5, 1))),
        (Edge(on=date(2026, 5, 1)), Edge(on=date(2026, 5, 1))),
        (Edge(at=berlin("2026-05-01 00:00")), Edge(on=date(2026, 5, 1))),
    ],
)
def test_a_period_that_ends_before_it_begins_is_refused(applies_from: Edge, applies_until: Edge) -> None:
    refused(RuleEndsBeforeItStarts, "/applies_until", applies_from=applies_from, applies_until=applies_until)


@pytest.mark.parametrize(
    "changes",
    [
        {"recurrence": "FREQ=DAILY;UNTIL=20251231"},
        {"recurrence": "FREQ=DAILY;INTERVAL=7;BYDAY=TU", "anchor": date(2026, 1, 5)},
        {"recurrence": "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1"},
        {"recurrence": "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29", "anchor": date(2027, 1, 1)},
        {"recurrence": "FREQ=YEARLY;INTERVAL=1000", "applies_from": Edge(on=date(2026, 1, 3))},
        {"applies_until": Edge(on=date(2026, 1, 1))},
        {"applies_until": Edge(at=berlin("2026-01-01 22:00"))},
        {"recurrence": "FREQ=DAILY;COUNT=2", "except_dates": dates("2026-01-01", "2026-01-02")},
        {"recurrence": "FREQ=DAILY;COUNT=1", "start": "02:30", "end": "03:00", "anchor": date(2026, 3, 29)},
    ],
)
def test_a_rule_that_never_occurs_is_refused(changes: dict[str, Any]) -> None:
    assert "never occurs" in refused(RuleNeverOccurs, "/recurrence", **changes)


def test_an_unreadable_recurrence_is_refused() -> None:
    refused(RecurrenceInvalid, "/recurrence", recurrence="FREQ=SOMETIMES")


@pytest.mark.parametrize(
    ("recurrence", "start", "end", "offset"),
    [
        ("FREQ=DAILY", "22:00", "22:01", 1),
        ("FREQ=WEEKLY;BYDAY=MO,WE", "12:00", "12:01", 2),
        ("FREQ=MONTHLY;BYMONTHDAY=1", "00:00", "00:01", 28),  # too long in February only
        ("FREQ=DAILY;INTERVAL=31", "00:00", "00:01", 31),
    ],
)
def test_a_window_still_open_when_the_next_one_starts_is_refused(
    recurrence: str, start: str, end: str, offset: int
) -> None:
    refused(RuleOverlapsItself, "/end_day_offset", recurrence=recurrence, start=start, end=end, end_day_offset=offset)


def test_an_extra_date_within_another_window_is_refused_however_late_it_lies() -> None:
    weekend = {"recurrence": "FREQ=WEEKLY;BYDAY=FR", "start": "18:00", "end": "06:00", "end_day_offset": 3}

    detail = refused(RuleOverlapsItself, "/end_day_offset", extra_dates=dates("2064-11-22"), **weekend)

    assert "2064-11-21" in detail


@pytest.mark.parametrize(
    ("extra", "period", "lost"),
    [
        ("2026-04-30", {"applies_from": Edge(on=date(2026, 5, 1))}, False),  # its night runs into the period
        ("2026-04-29", {"applies_from": Edge(on=date(2026, 5, 1))}, True),
        ("2026-05-01", {"applies_from": Edge(at=berlin("2026-05-02 05:59"))}, False),
        ("2026-05-01", {"applies_from": Edge(at=berlin("2026-05-02 06:00"))}, True),
        ("2026-04-30", {"applies_until": Edge(on=date(2026, 5, 1))}, False),
        ("2026-05-01", {"applies_until": Edge(on=date(2026, 5, 1))}, True),
        ("2026-05-01", {"applies_until": Edge(at=berlin("2026-05-01 22:01"))}, False),
        ("2026-05-01", {"applies_until": Edge(at=berlin("2026-05-01 22:00"))}, True),
    ],
)
def test_an_extra_date_that_the_period_would_swallow_is_refused(extra: str, period: dict[str, Any], lost: bool) -> None:
    if lost:
        assert extra in refused(RuleNeverOccurs, "/extra_dates", extra_dates=dates(extra), **period)
    else:
        rule(extra_dates=dates(extra), **period).check(BERLIN)


@pytest.mark.parametrize(
    ("error", "pointer", "changes"),
    [
        (RuleInvalid, "/end_day_offset", {"end_day_offset": -1}),
        (RuleInvalid, "/end_day_offset", {"end_day_offset": 32}),
        (RuleInvalid, "/priority", {"priority": 1_000_001}),
        (RuleInvalid, "/priority", {"priority": -1_000_001}),
        (InstantOutOfRange, "/extra_dates", {"extra_dates": frozenset({date.min})}),
        (InstantOutOfRange, "/except_dates", {"except_dates": frozenset({date.max})}),
        (InstantOutOfRange, "/applies_from", {"anchor": date.max}),
        (InstantOutOfRange, "/applies_from", {"anchor": date.min}),
        (InstantOutOfRange, "/applies_until", {"applies_until": Edge(on=date.max)}),
        (InstantOutOfRange, "/applies_from", {"applies_from": Edge(at=datetime.max.replace(tzinfo=UTC))}),
        (NaiveInstant, "/applies_until", {"applies_until": Edge(at=datetime(2026, 5, 1))}),  # noqa: DTZ001
    ],
)
def test_what_no_schedule_can_mean_is_refused(error: type[Refused], pointer: str, changes: dict[str, Any]) -> None:
    refused(error, pointer, **changes)


def test_a_rule_names_a_limited_number_of_dates() -> None:
    many = frozenset(date(2027, 1, 1) + timedelta(days=i) for i in range(rules.DATES_MAX + 1))

    refused(RuleInvalid, "/extra_dates", extra_dates=many, recurrence="FREQ=YEARLY")
    rule(recurrence="FREQ=YEARLY", extra_dates=many - {max(many)}).check(BERLIN)


# --- bounded work -----------------------------------------------------------------------------------------------------

NEVER = ["FREQ=MONTHLY;BYDAY=5MO;BYSETPOS=2", "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1", "FREQ=YEARLY;BYMONTH=2;BYDAY=6MO"]


@pytest.mark.parametrize("recurrence", NEVER)
@pytest.mark.parametrize("extra", [(), ("2026-12-01",)])
def test_check_of_a_recurrence_without_any_date_refuses_it_in_a_bounded_number_of_steps(
    recurrence: str, extra: tuple[str, ...]
) -> None:
    never = rule(recurrence=recurrence, extra_dates=dates(*extra))

    with at_most(calls=8_000), pytest.raises(RuleNeverOccurs) as refused:
        never.check(BERLIN)

    assert refused.value.pointer == "/recurrence"


def test_check_of_a_rule_whose_interval_misses_every_date_refuses_it_in_a_bounded_number_of_steps() -> None:
    missed = rule(recurrence="FREQ=DAILY;INTERVAL=7;BYDAY=TU", anchor=date(2026, 1, 5))  # a Monday

    with at_most(calls=16_000), pytest.raises(RuleNeverOccurs):
        missed.check(BERLIN)


def test_check_of_a_rule_that_names_extra_dates_only_accepts_it() -> None:
    rule(recurrence="FREQ=YEARLY;UNTIL=20260101", extra_dates=dates("2026-12-01")).check(BERLIN)


@pytest.mark.parametrize("recurrence", NEVER)
def test_windows_of_a_stored_rule_without_any_date_take_a_bounded_number_of_steps(recurrence: str) -> None:
    """Such a rule was accepted with extra dates once, and is compiled on the decision path."""
    stored = rule(recurrence=recurrence, extra_dates=dates("2026-12-01"))
    start = utc("2031-03-01 00:00")

    with at_most(calls=1_000):
        assert windows(stored, start, start + 60 * DAY) == []
