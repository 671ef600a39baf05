"""`access-policy entrances`, `decide --entrance`, and attempts at entrances in the list."""

from __future__ import annotations

import pytest

from tests.support.cli_in_memory import Cli


@pytest.fixture
def gate(cli: Cli) -> Cli:
    cli("entrances", "put", "nor", "gate", "--name", "North gate", "--early", "30")
    return cli


def test_entrance_put_without_chargers_leads_to_the_whole_depot_and_is_listed_and_removed(gate: Cli) -> None:
    (listed,) = gate.json("entrances", "list", "north")["items"]

    assert (listed["entrance_id"], listed["early_entry_min"], listed["leads_to"]) == ("gate", 30, ["bay-1"])
    assert gate.json("entrances", "show", "north", "gate") == listed
    assert "entrance gate is removed" in gate("--yes", "entrances", "remove", "north", "gate").stdout
    assert gate.json("entrances", "list", "north")["items"] == []


def test_entrance_of_chargers_takes_a_pattern_and_a_group(cli: Cli) -> None:
    cli("reservation-groups", "put", "north", "fast", "--name", "Fast", "--charger", "bay-1")

    cli("entrances", "put", "north", "gate", "--name", "Gate", "--charger", "bay-*", "--group", "fast")

    shown = cli.json("entrances", "show", "north", "gate")
    assert (shown["charger_ids"], shown["group_ids"], shown["early_entry_min"]) == (["bay-1"], ["fast"], 15)


def test_decide_at_an_entrance_explains_the_denial_and_shows_the_driver_s_text(gate: Cli) -> None:
    printed = gate("decide", "--entrance", "gate", "plate", "HH XY 99").stdout

    assert printed.startswith("denied: unknown_identifier\n")
    assert "o vehicle had it" in printed
    assert "the driver reads: This vehicle is not registered here." in printed
    assert gate.json("attempts", "list", "--entrance", "gate")["items"] == []


def test_attempt_recorded_at_an_entrance_is_listed_with_it(gate: Cli) -> None:
    gate("decide", "--entrance", "gate", "plate", "HH XY 99", "--record")
    gate("decide", "bay-1", "plate", "HH XY 99", "--record")

    printed = gate("attempts", "list", "--entrance", "gate").stdout

    assert "entrance gate" in printed
    assert "bay-1" not in printed


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--entrance", "gate", "bay-1", "plate", "HH XY 99"), 2, "--entrance replaces CHARGER"),
        (("bay-1", "plate"), 2, "VALUE is missing"),
        (("--entrance", "yard", "plate", "HH XY 99"), 1, "There is no entrance yard"),
    ],
)
def test_decision_that_names_no_place_or_two_is_refused(
    gate: Cli, words: tuple[str, ...], status: int, told: str
) -> None:
    answer = gate("decide", *words, status=status)

    assert told in " ".join((answer.stdout + answer.stderr).replace("│", " ").split())
