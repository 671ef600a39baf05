"""`access-policy schedules`: created, amended rule by rule, followed, left and removed."""

from __future__ import annotations

import pytest

from tests.support.cli_in_memory import Cli

NIGHTS = (
    *("--rule", "Nights", "--mode", "managed", "--recurrence", "FREQ=DAILY", "--start", "22:00", "--end", "06:00"),
)
DAY = ("--rule", "Day", "--mode", "freevend", "--recurrence", "FREQ=DAILY", "--start", "08:00", "--end", "09:00")


@pytest.fixture
def weekdays(cli: Cli) -> str:
    made = cli.json("schedules", "create", "north", "Weekdays", *NIGHTS, "--all")
    return str(made["schedule_id"])


def rules(cli: Cli, schedule_id: str) -> list[tuple[str, str, str]]:
    shown = cli.json("schedules", "show", schedule_id)
    return [(each["name"], each["start"], each["end"]) for each in shown["rules"]]


def test_schedules_create_with_all_lets_the_chargers_of_the_depot_follow(cli: Cli, weekdays: str) -> None:
    shown = cli.json("schedules", "show", weekdays)

    assert (shown["name"], shown["depot_id"]) == ("Weekdays", "north")
    assert [each["charger_id"] for each in shown["chargers"]] == ["bay-1"]
    assert rules(cli, weekdays) == [("Nights", "22:00", "06:00")]


def test_schedules_rules_are_added_amended_and_withdrawn_by_name(cli: Cli, weekdays: str) -> None:
    cli("schedules", "add-rule", weekdays, *DAY)
    cli("schedules", "amend-rule", weekdays, "--rule", "Nights", "--start", "21:00")
    assert rules(cli, weekdays) == [("Nights", "21:00", "06:00"), ("Day", "08:00", "09:00")]

    cli("schedules", "withdraw-rule", weekdays, "--rule", "Day")
    cli("schedules", "rename", weekdays, "Workdays")

    assert rules(cli, weekdays) == [("Nights", "21:00", "06:00")]
    assert [each["name"] for each in cli.json("schedules", "list")["items"]] == ["Workdays"]


def test_schedules_amend_rule_with_dry_run_shows_and_counts_and_changes_nothing(cli: Cli, weekdays: str) -> None:
    amending = ("schedules", "amend-rule", weekdays, "--rule", "Nights", "--start", "20:00")

    printed = cli(*amending, "--dry-run", "--what-if", "7").stdout

    assert "bay-1: would change" in printed
    assert "0 of 0 attempts would have been decided differently" in printed
    assert rules(cli, weekdays) == [("Nights", "22:00", "06:00")]


def test_schedules_leave_then_remove_ends_the_schedule(cli: Cli, weekdays: str) -> None:
    refused = cli("schedules", "remove", weekdays, status=1)
    assert "is followed by bay-1" in refused.stderr

    cli("schedules", "leave", weekdays, "bay-1")
    cli("schedules", "remove", weekdays)

    assert cli.json("schedules", "list")["items"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add-rule", "{id}", *NIGHTS), "already has a rule Nights"),
        (("amend-rule", "{id}", "--rule", "None", "--start", "20:00"), "has no rule None; it has Nights"),
        (("withdraw-rule", "{id}", "--rule", "Nights"), "a schedule needs at least one rule"),
        (("follow", "{id}"), "name the chargers, or give --all"),
        (("follow", "{id}", "bay-1", "--all"), "--all contradicts the named chargers"),
        (("show", "none"), "There is no schedule none"),
    ],
)
def test_schedules_refuse_in_one_line_what_cannot_be(
    cli: Cli, weekdays: str, words: tuple[str, ...], said: str
) -> None:
    refused = cli("schedules", *(word.format(id=weekdays) for word in words), status=1)

    assert said in refused.stderr
