"""Start-up: help, the version and completion import no command and no large library."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from access_policy.entrypoints.cli.command_table import ENTRIES, SECTIONS
from tests.support.cli_in_memory import Cli

HEAVY = ("httpx", "pydantic", "pydantic_settings", "sqlalchemy", "structlog", "rich", "jwt", "msgspec", "dateutil")
PROGRAM = """
import sys
from access_policy.entrypoints.cli import app
try:
    app(sys.argv[1:], prog_name="access-policy")
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
    ("arguments", "environment", "says"),
    [
        (("--help",), {}, "Every day:"),
        (("-h",), {}, "Every day:"),
        (("--version",), {}, "access-policy "),
        (("chargers", "-h"), {}, "retire"),
        (("serve", "-h"), {}, "--single-process"),
        (("backup", "-h"), {}, "Back up the files"),
        ((), completing("access-policy ch"), "chargers"),
        ((), completing("access-policy chargers re"), "retire"),
        ((), completing("access-policy rules add --na"), "--name"),
    ],
)
def test_help_version_and_completion_import_no_heavy_module(
    arguments: tuple[str, ...], environment: dict[str, str], says: str
) -> None:
    output, modules = imported(*arguments, **environment)

    assert says in output
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    ("arguments", "environment"), [(("--help",), {}), (("--version",), {}), ((), completing("access-policy a"))]
)
def test_first_level_imports_no_module_of_a_command(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    _, modules = imported(*arguments, **environment)

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
