"""Windows in words, read and written."""

from __future__ import annotations

import pytest

from access_policy.domain.mode_schedule.recurrence import Recurrence
from access_policy.entrypoints.http.console import schedule_words

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("weekdays from 22:00 to 06:00", (WEEKDAYS, "22:00", "06:00")),
        ("Every day 8 - 12.30", ([*WEEKDAYS, "SA", "SU"], "08:00", "12:30")),
        ("on Mondays and Sat until 9", None),
        ("Friday to Monday, 20:00 until 8:00", (["MO", "FR", "SA", "SU"], "20:00", "08:00")),
        ("Mondays, Wednesdays and Saturday from 7 to 9", (["MO", "WE", "SA"], "07:00", "09:00")),
        ("now and then", None),
        ("T from 7 to 9", None),
    ],
)
def test_read_of_words_finds_days_and_times_or_none(text: str, found: object) -> None:
    assert schedule_words.read(text) == found


@pytest.mark.parametrize(
    ("recurrence", "words"),
    [
        ("FREQ=DAILY", "every day"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "weekdays"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,SA", "Monday to Tuesday and Saturday"),
        ("FREQ=MONTHLY;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=1MO"),
    ],
)
def test_in_words_names_runs_of_days_and_keeps_other_recurrences(recurrence: str, words: str) -> None:
    assert schedule_words.in_words(recurrence, "22:00:00", "06:00") == f"{words} from 22:00 to 06:00"


@pytest.mark.parametrize("days", [["MO"], ["SU", "SA"], [*WEEKDAYS, "SA", "SU"]])
def test_recurrence_of_days_is_valid_and_reads_back(days: list[str]) -> None:
    recurrence = schedule_words.recurrence_of(days)

    Recurrence.parse(recurrence)
    assert set(schedule_words.days_of(recurrence) or []) == set(days)


def test_in_words_says_on_which_later_day_a_long_window_ends() -> None:
    assert (
        schedule_words.in_words("FREQ=WEEKLY;BYDAY=FR", "18:00", "06:00", 3)
        == "Friday from 18:00 to 06:00 3 days later"
    )
    assert schedule_words.in_words("FREQ=DAILY", "22:00", "06:00", 1) == "every day from 22:00 to 06:00"
    assert schedule_words.in_words("FREQ=DAILY", "08:00", "18:00", 0) == "every day from 08:00 to 18:00"


def test_days_in_words_name_groups_and_runs_in_the_order_of_the_week() -> None:
    assert schedule_words.days_in_words(["FR", "MO", "TU", "WE", "TH"]) == "weekdays"
    assert schedule_words.days_in_words(["SA", "MO", "TU"]) == "Monday to Tuesday and Saturday"
