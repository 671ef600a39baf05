"""Start-up: help, the version and completion import no command and no large library."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from access_policy.entrypoints.cli.command_table import ENTRIES, SECTIONS
from tests.support.cli_in_memory import Cli

HEAVY = ("httpx", "pydantic", "pydantic_settings", "sqlalchemy", "structlog", "rich", "jwt", "msgspec", "dateutil")
COMMANDS = ("typer", "click", "access_policy.entrypoints.cli.root")
PROGRAM = """
import sys
sys.argv[0] = "access-policy"
from access_policy.entrypoints.cli.__main__ import main
try:
    main()
except SystemExit:
    pass
print("\\n" + " ".join(sys.modules), file=sys.stderr)
"""


def imported(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """The output of the command in a new interpreter, and the modules that it has imported."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout, set(ran.stderr.splitlines()[-1].split())


def completing(words: str) -> dict[str, str]:
    return {"_ACCESS_POLICY_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": words}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--help",), "Every day:"),
        (("-h",), "Every day:"),
        (("--version",), "access-policy "),
        (("chargers", "-h"), "retire"),
        (("serve", "-h"), "--single-process"),
        (("backup", "-h"), "Back up the files"),
    ],
)
def test_help_and_version_import_no_heavy_module(arguments: tuple[str, ...], says: str) -> None:
    output, modules = imported(*arguments)

    assert says in output
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("access-policy ch", "chargers"),
        ("access-policy chargers re", "retire"),
        ("access-policy rules add --na", "--name"),
        ("access-policy --role ", "auditor"),
    ],
)
def test_completion_imports_no_command_and_no_heavy_module(line: str, says: str) -> None:
    output, modules = imported(**completing(line))

    assert says in output
    assert modules.isdisjoint((*HEAVY, *COMMANDS))


def test_completion_of_ids_imports_no_command_and_no_heavy_module() -> None:
    unreachable = {"ACCESS_POLICY_URL": "http://127.0.0.1:9", "ACCESS_POLICY_TOKEN": "t"}

    output, modules = imported(**completing("access-policy chargers show "), **unreachable)

    assert output.startswith("_files")
    assert modules.isdisjoint((*HEAVY, *COMMANDS))


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_first_level_imports_no_module_of_a_command(argument: str) -> None:
    _, modules = imported(argument)

    assert modules.isdisjoint(f"access_policy.entrypoints.cli.{each.module}" for each in ENTRIES.values())


def test_table_of_commands_names_every_command_of_its_modules() -> None:
    from importlib import import_module

    for entry in ENTRIES.values():
        module = import_module(f"access_policy.entrypoints.cli.{entry.module}")
        if entry.group is None:
            named = {each.name or each.callback.__name__ for each in module.app.registered_commands if each.callback}
            assert entry.name in named
            assert named <= set(ENTRIES)
        else:
            assert getattr(module, entry.group).registered_commands


def test_help_groups_commands_and_fits_eighty_columns(cli: Cli) -> None:
    cli.environment["COLUMNS"] = "80"
    shown = cli("-h").stdout

    assert [line[:-1] for line in shown.splitlines() if line[:-1] in SECTIONS] == list(SECTIONS)
    assert max(map(len, shown.splitlines())) <= 80
