"""Times and recurrences in words, and the command line's words for fields."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from access_policy.entrypoints.cli.moments import moment
from access_policy.entrypoints.cli.recurrences import rrule
from access_policy.entrypoints.cli.terms import in_terms

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 24, 13, 0, tzinfo=BERLIN)  # the clocks go back in the following night


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", "2026-10-24T13:00+02:00"),
        ("2h", "2026-10-24T15:00+02:00"),
        ("in 90m", "2026-10-24T14:30+02:00"),
        ("1d ago", "2026-10-23T13:00+02:00"),
        ("18:00", "2026-10-24T18:00+02:00"),
        ("6:30", "2026-10-24T06:30+02:00"),
        ("tomorrow 06:00", "2026-10-25T06:00+01:00"),
        ("tomorrow", "2026-10-25T00:00+02:00"),
        ("Yesterday 23:59", "2026-10-23T23:59+02:00"),
        ("today", "2026-10-24T00:00+02:00"),
    ],
)
def test_moment_reads_words_on_the_clock_of_the_depot(text: str, at: str) -> None:
    found = moment(text, NOW, lambda: BERLIN, ago=False)

    assert found == datetime.fromisoformat(at)


@pytest.mark.parametrize(
    ("text", "at"),
    [("7d", "2026-10-17T13:00+02:00"), ("2h", "2026-10-24T11:00+02:00"), ("in 2h", "2026-10-24T15:00+02:00")],
)
def test_moment_in_history_counts_back(text: str, at: str) -> None:
    assert moment(text, NOW, lambda: BERLIN, ago=True) == datetime.fromisoformat(at)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "in 2h ago", "tomorrow06:00", "7", "2 weeks", "todayish"])
def test_moment_of_other_texts_is_none(text: str) -> None:
    assert moment(text, NOW, lambda: BERLIN, ago=False) is None


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("daily", "FREQ=DAILY"),
        ("weekdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("Weekends", "FREQ=WEEKLY;BYDAY=SA,SU"),
        ("wed, mon", "FREQ=WEEKLY;BYDAY=MO,WE"),
        ("fri-mon", "FREQ=WEEKLY;BYDAY=MO,FR,SA,SU"),
        ("tuesdays", "FREQ=WEEKLY;BYDAY=TU"),
        ("FREQ=MONTHLY;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=1MO"),
        ("sometimes", "sometimes"),
        ("mon,", "mon,"),
        ("m", "m"),
    ],
)
def test_rrule_reads_words_and_leaves_other_texts(words: str, rule: str) -> None:
    assert rrule(words) == rule


@pytest.mark.parametrize(
    ("pointer", "term"),
    [
        ("/mode", "--mode"),
        ("/rules/0/recurrence", "--recurrence"),
        ("/rule/except_dates/2", "--except-date"),
        ("/time_zone", "--rule-time-zone"),
        ("/from", "--from"),
        ("/charger_ids", "CHARGER"),
        ("/hours/0/start_at", "hours 1 start_at"),
    ],
)
def test_field_is_named_by_its_option_or_argument_or_else_in_words(pointer: str, term: str) -> None:
    terms = {
        "mode": "--mode",
        "recurrence": "--recurrence",
        "except_date": "--except-date",
        "rule_time_zone": "--rule-time-zone",
        "from": "--from",
        "charger": "CHARGER",
    }

    assert in_terms(pointer, terms) == term
