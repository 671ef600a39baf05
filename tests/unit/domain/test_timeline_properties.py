"""For any plan in any zone: the timeline is whole, and agrees with a slow reading of each minute."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import ActorId, ExceptionId, OverrideId, ReservationId, RuleId
from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.domain.mode_schedule.rules import Edge, ModeRule
from access_policy.domain.mode_schedule.timeline import (
    ModeException,
    ModePlan,
    NarrowedWindow,
    Override,
    ReservedWindow,
    expected_at,
    next_transition,
    timeline,
)
from access_policy.domain.site_energy.gate import GateLevel
from tests.support.lengths import Length
from tests.unit.domain.minute_reference import DateTest, Reference, clock_changes

PLANS = Length(ci=20, soak=4_000, of="plans")

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # offset of half an hour; until 2011 its clock changed at 00:01, back into the evening before
    "Australia/Lord_Howe",  # changes by half an hour
    "Africa/Cairo",  # changes at midnight, and in some years not at all
    "America/Havana",  # changes at midnight
    "America/Sao_Paulo",  # changed at midnight until 2019
    "Africa/Casablanca",  # goes back for Ramadan
    "Pacific/Apia",  # skipped 30 December 2011
    "Asia/Kathmandu",  # offset of 5:45
    "UTC",
)
YEARS = (2010, 2011, 2018, 2024, 2026, 2027)
CHANGES = clock_changes(ZONES, YEARS)
DAYS = 3  # of the horizon
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)

modes = st.sampled_from(AccessMode)
awkward = st.sampled_from(["00:00", "00:01", "00:30", "01:00", "01:30", "02:00", "02:30", "03:00", "12:00", "23:30"])
clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59)) | awkward.map(time.fromisoformat)


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and the start of a horizon: mostly around one of the zone's clock changes."""
    if draw(st.integers(0, 4)):
        key, change = draw(st.sampled_from(CHANGES))
    else:
        key = draw(st.sampled_from(ZONES))
        change = datetime(2026, 1, 1, tzinfo=UTC) + draw(st.integers(0, 700)) * DAY
    return key, (change - draw(st.integers(0, 48 * 60)) * MINUTE).astimezone(UTC)


@st.composite
def recurrences(draw: st.DrawFn, anchor: date) -> tuple[str, DateTest]:
    """An RRULE and, written independently, whether it meets a date on or after the anchor."""
    n = draw(st.integers(1, 3))
    match draw(st.integers(0, 4)):
        case 0:
            return f"FREQ=DAILY;INTERVAL={n}", lambda day: (day - anchor).days % n == 0
        case 1:
            names = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True))
            monday = anchor - anchor.weekday() * DAY
            return (
                f"FREQ=WEEKLY;INTERVAL={n};BYDAY={','.join(names)}",
                lambda day: WEEKDAYS[day.weekday()] in names and (day - monday).days // 7 % n == 0,
            )
        case 2:
            numbers = draw(st.lists(st.integers(1, 31), min_size=1, max_size=8))
            return f"FREQ=MONTHLY;BYMONTHDAY={','.join(map(str, numbers))}", lambda day: day.day in numbers
        case 3:
            return (
                "FREQ=MONTHLY;BYDAY=-1SU",
                lambda day: day.weekday() == 6 and day.day + 7 > monthrange(day.year, day.month)[1],
            )
        case _:
            last = anchor + draw(st.integers(0, 12)) * DAY
            return f"FREQ=DAILY;UNTIL={last:%Y%m%d}", lambda day: day <= last


@st.composite
def narrowings(draw: st.DrawFn, start: datetime) -> list[NarrowedWindow]:
    windows = []
    at = start + draw(st.integers(-1440, 1440)) * MINUTE
    for _ in range(draw(st.integers(0, 3))):
        begins = at + draw(st.sampled_from([0, 0, 1, 30, 600])) * MINUTE
        at = begins + draw(st.integers(1, 900)) * MINUTE
        level = draw(st.sampled_from([GateLevel.OWN_AND_AGREEMENT, GateLevel.OWN_ONLY]))
        windows.append(NarrowedWindow(starts_at=begins, ends_at=at, level=level))
    return windows


