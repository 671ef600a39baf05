"""`access-policy reservations` and `reservation-groups`: made, listed, changed, replaced, cancelled; the dispatch sheet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli_in_memory import Cli

WINDOW = ("--from", "2026-11-19T18:00:00Z", "--until", "2026-11-19T20:00:00Z")
SHEET = (
    "assignment_id,block_id,vehicle_id,charger_id,from,until\na-1,b-1,bus-7,bay-1,2026-11-19 18:00,2026-11-19 20:00\n"
)


@pytest.fixture
def made(cli: Cli) -> str:
    cli("vehicles", "put", "bus-9", "--name", "Bus 9")
    answer = cli.json(
        "reservations", "make", "north", "--charger", "bay-1", "--plate", "B-AB 1234", *WINDOW, "--block", "12"
    )
    return str(answer["reservation_id"])


def test_reservations_are_listed_by_depot_with_place_holder_and_status(cli: Cli, made: str) -> None:
    printed = cli("reservations", "list", "--depot", "north", *WINDOW).stdout

    assert all(each in printed for each in ("bay-1", "plate", made))
    assert [each["reservation_id"] for each in cli.json("reservations", "list", *WINDOW)["items"]] == [made]
    of_two = ("--status", "planned", "--status", "at_risk")
    assert [each["reservation_id"] for each in cli.json("reservations", "list", *WINDOW, *of_two)["items"]] == [made]
    assert cli.json("reservations", "list", *WINDOW, "--status", "missed")["items"] == []


def test_reservations_change_keeps_what_is_not_named(cli: Cli, made: str) -> None:
    before = cli.json("reservations", "show", made)

    cli("reservations", "change", made[:8], "--until", "2026-11-19T21:00:00Z", "--note", "Later")

    after = cli.json("reservations", "show", made)
    assert (after["end"], after["note"]) == ("2026-11-19T21:00:00Z", "Later")
    for name in ("charger_id", "start", "holder", "assignment", "terms"):
        assert after[name] == before[name]


def test_reservations_replace_shows_the_history_of_the_block(cli: Cli, made: str) -> None:
    answer = cli.json("reservations", "replace", made, "--vehicle", "bus-9", "--reason", "van broke down")

    printed = cli("reservations", "show", answer["reservation_id"]).stdout

    assert answer["assignment"]["block_id"] == "12"
    assert f"{made} plate" in printed
    assert "replaced: van broke down" in printed
    assert f"{answer['reservation_id']} bus-9" in printed


def test_reservations_cancel_asks_and_cancels(cli: Cli, made: str) -> None:
    cli("--yes", "reservations", "cancel", made, "--reason", "trip cancelled")

    assert cli.json("reservations", "show", made)["status"] == "cancelled"


def test_reservations_make_without_a_holder_says_what_to_give(cli: Cli) -> None:
    refused = cli("reservations", "make", "north", "--charger", "bay-1", *WINDOW, status=1)

    assert "--vehicle, --rfid, --plate or --pin" in refused.stderr


def test_reservation_groups_are_put_listed_and_shown(cli: Cli) -> None:
    cli("reservation-groups", "put", "north", "fast", "--name", "Fast", "--charger", "bay-1")

    assert "Fast" in cli("reservation-groups", "list", "north").stdout
    assert cli.json("reservation-groups", "show", "north", "fast")["charger_ids"] == ["bay-1"]


def test_reservations_import_plans_applies_and_exports_a_sheet_that_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    cli("vehicles", "put", "bus-7", "--name", "Bus 7")
    sheet, exported = tmp_path / "sheet.csv", tmp_path / "exported.csv"
    sheet.write_text(SHEET)

    plan = cli("reservations", "import", "north", str(sheet))
    applied = cli("reservations", "import", "north", str(sheet), "--apply")
    cli("reservations", "export", "north", *WINDOW, "--output", str(exported))
    again = cli.json("reservations", "import", "north", str(exported), "--replace")

    assert "1 add" in plan.stdout
    assert "a-1" in plan.stdout
    assert "access-policy reservations apply" in plan.stderr
    assert "applied: 1 add" in applied.stdout
    assert again["counts"] == {"add": 0, "change": 0, "remove": 0, "unchanged": 1, "error": 0}


def test_reservations_import_names_guarded_entries_and_applies_them_by_name(
    cli: Cli, made: str, tmp_path: Path
) -> None:
    cli("vehicles", "put", "bus-7", "--name", "Bus 7")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET.replace("18:00", "08:00").replace("20:00", "09:00"))
    cli("reservations", "import", "north", str(sheet), "--apply")
    cli("reservations", "change", made, "--note", "By hand")

    plan = cli("reservations", "import", "north", str(sheet), "--replace")
    kept = cli("reservations", "import", "north", str(sheet), "--replace", "--apply")
    removed = cli("reservations", "import", "north", str(sheet), "--replace", "--apply", "--entry", made)

    assert f"only with --entry {made}" in plan.stdout.replace("\n", " ")
    assert "not applied" in kept.stderr
    assert "1 remove" in removed.stdout


def test_reservations_are_listed_by_their_holder(cli: Cli, made: str) -> None:
    def held_by(holder: str) -> list[str]:
        found = cli.json("reservations", "list", *WINDOW, "--holder", holder)["items"]
        return [each["reservation_id"] for each in found]

    assert held_by("b ab-1234") == [made], "any spelling of the plate"
    assert held_by("bus-9") == []
