"""The API, empty, and with a depot, a charger or two, an agreement and two vehicles in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_api import HttpApi, http_api

DEPOT = {"name": "North", "time_zone": "Europe/Berlin"}
CHARGER = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}
AGREEMENT = {"name": "Couriers", "fleet": "City Couriers", "valid_from": "2026-01-01T00:00:00Z"}
RFID = {"kind": "rfid", "value": "04:A1:B2:C3:D4:E5:F6"}
STRANGER = {"kind": "rfid", "value": "04FFFFFFFFFFFF"}
BUS = {"name": "Bus 7", "access_class": "own", "identifiers": [RFID]}
VAN = {
    "name": "Van 2",
    "access_class": "agreement",
    "agreement_id": "couriers",
    "identifiers": [{"kind": "mac", "value": "VID:1a-2b-3c-4d-5e-6f"}, {"kind": "pin", "value": "482915"}],
    "plate": "B-AB 1234",
}
NIGHTS = {"name": "Nights", "mode": "managed", "recurrence": "FREQ=DAILY", "start": "22:00", "end": "06:00"}
GIVEN: tuple[tuple[str, str, Any], ...] = (
    ("PUT", "/v1/depots/north", DEPOT),
    ("PUT", "/v1/chargers/bay-1", CHARGER),
    ("PUT", "/v1/agreements/couriers", AGREEMENT),
    ("PUT", "/v1/vehicles/bus-7", BUS),
    ("PUT", "/v1/vehicles/van-2", VAN),
)
SECOND_CHARGER = ("PUT", "/v1/chargers/bay-2", {**CHARGER, "charge_point_id": "CP-2"})


@pytest.fixture
async def empty_api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path) as api:
        yield api


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=GIVEN) as api:
        yield api


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[HttpApi]:
    """As `api`, with a second charger."""
    async with http_api(tmp_path, given=(*GIVEN, SECOND_CHARGER)) as api:
        yield api
