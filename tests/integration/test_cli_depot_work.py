"""Overrides of many chargers, permissions for a night, ignored identifiers and imports of chargers on the command line, against
a service in a process of its own."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from tests.support.served_cli import Cli, answer

STRANGER = ("rfid", "04FFFFFFFFFFFF")


def with_a_second_charger(cli: Cli, charge_point_id: str) -> None:
    charger = ("--charge-point-id", charge_point_id, "--depot", "north", "--profile", "ocpp16-central")
    cli("chargers", "put", "bay-2", *charger, "--baseline-mode", "freevend")


def refused_attempt(cli: Cli) -> str:
    return str(answer(cli("decide", "bay-1", *STRANGER, "--record", "--json"))["attempt_id"])


def test_depots_override_dry_run_says_what_would_change_and_override_and_lift_do_it(cli: Cli) -> None:
    with_a_second_charger(cli, "CP-overridden")
    opening = ("depots", "override", "north", "freevend", "--reason", "open day", "--for", "2h")

    dry = cli(*opening, "--dry-run").stdout
    assert "bay-1: would change" in dry
    assert "managed becomes freevend" in dry
    assert "bay-2: would change no mode" in dry
    assert "no overrides" in cli("depots", "overrides", "north").stderr

    made = answer(cli(*opening, "--json"))
    assert [each["ok"] for each in made["results"]] == [True, True]
    listed = answer(cli("depots", "overrides", "north", "--json"))["items"]
    assert [(each["override_id"], each["charger_ids"]) for each in listed] == [
        (made["override_id"], ["bay-1", "bay-2"])
    ]
    closing = ("depots", "override", "north", "managed", "--reason", "fleet only", "--for", "1h")
    assert "wins over freevend until" in cli(*closing, "--dry-run").stdout

    assert "is lifted at 2 chargers" in cli("depots", "lift", "north", made["override_id"]).stdout
    assert "no overrides" in cli("depots", "overrides", "north").stderr


def test_depots_override_reports_a_charger_that_refuses_and_exits_with_one(cli: Cli) -> None:
    opening = ("depots", "override", "north", "freevend", "--reason", "open day", "--for", "2h")

    some = cli(*opening, "--charger", "bay-1", "--charger", "bay-9", status=1)

    assert "at 1 charger" in some.stdout
    assert "bay-9: There is no charger bay-9" in some.stdout
    assert "8 days" in cli(*opening[:-1], "9d", "--charger", "bay-1", status=1).stdout.replace("7 days", "8 days")
    assert "No charger of this depot" in cli("depots", "lift", "north", "gone", status=1).stderr


def test_attempts_allow_lets_a_refused_card_charge_until_it_is_disallowed(cli: Cli) -> None:
    attempt_id = refused_attempt(cli)

    assert (
        "may charge at north until" in cli("attempts", "allow", attempt_id, "--reason", "guest", "--for", "2h").stdout
    )
    assert "allowed: ad_hoc" in cli("decide", "bay-1", *STRANGER).stdout
    (listed,) = answer(cli("attempts", "allowed", "north", "--json"))["items"]
    assert (listed["attempt_id"], listed["reason"]) == (attempt_id, "guest")

    assert "ended the permission" in cli("attempts", "disallow", attempt_id).stdout
    assert "denied: unknown_identifier" in cli("decide", "bay-1", *STRANGER).stdout
    assert "no ad-hoc permissions" in cli("attempts", "allowed", "north").stderr


def test_denied_ignore_takes_an_identifier_off_the_list_until_it_is_listed_again(cli: Cli) -> None:
    refused_attempt(cli)
    (listed,) = answer(cli("denied", "list", "--json"))["items"]

    cli("denied", "ignore", listed["denied_id"], "--reason", "a neighbour", "--days", "3")
    assert answer(cli("denied", "list", "--json"))["items"] == []
    assert "is listed again" in cli("denied", "unignore", listed["denied_id"]).stdout

    assert [each["denied_id"] for each in answer(cli("denied", "list", "--json"))["items"]] == [listed["denied_id"]]


def test_chargers_import_shows_its_plan_applies_it_and_exports_an_unchanged_file(cli: Cli, tmp_path: Path) -> None:
    exported = tmp_path / "chargers.csv"
    cli("chargers", "export", "-o", str(exported), "--no-bom")
    present = list(csv.DictReader(io.StringIO(exported.read_text())))
    assert [row["charger_id"] for row in present] == ["bay-1"]
    assert "1 unchanged" in cli("chargers", "import", str(exported)).stdout
    new = {**present[0], "charger_id": "bay-7", "charge_point_id": "CP-imported"}
    wrong = {**new, "charger_id": "bay-8", "charge_point_id": "CP-wrong", "depot_id": "nowhere"}
    written = io.StringIO()
    table = csv.DictWriter(written, present[0].keys())
    table.writeheader()
    table.writerows([*present, new, wrong])
    file = tmp_path / "more.csv"
    file.write_text(written.getvalue())

    planned = cli("chargers", "import", str(file))
    assert "1 add" in planned.stdout
    assert "1 error" in planned.stdout
    assert "nowhere" in planned.stdout
    plan_id = re.search(r"chargers apply (\S+)", planned.stderr)
    assert plan_id is not None
    assert "partial" in cli("chargers", "apply", plan_id[1], status=1).stderr
    assert "1 add" in cli("chargers", "apply", plan_id[1], "--partial").stdout

    assert answer(cli("chargers", "plan", plan_id[1], "--json"))["state"] == "applied"
    assert answer(cli("chargers", "show", "bay-7", "--json"))["charge_point_id"] == "CP-imported"
