"""Every command that prints a table fits a terminal of eighty columns, whatever the names are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from access_policy.entrypoints import cli as package
from tests.support.cli_in_memory import Cli
from tests.support.command_tree import commands_to_read
from tests.support.made_up_answers import ID, MadeUpAnswers
from tests.support.reused_service import openapi_document

WIDTH = 80
STYLE = re.compile(r"\x1b\[[0-9;]*m")
SOURCES = [ast.parse(file.read_text("utf-8")) for file in Path(package.__file__).parent.glob("*.py")]
VALUES = {"file": "fleet.csv", "changes": "changes.json", "kind": "rfid", "mode": "managed"}

OPTIONS = {"energy what-if": ["--own-only-below-w", "1"]}  # of those that are optional, what a command needs


def functions_that_print_a_table() -> set[str]:
    """The names of all functions that call `table`, or call one that does."""
    calls = {
        function.name: {
            getattr(call.func, "id", getattr(call.func, "attr", ""))
            for call in ast.walk(function)
            if isinstance(call, ast.Call)
        }
        for source in SOURCES
        for function in ast.walk(source)
        if isinstance(function, ast.FunctionDef)
    }
    found = {"table"}
    while more := {name for name, called in calls.items() if name not in found and called & found}:
        found |= more
    return found


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


def with_a_table() -> list[tuple[str, Any]]:
    names = functions_that_print_a_table()
    every = commands(commands_to_read())
    return [(path, command) for path, command in every if command.callback.__name__ in names]


def words_of(command: Any) -> list[str]:
    words = []
    for param in command.params:
        if param.param_type_name == "argument" and (param.required or param.name in VALUES):
            words.append(VALUES.get(param.name, ID))
        elif param.required:
            words += [param.opts[0], VALUES.get(param.name, ID)]
    return words


@pytest.mark.parametrize(("path", "command"), with_a_table(), ids=lambda each: each if isinstance(each, str) else "")
def test_table_fits_eighty_columns(path: str, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet.csv").write_text("vehicle_id,name,access_class\n")
    (tmp_path / "changes.json").write_text('{"enforcement": "observe"}')
    cli = Cli(MadeUpAnswers(openapi_document()))
    cli.environment |= {"COLUMNS": str(WIDTH), "TTY_COMPATIBLE": "1", "XDG_CONFIG_HOME": str(tmp_path)}
    cli("login", f"https://{ID}.example", "--name", ID, "--token", "t")  # for the list of contexts

    shown = cli(*path.split(), *words_of(command), *OPTIONS.get(path, ())).stdout

    lines = [STYLE.sub("", line) for line in shown.splitlines()]
    assert len(lines) > 1
    assert max(map(cell_len, lines)) <= WIDTH


def test_table_of_attempts_shows_whole_ids_and_in_a_pipe_everything() -> None:
    cli = Cli(MadeUpAnswers(openapi_document()))
    piped = cli("attempts", "list").stdout
    cli.environment |= {"COLUMNS": str(WIDTH), "TTY_COMPATIBLE": "1"}
    shown = STYLE.sub("", cli("attempts", "list").stdout)

    assert f"attempt {ID}" in shown
    assert len(piped.splitlines()) == 4
    assert piped.splitlines()[1].split("\t")[-1] == ID
