"""What people and scripts get from commands, over the whole API in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli_in_memory import Cli, ToTheApp

NIGHTS = ("--name", "Nights", "--mode", "managed", "--recurrence", "FREQ=DAILY", "--start", "22:00", "--end", "06:00")
ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20261225
SUMMARY:Christmas
END:VEVENT
END:VCALENDAR
"""


def test_every_command_that_writes_carries_an_idempotency_key_of_its_own(
    cli: Cli, asked: ToTheApp, tmp_path: Path
) -> None:
    ics, csv = tmp_path / "days.ics", tmp_path / "fleet.csv"
    ics.write_text(ICS.replace("\n", "\r\n"))
    csv.write_text("vehicle_id,name,access_class\nbus-1,Bus 1,own\n")
    cli("calendars", "import", "north", "holidays", str(ics), "--name", "Holidays")
    cli("rules", "add", "bay-1", *NIGHTS)
    cli("override", "bay-1", "freevend", "--reason", "visit", "--for", "2h")
    cli("vehicles", "put", "bus-2", "--name", "Bus 2")
    cli("vehicles", "suspend", "bus-2", "--reason", "lost")
    cli("vehicles", "remove", "bus-2")
    cli("registry", "import", str(csv), "--yes")

    writes = [each for each in asked.asked if each.method != "GET"]
    keys = [each.headers["Idempotency-Key"] for each in writes]
    assert len(writes) == 8
    assert len(set(keys)) == 8


def test_if_match_is_sent_and_refused_when_the_version_has_moved_on(cli: Cli) -> None:
    version = cli.json("chargers", "show", "bay-1")["version"]

    cli("rules", "add", "bay-1", *NIGHTS, "--if-match", str(version))
    refused = cli("chargers", "retire", "bay-1", "--if-match", str(version), status=1)

    assert refused.stderr.startswith("access-policy: ")


def test_calendars_add_day_without_a_calendar_takes_the_only_one_and_else_asks(cli: Cli) -> None:
    assert "make one" in cli("calendars", "add-day", "north", "2027-05-05=Fair", status=1).stderr
    cli("calendars", "put", "north", "holidays", "2026-12-25=Christmas", "--name", "Holidays")

    assert "Fair is in holidays" in cli("calendars", "add-day", "north", "2027-05-05=Fair").stdout
    assert "Fair" in cli("calendars", "show", "north", "holidays").stdout
    cli("calendars", "put", "north", "schools", "2026-12-25=Christmas", "--name", "Schools")
    asked = cli("calendars", "add-day", "north", "2027-05-06=Fair", status=1).stderr
    assert "--calendar with one of holidays, schools, or --all" in asked
    assert "Fair is in holidays, schools" in cli("calendars", "add-day", "north", "2027-05-06=Fair", "--all").stdout


def test_calendars_are_listed_with_their_number_of_days(cli: Cli) -> None:
    assert "no calendars" in cli("calendars", "list", "north").stderr
    cli("calendars", "put", "north", "holidays", "2026-12-25..2026-12-26=Christmas", "--name", "Holidays")

    assert cli("calendars", "list", "north").stdout.splitlines()[1] == "holidays\tHolidays\t2"


def test_json_is_one_document_of_all_pages_and_nothing_else(cli: Cli) -> None:
    for number in range(3):
        cli("vehicles", "put", f"bus-{number}", "--name", f"Büs {number}")

    everything = cli("vehicles", "list", "--json")
    some = cli("--json", "vehicles", "list", "--limit", "2")

    assert [each["name"] for each in json.loads(everything.stdout)["items"]] == ["Büs 0", "Büs 1", "Büs 2"]
    assert len(json.loads(some.stdout)["items"]) == 2
    assert everything.stderr == ""


def test_argument_after_two_dashes_is_not_an_option(cli: Cli) -> None:
    cli("vehicles", "put", "bus-1", "--name", "Bus 1")

    assert cli("vehicles", "show", "--", "--json", status=1).stderr == "access-policy: There is no such vehicle.\n"


def test_attempts_list_with_more_rows_says_that_it_shows_the_newest(cli: Cli) -> None:
    for number in range(3):
        cli("decide", "bay-1", "rfid", f"04FFFFFFFFFF0{number}", "--record")

    assert "the newest 2" in cli("attempts", "list", "--limit", "2").stderr
    assert cli("attempts", "list", "--limit", "3").stderr == ""


def test_lift_without_an_id_lifts_the_only_override_and_asks_which_of_several(cli: Cli) -> None:
    assert "no override" in cli("lift", "bay-1", status=1).stderr
    for reason in ("one", "two"):
        cli("override", "bay-1", "freevend", "--reason", reason, "--from", "2027-06-01 08:00", "--for", "2h")
    several = cli("lift", "bay-1", status=1).stderr

    first, second = (each["override_id"] for each in cli.json("overrides", "bay-1")["items"])
    assert first in several
    assert second in several
    cli("lift", "bay-1", first)
    assert f"override {second} is lifted" in cli("lift", "bay-1").stdout


def test_a_proposal_needs_no_file_and_shows_examples(cli: Cli) -> None:
    cli("decide", "bay-1", "rfid", "04FFFFFFFFFFFF", "--record")
    period = ("--from", "2026-11-18 00:00", "--until", "2026-11-19 00:00")

    shown = cli("what-if", "--baseline-mode", "freevend", *period).stdout

    assert "1 newly allowed" in shown
    assert "for example" in shown
    assert "2026-11-18 13:00:00 CET\tbay-1\trfid …FFFF\tdenied unknown_identifier\tallowed freevend" in shown
    cli("what-if", *period, status=2)


