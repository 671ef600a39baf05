"""The command line, with a depot in Berlin and a charger there; `asked` are the requests it makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_in_memory import Cli, ToTheApp, cli_in_memory


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[tuple[Cli, ToTheApp]]:
    with cli_in_memory(tmp_path) as (cli, transport):
        cli("depots", "put", "north", "--name", "North", "--time-zone", "Europe/Berlin")
        charger = ("--charge-point-id", "CP-1", "--depot", "north", "--profile", "ocpp16-central")
        cli("chargers", "put", "bay-1", *charger, "--baseline-mode", "managed")
        transport.asked.clear()
        yield cli, transport


@pytest.fixture
def cli(wired: tuple[Cli, ToTheApp]) -> Cli:
    return wired[0]


@pytest.fixture
def asked(wired: tuple[Cli, ToTheApp]) -> ToTheApp:
    return wired[1]
