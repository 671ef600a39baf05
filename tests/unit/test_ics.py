"""Holiday calendars from .ics files: which days an event becomes, and what is said about a file that cannot be read."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from access_policy.adapters.ics import EVENTS_MAX, IcsCalendar, IcsInvalid, read_ics
from access_policy.domain.mode_schedule.calendars import ENTRIES_MAX
from tests.support.builders import BERLIN

HONOLULU = ZoneInfo("Pacific/Honolulu")
ZONES = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:16010101T000000
RRULE:FREQ=SECONDLY
TZOFFSETFROM:+0900
TZOFFSETTO:+0900
END:STANDARD
END:VTIMEZONE"""


def ics(*events: str, header: str = "X-WR-CALNAME:Feiertage Bayern") -> bytes:
    """Each event is the lines of a VEVENT, separated by a space where no value holds one."""
    body = "".join(f"BEGIN:VEVENT\nUID:{n}\n{event.strip()}\nEND:VEVENT\n" for n, event in enumerate(events, 1))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{header}\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def event(*lines: str, summary: str = "Day off") -> str:
    return "\n".join((*lines, f"SUMMARY:{summary}"))


def days(*events: str, zone: ZoneInfo = BERLIN, first: int = 2026, last: int = 2028) -> list[str]:
    read = read_ics(ics(*events), zone, first, last)
    return [str(d.first) if d.first == d.last else f"{d.first}..{d.last}" for d in sorted(read.days)]


def refused(content: bytes, first: int = 2026, last: int = 2028) -> str:
    with pytest.raises(IcsInvalid) as refusal:
        read_ics(content, BERLIN, first, last)
    return refusal.value.detail


def test_a_calendar_has_its_name_its_days_and_their_reasons() -> None:
    read = read_ics(ics(event("DTSTART;VALUE=DATE:20261225", summary="Weihnachten\\, 1. Tag")), BERLIN, 2026, 2026)

    assert read.name == "Feiertage Bayern"
    assert [(str(day.first), day.reason) for day in read.days] == [("2026-12-25", "Weihnachten, 1. Tag")]
    assert read.left_out == 0


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261227"], ["2026-12-25..2026-12-26"]),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261225"], ["2026-12-25"]),
        (["DTSTART;VALUE=DATE:20261225", "DURATION:P3D"], ["2026-12-25..2026-12-27"]),
        (["DTSTART;TZID=Europe/Berlin:20261225T220000", "DTEND;TZID=Europe/Berlin:20261226T000000"], ["2026-12-25"]),
        (["DTSTART:20261225T230000Z", "DURATION:PT2H"], ["2026-12-26"]),  # midnight in Berlin
        (["DTSTART:20261225T200000Z"], ["2026-12-25"]),
        (["DTSTART:20261225T200000", "DURATION:PT8H"], ["2026-12-25..2026-12-26"]),  # on the depot's own clock
        (["DTSTART;TZID=W. Europe Standard Time:20261225T100000"], ["2026-12-25"]),
    ],
)
def test_an_event_becomes_the_days_that_it_touches_at_the_depot(lines: list[str], expected: list[str]) -> None:
    assert days(event(*lines)) == expected


def test_an_event_of_another_zone_may_lie_on_another_day_at_the_depot() -> None:
    new_year = event("DTSTART;TZID=Europe/Berlin:20270101T080000", "RRULE:FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1")

    assert days(new_year, zone=HONOLULU) == ["2026-12-31", "2027-12-31", "2028-12-31"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["DTSTART;VALUE=DATE:19701225", "RRULE:FREQ=YEARLY"], ["2026-12-25", "2027-12-25", "2028-12-25"]),
        (
            ["DTSTART;VALUE=DATE:20260525", "RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;UNTIL=20270601"],
            ["2026-05-25", "2027-05-31"],
        ),
        (["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY;COUNT=2"], ["2026-12-25", "2027-12-25"]),
        (
            ["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20271225"],
            ["2026-12-25", "2028-12-25"],
        ),
        (["DTSTART;VALUE=DATE:20261225", "RDATE;VALUE=DATE:20270106,20270107"], ["2026-12-25", "2027-01-06", "2027-01-07"]),
        (
            [
                "DTSTART;TZID=Europe/Berlin:20261231T233000",
                "DURATION:PT1H",
                "RRULE:FREQ=YEARLY;UNTIL=20271231T223000Z",
                "EXDATE;TZID=Europe/Berlin:20261231T233000",
            ],
            ["2027-12-31..2028-01-01"],
        ),
    ],
)
def test_what_recurs_is_expanded_over_the_years_asked_for(lines: list[str], expected: list[str]) -> None:
    assert days(event(*lines)) == expected