def test_status_when_the_service_is_not_ready_exits_with_one(cli: Cli, asked: ToTheApp) -> None:
    assert cli("status").stdout.startswith("ready: ")
    asked.api.replace_process(readiness=_store_is_away)

    assert "not ready: store no" in cli("status", status=1).stdout
    assert json.loads(cli("status", "--json", status=1).stdout)["ready"] is False


async def _store_is_away() -> dict[str, bool]:
    return {"store": False}


@pytest.mark.parametrize("mode", ["", "--apply"])
def test_rows_with_errors_are_shown_with_line_and_column(cli: Cli, tmp_path: Path, mode: str) -> None:
    csv = tmp_path / "fleet.csv"
    csv.write_text("vehicle_id,name,access_class,rfid\nbus-1,Bus 1,own,4.12E+12\n")

    shown = cli("registry", "import", str(csv), *filter(None, [mode]), status=1 if mode else 0)

    assert "2\terror\tbus-1\trfid: " in shown.stdout
    assert " : " not in shown.stderr


OURS = """
title = "Our own chargers"
protocols = ["ocpp1.6"]
mode_control = { kind = "configuration_key", key = "OurFree", managed_value = "off", freevend_value = "on" }
"""


def test_profile_put_from_a_file_is_shown_and_removed(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(OURS)
    cli("profile", "put", "ours-1.6", str(file))

    shown = cli.json("profile", "show", "ours-1.6")
    assert (shown["title"], shown["control"]["key"]) == ("Our own chargers", "OurFree")
    assert "ours-1.6" in cli("profiles").stdout
    cli("profile", "remove", "ours-1.6")
    assert "ours-1.6" in cli("profile", "show", "ours-1.6", status=1).stderr


@pytest.mark.parametrize(("text", "complaint"), [("title = ", "ours.toml"), ('title = "Ours"', "protocols")])
def test_profile_put_with_an_invalid_file_explains_in_one_line(
    cli: Cli, tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(text)
    result = cli("profile", "put", "ours-1.6", str(file), status=2 if complaint == "ours.toml" else 1)

    assert complaint in result.stderr


def test_probe_of_a_disconnected_charger_is_refused(cli: Cli) -> None:
    assert "not connected" in cli("chargers", "probe", "bay-1", status=1).stderr


@pytest.mark.parametrize(
    "command",
    [
        ("chargers", "retire", "bay-1"),
        ("vehicles", "remove", "bus-1"),
        ("rules", "withdraw", "bay-1", "r"),
        ("api-keys", "revoke", "k"),
        ("agreements", "end", "a"),
        ("sessions", "end", "a", "--reason", "x"),
        ("lift", "bay-1", "o"),
    ],
)
def test_command_that_ends_something_without_a_terminal_needs_yes(
    cli: Cli, asked: ToTheApp, command: tuple[str, ...]
) -> None:
    cli.yes = False

    refused = cli(*command, status=2)

    assert "give --yes" in refused.stderr
    assert asked.asked == []


def test_command_that_ends_something_asks_at_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.yes = False
    monkeypatch.setattr("access_policy.entrypoints.cli.terminal.is_interactive", lambda: True)

    refused = cli("chargers", "retire", "bay-1", stdin="n\n", status=1)
    done = cli("chargers", "retire", "bay-1", stdin="y\n")

    assert "Retire the charger bay-1?" in refused.stderr
    assert "nothing has changed" in refused.stderr
    assert "charger bay-1 is retired" in done.stdout


def test_rule_with_days_in_words_is_stored_as_a_recurrence(cli: Cli) -> None:
    cli("rules", "add", "bay-1", *NIGHTS[:4], "--recurrence", "mon,wed", *NIGHTS[6:])

    assert cli.json("rules", "list", "bay-1")["items"][0]["recurrence"] == "FREQ=WEEKLY;BYDAY=MO,WE"


def test_refused_field_is_named_by_its_option(cli: Cli) -> None:
    refused = cli("rules", "add", "bay-1", *NIGHTS[:-1], "6 o'clock", status=1)

    assert refused.stderr.startswith("access-policy: --end: ")


def test_help_of_a_command_shows_examples(cli: Cli) -> None:
    assert "access-policy override bay-1 freevend --reason visit --for 2h" in cli("override", "-h").stdout


def test_override_at_a_pattern_of_chargers_and_a_prefix_of_an_id(cli: Cli) -> None:
    put = ("--depot", "north", "--profile", "ocpp16-central", "--baseline-mode", "managed")
    cli("chargers", "put", "bay-2", "--charge-point-id", "CP-2", *put)

    two = cli("override", "bay-*", "freevend", "--reason", "visit", "--for", "2h").stdout
    several = cli("chargers", "show", "bay", status=1).stderr
    cli("chargers", "put", "gate-1", "--charge-point-id", "CP-3", *put)

    assert [line.rpartition(" ")[2] for line in two.splitlines()] == ["bay-1", "bay-2"]
    assert "these begin with it: bay-1, bay-2" in several
    assert cli.json("chargers", "show", "gat")["charger_id"] == "gate-1"
    assert "gate-1" in cli("chargers", "retire", "gat", status=1).stderr
    assert "no charger matches 'yard-*'" in cli("override", "yard-*", "freevend", "--reason", "x", status=1).stderr
