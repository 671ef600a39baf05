"""Recurrences are read strictly and expanded as RFC 5545 says, whatever the horizon, without endless searches."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from itertools import islice

import dateutil.rrule
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.mode_schedule.recurrence import WEEKDAYS, Recurrence, RecurrenceInvalid
from tests.support.effort import at_most
from tests.support.lengths import Length

RECURRENCES = Length(ci=50, soak=3_000, of="recurrences")

FAR = date(2300, 1, 1)
DAY = timedelta(days=1)


def d(text: str) -> date:
    return date.fromisoformat(text)


def first_dates(recurrence: str, anchor: str, how_many: int = 5, end: date = FAR) -> list[str]:
    dates = Recurrence.parse(recurrence).dates(d(anchor), start=d(anchor), end=end)
    return [day.isoformat() for day in islice(dates, how_many)]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        "FREQ=WEEKLY;BYDAY=MO,TU",
        "freq=weekly;byday=mo,tu",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,TU;",
        " BYDAY=MO,TU;FREQ=WEEKLY ",
    ],
)
def test_spellings_of_a_recurrence_are_read_alike(spelling: str) -> None:
    assert Recurrence.parse(spelling) == Recurrence(freq="WEEKLY", by_day=((0, "MO"), (0, "TU")))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("", "1 to 500"),
        ("   ", "1 to 500"),
        ("RRULE:", "1 to 500"),
        ("FREQ=DAILY;BYMONTH=" + "1," * 300, "1 to 500"),
        ("DAILY", "NAME=VALUE"),
        ("FREQ=", "NAME=VALUE"),
        ("=DAILY", "NAME=VALUE"),
        ("FREQ=DAILY;;INTERVAL=2", "NAME=VALUE"),
        ("INTERVAL=2", "needs FREQ"),
        ("FREQ=HOURLY", "needs FREQ"),
        ("FREQ=SECONDLY", "needs FREQ"),
        ("FREQ=FORTNIGHTLY", "needs FREQ"),
        ("FREQ=DAILY;FREQ=WEEKLY", "given twice"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be a whole number"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL must be a whole number"),
        ("FREQ=DAILY;INTERVAL=1001", "INTERVAL must be a whole number"),
        ("FREQ=DAILY;INTERVAL=1.5", "INTERVAL must be a whole number"),
        ("FREQ=DAILY;INTERVAL=٣", "INTERVAL must be a whole number"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be"),
        ("FREQ=DAILY;COUNT=10001", "COUNT must be"),
        ("FREQ=DAILY;COUNT=999999999999999999999", "COUNT must be"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20261231", "COUNT and UNTIL"),
        ("FREQ=DAILY;UNTIL=20261231T000000Z", "UNTIL is"),
        ("FREQ=DAILY;UNTIL=20260231", "UNTIL is"),
        ("FREQ=DAILY;UNTIL=2026123", "UNTIL is"),
        ("FREQ=DAILY;UNTIL=2026-1-1", "UNTIL is"),
        ("FREQ=DAILY;UNTIL=00000101", "UNTIL is"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY must be"),
        ("FREQ=WEEKLY;BYDAY=MO,", "BYDAY must be"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY must be"),
        ("FREQ=MONTHLY;BYDAY=54MO", "BYDAY must be"),
        ("FREQ=MONTHLY;BYDAY=١MO", "BYDAY must be"),
        ("FREQ=WEEKLY;BYDAY=1MO", "Numbered weekdays"),
        ("FREQ=DAILY;BYDAY=-1FR", "Numbered weekdays"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY must be"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY must be"),
        ("FREQ=MONTHLY;BYMONTHDAY=-32", "BYMONTHDAY must be"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYMONTH=13", "BYMONTH must be"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYMONTH=-1", "BYMONTH must be"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "does not go with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYSETPOS=1", "picks from other"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "BYSETPOS must be"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367", "BYSETPOS must be"),
        ("FREQ=DAILY;BYDAY=MO;BYSETPOS=1", "does not go with FREQ=DAILY"),
        ("FREQ=WEEKLY;BYMONTH=1;BYSETPOS=1", "picks from weekdays"),
        ("FREQ=WEEKLY;BYDAY=MO;WKST=XX", "WKST must be"),
        ("FREQ=WEEKLY;BYDAY=MO;WKST=MO,TU", "WKST must be"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR is not supported"),
        ("FREQ=DAILY;BYEASTER=1", "BYEASTER is not supported"),
        ("FREQ=YEARLY;BYWEEKNO=20", "BYWEEKNO is not supported"),
        ("FREQ=YEARLY;BYYEARDAY=100", "BYYEARDAY is not supported"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never occurs"),
        ("FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31,-31", "never occurs"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,TU;BYSETPOS=3", "never occurs"),
    ],
)
def test_a_bad_recurrence_is_refused_with_what_to_do(bad: str, says: str) -> None:
    with pytest.raises(RecurrenceInvalid) as refusal:
        Recurrence.parse(bad)

    assert says in refusal.value.detail
    assert refusal.value.pointer == "/recurrence"
    assert len(refusal.value.detail) < 200


@given(st.text(max_size=80) | st.from_regex(r"(FREQ|BYDAY|COUNT|UNTIL|INTERVAL|BYSETPOS)=[A-Z0-9,;=+-]{0,40}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        Recurrence.parse(text)
    except RecurrenceInvalid:
        return


# --- expanding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recurrence", "anchor", "dates"),
    [
        ("FREQ=DAILY;INTERVAL=3", "2026-01-30", ["2026-01-30", "2026-02-02", "2026-02-05"]),
        ("FREQ=DAILY;BYDAY=SA,SU", "2026-01-01", ["2026-01-03", "2026-01-04", "2026-01-10"]),
        ("FREQ=DAILY;BYMONTHDAY=-1", "2028-01-01", ["2028-01-31", "2028-02-29", "2028-03-31"]),
        ("FREQ=WEEKLY", "2026-01-01", ["2026-01-01", "2026-01-08", "2026-01-15"]),
        ("FREQ=WEEKLY;BYDAY=MO,FR", "2026-01-01", ["2026-01-02", "2026-01-05", "2026-01-09"]),
        # RFC 5545, 3.3.10: the same rule with another start of the week
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO", "1997-08-05", ["1997-08-05", "1997-08-10", "1997-08-19"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", "1997-08-05", ["1997-08-05", "1997-08-17", "1997-08-19"]),
        ("FREQ=MONTHLY", "2026-01-31", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("FREQ=MONTHLY;BYDAY=1MO", "2026-01-06", ["2026-02-02", "2026-03-02", "2026-04-06"]),
        ("FREQ=MONTHLY;INTERVAL=3;BYDAY=-1FR", "2026-01-01", ["2026-01-30", "2026-04-24", "2026-07-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-15", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "2026-01-01", ["2026-02-13", "2026-03-13", "2026-11-13"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-01-31", ["2026-02-27", "2026-03-31", "2026-04-30"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2", "2026-01-02", ["2026-01-02", "2026-02-03", "2026-03-03"]),
        ("FREQ=YEARLY", "2024-02-29", ["2024-02-29", "2028-02-29", "2032-02-29"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;INTERVAL=3", "2024-01-01", ["2024-02-29", "2036-02-29", "2048-02-29"]),
        ("FREQ=YEARLY;BYMONTH=6,12", "2026-03-15", ["2026-06-15", "2026-12-15", "2027-06-15"]),
        ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", ["1997-05-19", "1998-05-18", "1999-05-17"]),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "2026-01-01", ["2026-03-29", "2027-03-28", "2028-03-26"]),
    ],
)
def test_dates_are_those_of_rfc_5545(recurrence: str, anchor: str, dates: list[str]) -> None:
    assert first_dates(recurrence, anchor, len(dates)) == dates


def test_bysetpos_counts_within_the_whole_first_week() -> None:
    # Anchored on Thursday: Monday is the week's first, so the second, Wednesday, is over and only FR (the last) is left.
    assert first_dates("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2", "2026-01-01", 2) == ["2026-01-07", "2026-01-14"]
    assert first_dates("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1,-1", "2026-01-01", 3) == [
        "2026-01-02",
        "2026-01-05",
        "2026-01-09",
    ]


def test_bysetpos_counts_from_the_week_start_that_wkst_names() -> None:
    # 2026-01-04 is a Sunday: with WKST=SU it is the first of MO,SU in its week, with WKST=MO the last.
    assert first_dates("FREQ=WEEKLY;BYDAY=MO,SU;BYSETPOS=1;WKST=SU", "2026-01-01", 2) == ["2026-01-04", "2026-01-11"]
    assert first_dates("FREQ=WEEKLY;BYDAY=MO,SU;BYSETPOS=1;WKST=MO", "2026-01-01", 2) == ["2026-01-05", "2026-01-12"]


def test_bysetpos_in_every_second_week_keeps_the_anchors_weeks() -> None:
    dates = first_dates("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU;BYSETPOS=-1", "2026-01-01", 2)

    assert dates == ["2026-01-13", "2026-01-27"]


def test_count_counts_dates_from_the_anchor_whatever_is_asked_for() -> None:
    counted = Recurrence.parse("FREQ=DAILY;COUNT=3")

    assert list(counted.dates(d("2026-01-01"), start=d("2026-01-03"), end=FAR)) == [d("2026-01-03")]
    assert list(counted.dates(d("2026-01-01"), start=d("2026-01-04"), end=FAR)) == []


def test_until_is_the_last_date_included() -> None:
    assert first_dates("FREQ=DAILY;UNTIL=20260102", "2026-01-01") == ["2026-01-01", "2026-01-02"]


def test_no_date_lies_before_the_anchor() -> None:
    dates = Recurrence.parse("FREQ=MONTHLY;BYMONTHDAY=1,15").dates(
        d("2026-01-10"), start=d("2025-01-01"), end=d("2026-02-01")
    )

    assert list(dates) == [d("2026-01-15"), d("2026-02-01")]


def test_both_ends_of_what_is_asked_for_are_included() -> None:
    daily = Recurrence.parse("FREQ=DAILY")

    assert list(daily.dates(d("2026-01-01"), start=d("2026-02-01"), end=d("2026-02-02"))) == [
        d("2026-02-01"),
        d("2026-02-02"),
    ]
    assert list(daily.dates(d("2026-01-01"), start=d("2026-02-02"), end=d("2026-02-01"))) == []


# --- against a reading of its own -------------------------------------------------------------------------------------


@st.composite
def recurrences(draw: st.DrawFn) -> str:
    """Any combination that is not refused."""
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    plain = st.sampled_from(WEEKDAYS)
    numbered = st.tuples(st.sampled_from(["", "1", "2", "5", "-1", "-3"]), plain).map("".join)
    days = draw(st.lists(numbered if freq in ("MONTHLY", "YEARLY") else plain, max_size=4))
    month_days = draw(st.lists(st.integers(-31, 31).filter(bool), max_size=3)) if freq != "WEEKLY" else []
    months = draw(st.lists(st.integers(1, 12), max_size=3))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 4))}", f"WKST={draw(plain)}"]
    parts += [f"BYDAY={','.join(days)}"] * bool(days) + [f"BYMONTHDAY={','.join(map(str, month_days))}"] * bool(
        month_days
    )
    parts += [f"BYMONTH={','.join(map(str, months))}"] * bool(months)
    if days and freq != "DAILY" and draw(st.booleans()):
        parts.append(f"BYSETPOS={draw(st.sampled_from(['1', '2', '-1', '1,-1', '3,-2']))}")
    if draw(st.booleans()):
        parts.append(f"COUNT={draw(st.integers(1, 30))}")
    elif draw(st.booleans()):
        parts.append(f"UNTIL={draw(st.dates(d('2020-01-01'), d('2026-01-01'))):%Y%m%d}")
    return ";".join(parts)


def parsed_or_none(recurrence: str) -> Recurrence | None:
    try:
        return Recurrence.parse(recurrence)
    except RecurrenceInvalid:
        return None  # a 31st in April alone, and the like


def slowly(r: Recurrence, anchor: date, end: date) -> list[date]:
    """Day by day from the beginning of the anchor's own period: the text of RFC 5545, without any arithmetic of rules."""
    week_start = WEEKDAYS.index(r.week_start)

    def period(day: date) -> int:
        match r.freq:
            case "DAILY":
                return day.toordinal()
            case "WEEKLY":
                return (day - timedelta(days=(day.weekday() - week_start) % 7)).toordinal() // 7
            case "MONTHLY":
                return day.year * 12 + day.month
            case _:
                return day.year

    def numbered_days(day: date) -> set[tuple[int, str]]:
        """Which BYDAY entries name this day."""
        name = WEEKDAYS[day.weekday()]
        if r.freq == "YEARLY" and not r.by_month:
            first, last = date(day.year, 1, 1), date(day.year, 12, 31)
        else:
            first, last = day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
        return {(0, name), ((day - first).days // 7 + 1, name), (-((last - day).days // 7) - 1, name)}

    def fits(day: date) -> bool:
        length = monthrange(day.year, day.month)[1]
        if r.by_month and day.month not in r.by_month:
            return False
        if not r.by_day and not r.by_month_day:
            match r.freq:
                case "DAILY":
                    return True
                case "WEEKLY":
                    return day.weekday() == anchor.weekday()
                case "MONTHLY":
                    return day.day == anchor.day
                case _:
                    return day.day == anchor.day and (bool(r.by_month) or day.month == anchor.month)
        return (not r.by_month_day or not {day.day, day.day - length - 1}.isdisjoint(r.by_month_day)) and (
            not r.by_day or not numbered_days(day).isdisjoint(r.by_day)
        )

    sets: dict[int, list[date]] = {}
    day = date(anchor.year - 1, 1, 1)
    while day <= date(end.year + 1, 12, 31):
        if (period(day) - period(anchor)) % r.interval == 0 and fits(day):
            sets.setdefault(period(day), []).append(day)
        day += DAY
    picked = []
    for days in sets.values():
        chosen = {days[p - 1 if p > 0 else p] for p in r.by_set_pos if abs(p) <= len(days)} if r.by_set_pos else days
        picked += sorted(chosen)
    picked = [day for day in picked if day >= anchor][: r.count]
    return [day for day in picked if day <= end and (r.until is None or day <= r.until)]


@pytest.mark.soak(RECURRENCES)
@hypothesis.settings(max_examples=RECURRENCES.count)
@given(recurrences(), st.dates(d("2020-01-01"), d("2023-12-31")), st.integers(0, 700), st.integers(0, 200))
def test_dates_agree_with_a_slow_reading_and_do_not_depend_on_where_expanding_begins(
    text: str, anchor: date, skip: int, length: int
) -> None:
    recurrence = parsed_or_none(text)
    if recurrence is None:
        return
    start = anchor + timedelta(days=skip)
    end = start + timedelta(days=length)

    from_the_anchor = slowly(recurrence, anchor, end)

    assert list(recurrence.dates(anchor, start=anchor, end=end)) == from_the_anchor
    assert list(recurrence.dates(anchor, start=start, end=end)) == [day for day in from_the_anchor if day >= start]


# --- no endless search ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recurrence", "anchor"),
    [
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "2026-01-05"),
        ("FREQ=DAILY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;UNTIL=20260301", "2026-01-05"),
        ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1", "2026-01-05"),
        ("FREQ=MONTHLY;BYDAY=6MO", "2026-01-05"),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTH=2;BYMONTHDAY=3", "2026-01-05"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6", "2026-01-05"),
        ("FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29", "2025-01-05"),
        ("FREQ=YEARLY;BYMONTH=2;BYDAY=6MO", "2025-01-05"),
        ("FREQ=YEARLY;INTERVAL=4", "2400-02-29"),
        ("FREQ=WEEKLY;INTERVAL=773;BYMONTH=5", "2026-01-05"),
    ],
)
def test_dates_of_an_empty_range_ask_dateutil_for_at_most_one_period_of_each_shape(
    recurrence: str, anchor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    periods = 0
    rebuild = dateutil.rrule._iterinfo.rebuild

    def counted(*args: object) -> None:
        nonlocal periods
        periods += 1
        rebuild(*args)

    monkeypatch.setattr(dateutil.rrule._iterinfo, "rebuild", counted)
    start = d(anchor) + timedelta(days=366)

    assert list(Recurrence.parse(recurrence).dates(d(anchor), start=start, end=start + timedelta(days=400))) == []
    assert periods <= 2 * 53  # of weeks: the next one with a date is within a year


@pytest.mark.parametrize(
    "recurrence",
    [
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;COUNT=10000",
        "FREQ=WEEKLY;BYMONTH=2;COUNT=10000",
        "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYDAY=5MO;BYSETPOS=2",
        "FREQ=YEARLY;BYDAY=53MO;BYMONTHDAY=1;COUNT=10000",
    ],
)
def test_dates_of_forty_years_take_a_bounded_number_of_steps(recurrence: str) -> None:
    anchor = d("2026-01-05")  # a Monday

    with at_most(calls=80_000):
        list(Recurrence.parse(recurrence).dates(anchor, start=anchor, end=d("2066-01-05")))


@pytest.mark.parametrize(
    ("recurrence", "occurs"),
    [
        ("FREQ=MONTHLY;BYDAY=5MO;BYSETPOS=2", False),
        ("FREQ=MONTHLY;BYDAY=5MO;BYSETPOS=1", True),
        ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1", False),
        ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=29", True),
        ("FREQ=MONTHLY;BYMONTH=2;BYDAY=5MO", True),  # in leap years whose February begins on a Monday
        ("FREQ=MONTHLY;BYDAY=6MO", False),
        ("FREQ=YEARLY;BYMONTH=2;BYDAY=6MO", False),
        ("FREQ=YEARLY;BYDAY=53MO", True),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", True),
        ("FREQ=YEARLY;BYMONTHDAY=31;BYSETPOS=8", False),
        ("FREQ=YEARLY;BYMONTHDAY=31;BYSETPOS=7", True),
        ("FREQ=WEEKLY;BYMONTH=2;BYDAY=MO,TU;BYSETPOS=2", True),
        ("FREQ=DAILY;BYMONTHDAY=31;BYDAY=MO", True),
    ],
)
def test_can_occur_says_whether_any_month_or_year_has_a_date(recurrence: str, occurs: bool) -> None:
    assert Recurrence.parse(recurrence).can_occur(d("2026-01-05")) is occurs
