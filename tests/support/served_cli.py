"""The command line against a service in a process of its own. The fixtures are in `tests/integration/conftest.py`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from access_policy.entrypoints.cli.root import app
from tests.support.command_line import serving

Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def cli_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    data = tmp_path_factory.mktemp("data")
    flags = ("--data", str(data), "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0")
    with serving(*flags, environment=os.environ, says=r":(\d+)/v1") as said:
        yield f"http://127.0.0.1:{said[1]}", data


@pytest.fixture
def cli(cli_service: tuple[str, Path], request: pytest.FixtureRequest) -> Cli:
    """Each test is a tenant of its own, with a depot and a charger."""
    tenant = re.sub(r"[^a-z0-9]+", "-", request.node.name)[:60]

    def run(*arguments: str, status: int = 0, stdin: str | None = None) -> Result:
        environment = {
            "ACCESS_POLICY_TENANT": tenant,
            "ACCESS_POLICY_DATA": str(cli_service[1]),
            "ACCESS_POLICY_ROLE": "admin",
            "COLUMNS": "200",
        }
        result = CliRunner().invoke(app, ["--yes", "--url", cli_service[0], *arguments], input=stdin, env=environment)
        assert result.exit_code == status, result.output
        return result

    if tenant not in {each["tenant_id"] for each in answer(run("tenants", "list", "--json"))["items"]}:
        run("tenants", "create", tenant)  # cases of one test share their tenant
    run("depots", "put", "north", "--name", "North", "--time-zone", "Europe/Berlin")
    charger = ("--charge-point-id", f"CP-{tenant}"[:60], "--depot", "north", "--profile", "ocpp16-central")
    run("chargers", "put", "bay-1", *charger, "--baseline-mode", "managed")
    return run


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


NIGHTS = ("--name", "Nights", "--mode", "managed", "--recurrence", "FREQ=DAILY", "--start", "22:00", "--end", "06:00")
