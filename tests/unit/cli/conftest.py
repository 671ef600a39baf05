"""The command line, with a depot in Berlin and a charger there; `asked` are the requests it makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_in_memory import Cli, ToTheApp, cli_in_memory

DEPOT = ("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
CHARGER = (
    "PUT",
    "/v1/chargers/bay-1",
    {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"},
)


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[tuple[Cli, ToTheApp]]:
    with cli_in_memory(tmp_path, given=(DEPOT, CHARGER)) as wired:
        yield wired


@pytest.fixture
def cli(wired: tuple[Cli, ToTheApp]) -> Cli:
    return wired[0]


@pytest.fixture
def asked(wired: tuple[Cli, ToTheApp]) -> ToTheApp:
    return wired[1]