@st.composite
def plans(draw: st.DrawFn) -> tuple[ModePlan, Reference]:
    key, start = draw(moments())
    end = start + draw(st.integers(1, DAYS * 24 * 60)) * MINUTE
    today = start.astimezone(ZoneInfo(key)).date()
    near = st.integers(-5, DAYS + 2).map(lambda days: today + days * DAY)
    minutes = st.integers(-3 * 1440, (DAYS + 1) * 1440).map(lambda m: start + m * MINUTE)
    edges = st.none() | st.builds(Edge, on=near) | st.builds(Edge, at=minutes)
    rules: dict[RuleId, ModeRule] = {}
    recurs: dict[str, DateTest] = {}
    for name in draw(st.lists(st.sampled_from("abcd"), max_size=4, unique=True)):
        anchor = today - draw(st.integers(0, 10)) * DAY
        recurrence, recurs[name] = draw(recurrences(anchor))
        starts, ends = draw(clocks), draw(clocks)
        rules[RuleId(name)] = ModeRule(
            rule_id=RuleId(name),
            name=name,
            mode=draw(modes),
            recurrence=recurrence,
            start=starts,
            end=ends,
            end_day_offset=draw(st.integers(1 if ends <= starts else 0, 2)),
            anchor=anchor,
            time_zone=draw(st.none() | st.sampled_from([key, "UTC", "Asia/Kathmandu"])),
            applies_from=draw(edges),
            applies_until=draw(edges),
            priority=draw(st.integers(-1, 1)),
            except_dates=frozenset(draw(st.lists(near, max_size=2))),
            extra_dates=frozenset(draw(st.lists(near, max_size=2))),
        )
    exceptions, overrides = {}, {}
    for made in range(draw(st.integers(0, 2))):
        first = draw(near)
        exceptions[ExceptionId(f"e{made}")] = ModeException(
            exception_id=ExceptionId(f"e{made}"),
            first=first,
            last=first + draw(st.integers(0, 2)) * DAY,
            mode=draw(modes),
            reason="",
            made=made,
        )
    for made in range(draw(st.integers(0, 3))):
        starts_at = draw(minutes)
        overrides[OverrideId(f"o{made}")] = Override(
            override_id=OverrideId(f"o{made}"),
            mode=draw(modes),
            starts_at=starts_at,
            ends_at=starts_at + draw(st.integers(1, 2 * 1440)) * MINUTE,
            reason="",
            made_by=ActorId("anna"),
            made=made,
        )
    reservations = []
    for number in range(draw(st.integers(0, 2))):
        starts_at = draw(minutes)
        reservations.append(
            ReservedWindow(
                reservation_id=ReservationId(f"r{number}"),
                starts_at=starts_at,
                ends_at=starts_at + draw(st.integers(1, 600)) * MINUTE,
                made_at=starts_at,
            )
        )
    plan = ModePlan(
        time_zone=key,
        baseline=draw(modes),
        rules=rules,
        exceptions=exceptions,
        overrides=overrides,
        reservations=reservations,
        narrowed=draw(narrowings(start)),
    )
    return plan, Reference(plan, recurs, start, end)


@pytest.mark.soak(PLANS)
@hypothesis.settings(max_examples=PLANS.count)
@given(plans())
def test_the_timeline_is_whole_and_agrees_with_each_minute(drawn: tuple[ModePlan, Reference]) -> None:
    plan, reference = drawn

    made = timeline(plan, reference.start, reference.end)

    segments = made.segments
    assert segments[0].start == made.start == reference.start
    assert segments[-1].end == made.end == reference.end
    assert all(s.start < s.end for s in segments)
    assert all(before.end == after.start for before, after in pairwise(segments))
    assert all((before.mode, before.cause) != (after.mode, after.cause) for before, after in pairwise(segments))
    told = [(s.mode, str(s.cause.kind), s.cause.id) for s in segments for _ in range((s.end - s.start) // MINUTE)]
    assert told == reference.answers()


@given(plans(), st.integers(0, DAYS * 24 * 60))
def test_all_questions_are_answered_from_the_same_timeline(drawn: tuple[ModePlan, Reference], minute: int) -> None:
    plan, reference = drawn
    made = timeline(plan, reference.start, reference.end)
    instant = min(reference.start + minute * MINUTE, reference.end - MINUTE)

    segment = made.at(instant)
    expected = expected_at(plan, instant)
    following = next_transition(plan, instant, horizon=reference.end - instant)

    assert segment in made.segments
    assert segment.start <= instant < segment.end
    assert (expected.mode, expected.cause) == (segment.mode, segment.cause)
    assert expected.start <= segment.start
    assert segment.end <= expected.end
    changes = [after for before, after in pairwise(made.segments) if before.mode is not after.mode]
    assert list(made.transitions(instant)) == [after for after in changes if after.start > instant]
    first = next(made.transitions(instant), None)
    assert (following and (following.start, following.mode)) == (first and (first.start, first.mode))


@given(plans(), st.integers(1, DAYS * 24 * 60))
def test_a_part_of_the_horizon_tells_the_same(drawn: tuple[ModePlan, Reference], minute: int) -> None:
    plan, reference = drawn
    whole = timeline(plan, reference.start, reference.end)
    begin = min(reference.start + minute * MINUTE, reference.end - MINUTE)

    part = timeline(plan, begin, reference.end)

    assert [(s.end, s.mode, s.cause) for s in part.segments] == [
        (s.end, s.mode, s.cause) for s in whole.segments if s.end > begin
    ]


def test_the_clock_changes_of_the_zones_are_looked_at() -> None:
    zones = {zone for zone, _ in CHANGES}

    assert zones == set(ZONES) - {"Asia/Kathmandu", "UTC"}
    assert len(CHANGES) > 80
