"""Refusals of the service name options and commands, not fields of the API."""

from __future__ import annotations

import pytest

from access_policy.entrypoints.cli.refusals import PROBLEM, lines_of
from tests.support.cli_in_memory import Cli

TERMS = {"name": "--name", "until": "--until", "for": "--for", "if_match": "--if-match", "partial": "--partial"}


@pytest.mark.parametrize(
    ("detail", "line"),
    [
        ("give 'until' or 'for'.", "give --until or --for."),
        ("The body: give exactly one of until, for and if_match", "give exactly one of --until, --for and --if-match"),
        ("choose another 'mode'.", "choose another 'mode'."),
        ("leave If-Match out to create it.", "leave --if-match out to create it."),
        ("The file has no name; name it with ?name=.", "The file has no name; name it with --name."),
        ("or send partial to apply the others.", "or give --partial to apply the others."),
    ],
)
def test_refusal_without_a_pointer_names_the_options(detail: str, line: str) -> None:
    assert lines_of({"detail": detail}, TERMS) == [line]


def test_refusal_of_an_unknown_thing_names_the_command_that_lists_them() -> None:
    problem = {"type": f"{PROBLEM}schedule-not-found", "detail": "There is no such schedule."}

    assert lines_of(problem, {}) == ["There is no such schedule.", "see: access-policy schedules list"]


def test_command_for_an_unknown_charger_names_the_list(cli: Cli) -> None:
    assert "see: access-policy chargers list" in cli("chargers", "show", "nowhere", status=1).stderr


def test_override_without_an_end_names_the_options(cli: Cli) -> None:
    refused = cli("override", "bay-1", "freevend", "--reason", "x", status=1).stderr

    assert "--until" in refused
    assert "--for" in refused
    assert "'until'" not in refused


def test_copy_of_a_policy_to_a_pattern_leaves_out_its_own_charger(cli: Cli) -> None:
    more = ("--depot", "north", "--profile", "ocpp16-central", "--baseline-mode", "managed")
    cli("chargers", "put", "bay-2", "--charge-point-id", "CP-2", *more)

    copied = cli("chargers", "copy-policy", "bay-1", "bay-*").stdout

    assert [line.partition(":")[0] for line in copied.splitlines()] == ["bay-2"]


def test_several_chargers_are_retired_and_copied_to_by_a_pattern(cli: Cli) -> None:
    others = ("--depot", "north", "--profile", "ocpp16-central", "--baseline-mode", "managed")
    for number in (2, 3):
        cli("chargers", "put", f"bay-{number}", "--charge-point-id", f"CP-{number}", *others)

    copied = cli("chargers", "copy-policy", "bay-1", "bay-[23]").stdout
    retired = cli("chargers", "retire", "bay-[23]").stdout

    assert [line.partition(":")[0] for line in copied.splitlines()] == ["bay-2", "bay-3"]
    assert retired == "charger bay-2 is retired\ncharger bay-3 is retired\n"
