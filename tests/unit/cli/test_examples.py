"""Every example of the help is a line that its command reads."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer

from access_policy.entrypoints.cli import app
from access_policy.entrypoints.cli.examples import EXAMPLES, lines_of

LINES = [(path, line) for path in EXAMPLES for line in lines_of(path)]


@pytest.mark.parametrize(("path", "line"), LINES)
def test_example_is_read_by_its_command(path: str, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("fleet.csv", "holidays.ics"):
        (tmp_path / name).write_text("")
    command: Any = typer.main.get_command(app)
    words = shlex.split(line.partition(" < ")[0])[1:]
    for name in path.split():
        assert words.pop(0) == name
        command = command.commands[name]

    command.make_context(path, words)
