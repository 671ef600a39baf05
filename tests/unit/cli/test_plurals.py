"""One thing is not several: numbers in sentences of the command line."""

from __future__ import annotations

from pathlib import Path

from tests.support.cli_in_memory import Cli


def test_sentences_about_one_thing_are_in_the_singular(cli: Cli, tmp_path: Path) -> None:
    days = ("2026-12-25=Christmas", "2026-12-26=Boxing Day")
    fleet = tmp_path / "fleet.csv"
    fleet.write_text("vehicle_id,name,access_class,rfid\nbus-1,Bus 1,own,4.12E+12\n")

    assert "vehicle bus-7 has 1 identifier\n" in cli("vehicles", "put", "bus-7", "--name", "B", "--pin", "4711").stdout
    assert "has 1 entry\n" in cli("calendars", "put", "north", "holidays", days[0], "--name", "Holidays").stdout
    assert "has 2 entries\n" in cli("calendars", "put", "north", "holidays", *days, "--name", "Holidays").stdout
    assert "1 charger: unreachable 1" in cli("status").stdout
    assert " at 1 charger\n" in cli("depots", "override", "north", "freevend", "--reason", "x", "--for", "2h").stdout
    assert "1 row has errors" in cli("registry", "import", str(fleet), "--apply", status=1).stderr
