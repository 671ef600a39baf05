"""Every command has an example, and every example is a line that its command reads."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from access_policy.entrypoints.cli.examples import EXAMPLES, lines_of
from tests.support.command_tree import commands_to_read

LINES = [(path, line) for path in EXAMPLES for line in lines_of(path)]


@pytest.mark.parametrize(("path", "line"), LINES)
def test_example_is_read_by_its_command(path: str, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("fleet.csv", "chargers.csv", "sheet.csv", "holidays.ics", "profile.toml"):
        (tmp_path / name).write_text("")
    command: Any = commands_to_read()
    words = shlex.split(line.partition(" < ")[0])[1:]
    for name in path.split():
        assert words.pop(0) == name
        command = command.commands[name]

    command.make_context(path, words)


def test_every_command_of_the_help_has_an_example() -> None:
    assert set(EXAMPLES) == set(_paths(commands_to_read())) - {"rebuild"}  # the former name, hidden


def _paths(group: Any, *path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _paths(command, *path, name)
        else:
            yield " ".join((*path, name))