def test_an_instance_that_was_moved_counts_where_it_was_moved_to_and_one_cancelled_does_not() -> None:
    series = event("DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY")
    moved = event("RECURRENCE-ID;VALUE=DATE:20271225", "DTSTART;VALUE=DATE:20271227")
    cancelled = event("RECURRENCE-ID;VALUE=DATE:20281225", "DTSTART;VALUE=DATE:20281225", "STATUS:CANCELLED")
    one_uid = ics(series, moved, cancelled).replace(b"UID:2", b"UID:1").replace(b"UID:3", b"UID:1")

    read = read_ics(one_uid, BERLIN, 2026, 2028)

    assert sorted(str(day.first) for day in read.days) == ["2026-12-25", "2027-12-27"]


def test_events_without_a_day_in_the_years_are_counted_and_left_out() -> None:
    read = read_ics(ics(event("DTSTART;VALUE=DATE:20201225"), event("DTSTART;VALUE=DATE:20261225")), BERLIN, 2026, 2028)

    assert (len(read.days), read.left_out) == (1, 1)
    over_new_year = event("DTSTART;VALUE=DATE:20251230", "DTEND;VALUE=DATE:20260103")
    assert days(over_new_year) == ["2025-12-30..2026-01-02"]


def test_definitions_of_zones_in_the_file_are_not_read() -> None:
    with_zones = ics(event("DTSTART;TZID=Europe/Berlin:20261225T233000"), header=ZONES)

    assert read_ics(with_zones, BERLIN, 2026, 2026) == IcsCalendar(
        None, read_ics(ics(event("DTSTART;VALUE=DATE:20261225")), BERLIN, 2026, 2026).days, 0
    )


def test_a_byte_order_mark_is_taken() -> None:
    assert read_ics(b"\xef\xbb\xbf" + ics(event("DTSTART;VALUE=DATE:20261225")), BERLIN, 2026, 2026).days


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["DTSTART:2026-12-25"], "'1' (line 5) cannot be read: DTSTART Expected"),
        (["DTSTART:20261325"], "'1' (line 5) cannot be read: DTSTART Wrong date"),
        ([], "'1' (line 5) needs exactly one DTSTART"),
        (["DTSTART;VALUE=DATE:20261225", "DTSTART;VALUE=DATE:20261226"], "exactly one DTSTART"),
        (["DTSTART;VALUE=DATE:20261225", "DTEND:20261226T000000Z"], "of different kinds"),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261224"], "ends before it starts"),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20291224"], "longer than a year"),
        (["DTSTART;VALUE=DATE:20261225", "DURATION:soon"], "cannot be read: DURATION"),
        (["DTSTART;TZID=Nowhere/Zone:20261225T100000"], "the time zone 'Nowhere/Zone'"),
        (["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=SECONDLY"], "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
        (["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY;BYWEEKNO=20"], "BYWEEKNO is not supported"),
        (["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY", "RRULE:FREQ=DAILY"], "more than one RRULE"),
        (["DTSTART;VALUE=DATE:20261225", "EXRULE:FREQ=YEARLY"], "more than one RRULE, or an EXRULE"),
        (["DTSTART;VALUE=TEXT:soon"], "cannot be read"),
        (["RECURRENCE-ID:soon", "DTSTART;VALUE=DATE:20261225"], "a RECURRENCE-ID that cannot be read"),
        (["DTSTART;VALUE=PERIOD:20261225T000000Z/PT5H"], "a DTSTART that is no date"),
        (["DTSTART;VALUE=DATE:20261225", "DURATION;VALUE=DATE:20261226"], "a DURATION that cannot be read"),
        (["DTSTART;VALUE=DATE:20261225", "some words"], "line 7 is not NAME:VALUE"),
        (["DTSTART;VALUE=DATE:20200101", "RRULE:FREQ=DAILY"], f"more than {ENTRIES_MAX} entries"),
    ],
)
def test_an_event_that_cannot_be_read_is_named_with_its_line(lines: list[str], said: str) -> None:
    assert said in refused(ics(event(*lines)))


def test_an_event_without_summary_is_refused() -> None:
    assert "has no SUMMARY" in refused(ics("DTSTART;VALUE=DATE:20261225"))
    assert "has no SUMMARY" in refused(ics(event("DTSTART;VALUE=DATE:20261225", summary=" ")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no readable .ics file"),
        (b"hello\r\n", "line 1 is not NAME:VALUE ('hello')"),
        (b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", "has to begin with BEGIN:VCALENDAR"),
        (ics() + ics(), "no readable .ics file"),
        (ics()[:40], "no readable .ics file"),
        (ics(event("DTSTART;VALUE=DATE:20261225", summary="Straße")).replace("ß".encode(), b"\xdf"), "Line 7 is not UTF-8"),
        (ics().decode().encode("utf-16"), "Line 1 is not UTF-8"),
        (ics(*[event("DTSTART;VALUE=DATE:20261225")] * (EVENTS_MAX + 1)), f"at most {EVENTS_MAX}"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused(content: bytes, said: str) -> None:
    assert said in refused(content)


@pytest.mark.parametrize(("first", "last"), [(2028, 2026), (2026, 2036), (1999, 2001), (2199, 2201)])
def test_the_years_are_bounded(first: int, last: int) -> None:
    assert "years takes" in refused(ics(), first, last)
