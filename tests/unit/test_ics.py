"""Holiday calendars from .ics files: which days an event becomes, and what is said about a file that cannot be read."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from access_policy.adapters.calendars.ics import read_ics
from access_policy.adapters.calendars.ics_file import EVENTS_MAX, IcsInvalid
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
    read = read_ics(ics(*events), zone, first, last, with_timed=True)
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
        (
            ["DTSTART;VALUE=DATE:20261225", "RDATE;VALUE=DATE:20270106,20270107"],
            ["2026-12-25", "2027-01-06", "2027-01-07"],
        ),
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


def test_a_definition_of_a_zone_that_the_pinned_rules_have_is_not_read() -> None:
    with_zones = ics(event("DTSTART;TZID=Europe/Berlin:20261225T233000"), header=ZONES)

    read = read_ics(with_zones, BERLIN, 2026, 2026, with_timed=True)

    assert read.days == read_ics(ics(event("DTSTART;VALUE=DATE:20261225")), BERLIN, 2026, 2026).days


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
        (["RECURRENCE-ID:soon", "DTSTART;VALUE=DATE:20261225"], "cannot be read: RECURRENCE-ID"),
        (["DTSTART;VALUE=PERIOD:20261225T000000Z/PT5H"], "a DTSTART that is not a date"),
        (["DTSTART;VALUE=DATE:20261225", "DURATION;VALUE=DATE:20261226"], "a DURATION that cannot be read"),
        (["DTSTART;VALUE=DATE:20261225", "some words"], "line 7 is not NAME:VALUE"),
        (["DTSTART;VALUE=DATE:20200101", "RRULE:FREQ=DAILY"], f"beyond {ENTRIES_MAX} entries"),
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
        (b"", "Not a readable .ics file"),
        (b"hello\r\n", "line 1 is not NAME:VALUE ('hello')"),
        (b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", "must begin with BEGIN:VCALENDAR"),
        (ics() + ics(), "Not a readable .ics file"),
        (ics()[:40], "Not a readable .ics file"),
        (
            ics(event("DTSTART;VALUE=DATE:20261225", summary="Straße")).replace("ß".encode(), b"\xdf"),
            "Line 7 is not UTF-8",
        ),
        (ics().decode().encode("utf-16"), "Line 1 is not UTF-8"),
        (ics(*[event("DTSTART;VALUE=DATE:20261225")] * (EVENTS_MAX + 1)), f"the limit is {EVENTS_MAX}"),
    ],
)
def test_days_from_a_file_that_is_not_a_calendar_raises_ics_invalid(content: bytes, said: str) -> None:
    assert said in refused(content)


@pytest.mark.parametrize(("first", "last"), [(2028, 2026), (2026, 2036), (1999, 2001), (2199, 2201)])
def test_the_years_are_bounded(first: int, last: int) -> None:
    assert "years must be" in refused(ics(), first, last)


# --- as real programs write them ---------------------------------------------------------------------------------------


CUSTOMIZED = """BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""


@pytest.mark.parametrize("fold", [1, 2, 3])
def test_a_line_folded_inside_a_character_is_read_and_lines_are_still_counted(fold: int) -> None:
    euro = "€".encode()  # three bytes
    folded = euro[:fold] + b"\r\n " + euro[fold:] if fold < 3 else b"\r\n ".join(bytes([byte]) for byte in euro)
    content = ics(event("DTSTART;VALUE=DATE:20261225", summary="Fee in €"), event("RRULE:FREQ=DAILY"))

    only_first = content[: content.index(b"BEGIN:VEVENT\r\nUID:2")] + b"END:VCALENDAR\r\n"

    read = read_ics(only_first.replace(euro, folded), BERLIN, 2026, 2026)

    assert [day.reason for day in read.days] == ["Fee in €"]
    lines = 1 if fold < 3 else 2
    assert f"'2' (line {10 + lines}) needs exactly one DTSTART" in refused(content.replace(euro, folded))


def of_one_uid(*events: str) -> bytes:
    content = ics(*events)
    for number in range(2, len(events) + 1):
        content = content.replace(f"UID:{number}\r\n".encode(), b"UID:1\r\n")
    return content


def days_of(content: bytes, last: int = 2030) -> list[str]:
    return sorted(f"{day.first} {day.reason}" for day in read_ics(content, BERLIN, 2026, last).days)


SERIES = event("DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY", summary="old")
THIS_AND_FUTURE = "RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:"


def test_a_change_of_this_and_all_later_occurrences_moves_and_renames_them() -> None:
    moved = event(f"{THIS_AND_FUTURE}20271225", "DTSTART;VALUE=DATE:20271227", summary="new")
    back = event(f"{THIS_AND_FUTURE}20291225", "DTSTART;VALUE=DATE:20291225", summary="back")
    once = event("RECURRENCE-ID;VALUE=DATE:20281225", "DTSTART;VALUE=DATE:20281231", summary="once")

    assert days_of(of_one_uid(SERIES, back, once, moved)) == [
        "2026-12-25 old",
        "2027-12-27 new",
        "2028-12-31 once",
        "2029-12-25 back",
        "2030-12-25 back",
    ]


def test_a_series_that_is_cancelled_from_an_occurrence_on_has_no_later_days() -> None:
    ended = event(f"{THIS_AND_FUTURE}20281225", "DTSTART;VALUE=DATE:20281225", "STATUS:CANCELLED")

    assert days_of(of_one_uid(SERIES, ended)) == ["2026-12-25 old", "2027-12-25 old"]


