"""`timeline` of several chargers: a line for each, below each other."""

from __future__ import annotations

from tests.support.cli_in_memory import Cli

NIGHTS = ("--name", "Nights", "--mode", "managed", "--recurrence", "daily", "--start", "22:00", "--end", "06:00")
DAY = ("--from", "2026-11-19 00:00")
OTHERS = ("--depot", "north", "--profile", "ocpp16-central", "--baseline-mode", "freevend")


def test_timeline_of_a_depot_draws_a_day_of_each_charger_on_one_scale(cli: Cli) -> None:
    cli("chargers", "put", "gate-at-the-northern-entrance-of-the-yard", "--charge-point-id", "CP-9", *OTHERS)
    cli("chargers", "put", "bay-2", "--charge-point-id", "CP-2", *OTHERS)
    cli("rules", "add", "bay-2", *NIGHTS)
    cli.environment |= {"COLUMNS": "80", "TTY_COMPATIBLE": "1", "NO_COLOR": "1"}

    title, day, *lines = cli("timeline", "--depot", "north", *DAY).stdout.replace("\x1b[1m", "").splitlines()

    assert "times of Europe/Berlin" in title
    assert day.startswith("Thu 19 Nov")
    noon = day.index("12")
    night = day.index("03")
    drawn = {line.split()[0]: line for line in lines[:2]}
    assert (drawn["bay-1"][noon], drawn["bay-2"][noon], drawn["bay-2"][night]) == ("█", "─", "█")
    assert lines[2] == "gate-at-the-northern-entrance-of-the-yard"
    assert lines[3].strip() == "─" * 48
    assert max(map(len, lines)) <= 80
    assert any("rule 'Nights'" in line for line in lines)


def test_timeline_of_a_pattern_or_several_chargers_is_one_list_as_json(cli: Cli) -> None:
    cli("chargers", "put", "bay-2", "--charge-point-id", "CP-2", *OTHERS)

    several = cli.json("timeline", "bay-*", *DAY)["items"]

    assert [each["charger_id"] for each in several] == ["bay-1", "bay-2"]
    assert several[0]["until"] == "2026-11-19T23:00:00Z"
    assert cli.json("timeline", "--depot", "north", *DAY)["items"] == several
    assert cli.json("timeline", "bay-1", *DAY)["until"] == "2026-11-25T23:00:00Z"


def test_timeline_needs_chargers_or_a_depot_with_chargers(cli: Cli) -> None:
    cli("depots", "put", "south", "--name", "South", "--time-zone", "Europe/Rome")

    assert "give either chargers or --depot" in cli("timeline", status=2).stderr
    assert "give either chargers or --depot" in cli("timeline", "bay-1", "--depot", "north", status=2).stderr
    assert "the depot south has no chargers" in cli("timeline", "--depot", "south", status=1).stderr
    assert "depot" in cli("timeline", "--depot", "nowhere", status=1).stderr
