"""What an operator does on the command line, against a service in a process of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from access_policy.entrypoints.cli.root import app
from tests.support.served_cli import NIGHTS, Cli, answer


def test_a_charger_is_scheduled_shown_and_overridden(cli: Cli) -> None:
    rule_id = answer(cli("rules", "add", "bay-1", *NIGHTS, "--json"))["rule_id"]
    cli("rules", "amend", "bay-1", rule_id, "--start", "21:00")
    override_id = answer(cli("override", "bay-1", "freevend", "--reason", "visit", "--for", "2h", "--json"))[
        "override_id"
    ]

    picture = cli("timeline", "bay-1").stdout
    rules = answer(cli("rules", "list", "bay-1", "--json"))["items"]

    assert "override 'visit'" in picture
    assert "times of Europe/Berlin" in picture
    assert [(each["start"], each["end"], each["end_day_offset"]) for each in rules] == [("21:00", "06:00", 1)]
    cli("lift", "bay-1", override_id)
    cli("rules", "withdraw", "bay-1", rule_id)
    assert "no rules" in cli("rules", "list", "bay-1").stderr


def test_local_times_are_those_of_the_depot(cli: Cli) -> None:
    made = answer(
        cli(
            *("override", "bay-1", "freevend", "--reason", "visit", "--json"),
            *("--from", "2030-01-10 08:00", "--until", "2030-01-10 10:00"),
        )
    )

    shown = answer(cli("overrides", "bay-1", "--json"))["items"][0]
    assert (shown["from"], shown["until"]) == ("2030-01-10T07:00:00Z", "2030-01-10T09:00:00Z")
    assert made["override_id"] == shown["override_id"]
    assert "2030-01-10 08:00:00 CET" in cli("overrides", "bay-1").stdout


def test_vehicles_are_registered_found_suspended_and_removed(cli: Cli) -> None:
    cli(
        "agreements",
        "put",
        "couriers",
        "--name",
        "C",
        "--fleet",
        "City",
        "--valid-from",
        "2026-01-01",
        "--hours",
        "MO,TU 08:00-18:00",
    )
    cli("vehicles", "put", "bus-1", "--name", "Bus 1", "--rfid", "04:A1:B2:C3:D4:E5:F6", "--plate", "B-AB 1")
    cli("vehicles", "put", "van-1", "--name", "Van 1", "--agreement", "couriers", "--mac", "1A2B3C4D5E6F")

    assert "bus-1" in cli("vehicles", "find", "04a1b2c3d4e5f6").stdout
    cli("vehicles", "suspend", "bus-1", "--reason", "lost card")
    assert answer(cli("vehicles", "show", "bus-1", "--json"))["suspended_because"] == "lost card"
    cli("vehicles", "reinstate", "bus-1", "--reason", "found")
    cli("vehicles", "remove", "bus-1")
    assert [each["vehicle_id"] for each in answer(cli("vehicles", "list", "--json"))["items"]] == ["van-1"]
    cli("agreements", "end", "couriers")


def test_a_decision_is_explained_and_a_refused_identifier_enrolled(cli: Cli) -> None:
    dry = cli("decide", "bay-1", "rfid", "04FFFFFFFFFFFF").stdout
    assert "denied: unknown_identifier" in dry
    assert "=> No vehicle had it" in dry
    assert "no attempts" in cli("attempts", "list").stderr

    cli("enrolment", "arm", "bay-1", "--minutes", "2")
    attempt_id = answer(cli("decide", "bay-1", "rfid", "04FFFFFFFFFFFF", "--record", "--json"))["attempt_id"]
    assert answer(cli("enrolment", "show", "bay-1", "--json"))["state"] == "offered"
    denied_id = answer(cli("denied", "list", "--json"))["items"][0]["denied_id"]
    cli("denied", "enrol", denied_id, "--vehicle", "lorry-1", "--own")

    assert "allowed: own_vehicle" in cli("decide", "bay-1", "rfid", "04FFFFFFFFFFFF").stdout
    assert "=> No vehicle had it" in cli("attempts", "show", attempt_id).stdout
    assert "unknown_identifier" in cli("report", "--by", "reason").stdout


def test_many_chargers_get_a_rule_a_calendar_and_a_copy(cli: Cli, tmp_path: Path) -> None:
    charger = ("--charge-point-id", "CP-of-many", "--depot", "north", "--profile", "ocpp16-central")
    cli("chargers", "put", "bay-2", *charger, "--baseline-mode", "freevend")
    days = ("2030-12-24..2030-12-26=Christmas", "2031-01-01=New Year")
    cli("calendars", "put", "north", "holidays", *days, "--name", "Holidays")
    assert "Christmas" in cli("calendars", "show", "north", "holidays").stdout

    dry = cli("rules", "add-many", "north", *NIGHTS, "--except-calendar", "holidays", "--dry-run").stdout
    assert "bay-1: would change no mode" in dry
    assert "freevend becomes managed" in dry
    cli("rules", "add", "bay-1", *NIGHTS, "--except-calendar", "holidays")
    assert "bay-2: would change" in cli("chargers", "copy-policy", "bay-1", "bay-2", "--dry-run").stdout
    cli("chargers", "copy-policy", "bay-1", "all")
    cli("exceptions", "add", "bay-2", "freevend", "--reason", "closed", "--calendar", "holidays")

    shown = answer(cli("chargers", "show", "bay-2", "--json"))
    assert [each["name"] for each in shown["mode_rules"]] == ["Nights"]
    assert shown["baseline_mode"] == "managed"
    in_use = cli("calendars", "remove", "north", "holidays", status=1).stderr
    assert "bay-1" in in_use


def test_a_registry_is_imported_by_its_plan_and_exported(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text("vehicle_id,name,access_class,rfid\nbus-1,Bus 1,own,04A1B2C3D4E5F6\nbus-2,Bus 2,own,4.12E+12\n")

    planned = cli("registry", "import", str(file))
    assert "1 add, 1 error" in planned.stdout
    assert "rfid:" in planned.stdout
    plan_id = re.search(r"registry apply (\S+)", planned.stderr)
    assert plan_id is not None
    assert "partial" in cli("registry", "apply", plan_id[1], status=1).stderr
    assert "1 add" in cli("registry", "apply", plan_id[1], "--partial").stdout
    cli("registry", "export", "-o", str(tmp_path / "export.csv"))

    again = cli("registry", "import", str(tmp_path / "export.csv"), "--apply", "--json")
    assert answer(again)["state"] == "applied"
    assert "bus-1" in (tmp_path / "export.csv").read_text()
    assert "1 unchanged" in cli("registry", "import", str(tmp_path / "export.csv")).stdout


def test_what_if_counts_the_differences(cli: Cli, tmp_path: Path) -> None:
    cli("decide", "bay-1", "rfid", "04FFFFFFFFFFFF", "--record")
    changes = tmp_path / "changes.json"
    changes.write_text('{"baseline_mode": "freevend"}')

    assert "1 newly allowed" in cli("what-if", str(changes)).stdout
    changes.write_text("{")
    assert "changes.json" in cli("what-if", str(changes), status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("chargers", "show", "none"), "There is no charger none"),
        (("override", "bay-1", "freevend", "--reason", "x", "--for", "soon"), "is not a duration"),
        (("override", "bay-1", "freevend", "--reason", "x"), "exactly one of --until"),
        (("rules", "add", "bay-1", *NIGHTS[:-1], "never"), "--end: "),
        (("rules", "amend", "bay-1", "none", "--name", "x"), "no rule none"),
        (("timeline", "bay-1", "--from", "someday"), "not a valid time"),
        (("--time-zone", "Mars/Olympus", "attempts", "list"), "unknown time zone"),
        (("vehicles", "put", "v", "--name", "V", "--rfid", "12"), "RFID UID"),
    ],
)
def test_refused_command_explains_in_one_line_and_exits_with_one(
    cli: Cli, arguments: tuple[str, ...], says: str
) -> None:
    refused = cli(*arguments, status=1)

    assert says in refused.stderr
    assert refused.stderr.startswith("access-policy: ")
    assert refused.stdout == ""


def test_usage_is_status_two(cli: Cli) -> None:
    cli("rules", "add", "bay-1", status=2)
    cli("nonsense", status=2)


def test_refused_command_with_json_prints_the_problem_document(cli: Cli) -> None:
    problem = json.loads(cli("chargers", "show", "none", "--json", status=1).stderr)

    assert problem["status"] == 404


def test_lists_for_pipes_have_tabs_and_all_rows(cli: Cli) -> None:
    for number in range(3):
        cli("vehicles", "put", f"bus-{number}", "--name", f"Bus {number}")

    header, *rows = cli("vehicles", "list").stdout.splitlines()

    assert header.split("\t")[0] == "vehicle_id"
    assert [row.split("\t")[0] for row in rows] == ["bus-0", "bus-1", "bus-2"]
    assert len(answer(cli("vehicles", "list", "--limit", "2", "--json"))["items"]) == 2


def test_command_without_a_service_or_a_token_says_what_to_do(cli_service: tuple[str, Path], tmp_path: Path) -> None:
    runner = CliRunner()
    nowhere = runner.invoke(app, ["--url", "http://127.0.0.1:9", "--token", "x", "status"])
    nobody = runner.invoke(app, ["--url", cli_service[0], "status"], env={"ACCESS_POLICY_TENANT": ""})
    keyless = runner.invoke(app, ["--url", cli_service[0], "--as-tenant", "t", "--keys-of", str(tmp_path), "status"])
    stale = runner.invoke(app, ["--url", cli_service[0], "--token", "not-a-token", "chargers", "list"])

    assert [each.exit_code for each in (nowhere, nobody, keyless, stale)] == [1, 1, 1, 1]
    assert "access-policy serve" in nowhere.stderr
    assert "--as-tenant" in nobody.stderr
    assert "--keys-of" in keyless.stderr
    assert "get a new one" in stale.stderr