def test_an_occurrence_that_is_moved_into_the_years_from_outside_is_found() -> None:
    moved = event(f"{THIS_AND_FUTURE}20271225", "DTSTART;VALUE=DATE:20280110", summary="new")

    assert days_of(of_one_uid(SERIES, moved), last=2028)[1:] == ["2028-01-10 new"]


@pytest.mark.parametrize(
    "line",
    ["RECURRENCE-ID;RANGE=THISANDPRIOR;VALUE=DATE:20271225", f"{THIS_AND_FUTURE}20271225\nRRULE:FREQ=DAILY"],
)
def test_a_change_of_a_series_that_is_not_understood_is_refused_by_name(line: str) -> None:
    changed = event(*line.split("\n"), "DTSTART;VALUE=DATE:20271227")

    assert "changes a series in an unsupported way" in refused(of_one_uid(SERIES, changed))


def test_an_occurrence_named_in_utc_is_one_of_a_series_with_a_zone() -> None:
    nights = event("DTSTART;TZID=Europe/Berlin:20261225T000000", "DURATION:P1D", "RRULE:FREQ=YEARLY", summary="old")
    moved = event("RECURRENCE-ID:20271224T230000Z", "DTSTART;VALUE=DATE:20271231", summary="new")

    assert days_of(of_one_uid(nights, moved), last=2027) == ["2026-12-25 old", "2027-12-31 new"]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("20261225T003000", ["2026-12-25"]),
        ("20260625T003000", ["2026-06-25"]),
        ("20260625T010000", ["2026-06-25"]),
    ],
)
def test_a_zone_that_only_the_file_defines_is_read_from_it(start: str, expected: list[str]) -> None:
    line = f"DTSTART;TZID=Customized Time Zone:{start}"

    read = read_ics(ics(event(line, "DURATION:PT1H"), header=CUSTOMIZED), BERLIN, 2026, 2026, with_timed=True)

    assert [str(day.first) for day in read.days] == expected
    assert read.timed[0].starts_at.replace(tzinfo=None).strftime("%Y%m%dT%H%M%S") == start, "Berlin has the same rules"


def test_midnight_to_midnight_in_a_zone_of_the_file_is_an_all_day_event() -> None:
    lines = ["DTSTART;TZID=Customized Time Zone:20261225T000000", "DTEND;TZID=Customized Time Zone:20261226T000000"]

    read = read_ics(ics(event(*lines), header=CUSTOMIZED), BERLIN, 2026, 2026)

    assert ([str(day.first) for day in read.days], read.timed) == (["2026-12-25"], ())


def test_a_zone_whose_definition_cannot_be_read_is_refused_by_name() -> None:
    endless = CUSTOMIZED.replace("FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10", "FREQ=SECONDLY")

    said = refused(ics(event("DTSTART;TZID=Customized Time Zone:20261225T000000"), header=endless))

    assert "'Customized Time Zone', whose VTIMEZONE cannot be read" in said


@pytest.mark.parametrize(
    "line",
    [
        "EXDATE:",
        "EXDATE;VALUE=DATE:",
        "PRIORITY:",
        "CREATED:",
        "DTEND:",
        "RDATE:",
        "RRULE:",
        "DURATION:",
        "CREATED:soon",
    ],
)
def test_an_empty_property_is_as_good_as_left_out(line: str) -> None:
    assert days(event("DTSTART;VALUE=DATE:20261225", line)) == ["2026-12-25"]


def test_events_with_times_are_named_and_left_out_unless_they_are_asked_for() -> None:
    shift = event(
        "DTSTART;TZID=Europe/Berlin:20261224T080000", "DTEND;TZID=Europe/Berlin:20261224T170000", summary="Shift"
    )
    content = ics(event("DTSTART;VALUE=DATE:20261225"), shift)

    read = read_ics(content, BERLIN, 2026, 2026)
    asked_for = read_ics(content, BERLIN, 2026, 2026, with_timed=True)

    assert [str(day.first) for day in read.days] == ["2026-12-25"]
    assert [(each.uid, each.summary, str(each.starts_at)) for each in read.timed] == [
        ("2", "Shift", "2026-12-24 08:00:00+01:00")
    ]
    assert [str(day.first) for day in asked_for.days] == ["2026-12-25", "2026-12-24"]


def test_a_file_with_nothing_but_events_with_times_is_refused_by_name() -> None:
    assert "'Shift' and other events have times" in refused(ics(event("DTSTART:20261224T080000", summary="Shift")))


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20261224T230000Z", "DTEND:20261225T230000Z"],  # the depot's midnights
        ["DTSTART;TZID=Pacific/Honolulu:20261225T000000", "DURATION:P1D"],
        ["DTSTART:20261225T000000", "DURATION:P2D"],
        ["DTSTART;TZID=Europe/Berlin:20261025T000000", "DTEND;TZID=Europe/Berlin:20261026T000000"],  # 25 hours
    ],
)
def test_midnight_to_midnight_is_all_day_by_the_event_s_clock_or_the_depot_s(lines: list[str]) -> None:
    assert read_ics(ics(event(*lines)), BERLIN, 2026, 2026).timed == ()


def test_an_end_of_a_series_in_the_year_9999_is_read() -> None:
    daily = event(
        "DTSTART;TZID=Europe/Berlin:20261225T000000", "DURATION:P1D", "RRULE:FREQ=YEARLY;UNTIL=99991231T235959Z"
    )

    assert days(daily) == ["2026-12-25", "2027-12-25", "2028-12-25"]
