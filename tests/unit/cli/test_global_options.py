"""Global options anywhere on the line, and missing options."""

from __future__ import annotations

import pytest
import typer

from access_policy.entrypoints.cli.global_options import hoisted
from access_policy.entrypoints.cli.root import app
from tests.support.cli_in_memory import Cli

ROOT = typer.main.get_command(app)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("depots list --json --url http://b", "--json --url http://b depots list"),
        ("depots --token=t list", "--token=t depots list"),
        ("depots put north --time-zone Europe/Rome --json", "--json depots put north --time-zone Europe/Rome"),
        ("depots list --time-zone Europe/Rome", "--time-zone Europe/Rome depots list"),
        ("webhooks create w --url https://w", "webhooks create w --url https://w"),
        ("vehicles put bus-1 --name --json", "vehicles put bus-1 --name --json"),
        ("vehicles show -- --json", "vehicles show -- --json"),
        ("--data d serve", "serve --data d"),
        ("--data d depots list", "--data d depots list"),
        ("token --role viewer", "token --role viewer"),
        ("depots list --role viewer", "--role viewer depots list"),
        ("nonsense --json", "--json nonsense"),
    ],
)
def test_global_option_is_read_wherever_it_is_unless_the_command_has_its_own(typed: str, read: str) -> None:
    assert hoisted(ROOT, None, typed.split()) == read.split()


def test_missing_options_are_reported_at_once(cli: Cli) -> None:
    refused = cli("rules", "add", "--name", "Nights", status=2)

    assert "Missing CHARGER, --mode, --recurrence, --start and --end." in refused.stderr


@pytest.mark.parametrize("command", [("depots",), ("depots", "put"), ("override",), ("serve",)])
def test_short_help_option_works_at_every_level(cli: Cli, command: tuple[str, ...]) -> None:
    assert cli(*command, "-h").stdout.startswith("Usage: ")
