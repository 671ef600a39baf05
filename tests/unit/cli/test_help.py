"""The help of every command: each option and argument is explained, and the lines fit a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from access_policy.entrypoints.cli.root import app
from tests.support.cli_in_memory import Cli


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_command_explains_each_option_and_argument(path: tuple[str, ...], command: Any) -> None:
    unexplained = [each.opts[0] for each in command.params if not each.hidden and (each.help or "[")[0] == "["]
    unnamed = [
        each.name
        for each in command.params
        if each.param_type_name == "argument" and not str(each.metavar or "").isupper()
    ]

    assert unexplained == []
    assert unnamed == []


def test_help_of_every_command_fits_eighty_columns(cli: Cli) -> None:
    cli.environment["COLUMNS"] = "80"

    for path, _ in COMMANDS:
        explained = cli(*path, "--help").stdout.partition("\nExamples:")[0]
        assert [line for line in explained.splitlines() if len(line) > 80] == [], path


def test_help_shows_the_type_of_each_value_of_a_repeatable_option(cli: Cli) -> None:
    assert "--rfid <str> " in cli("vehicles", "put", "-h").stdout
    assert "--role <api|gateway|projector|publisher>" in cli("serve", "-h").stdout
    for path, _ in COMMANDS:
        assert "<list[" not in cli(*path, "-h").stdout, path
