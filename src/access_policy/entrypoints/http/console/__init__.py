"""The console: pages rendered by the server. One module per page; `here` is its visitor, `forms` its forms."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from access_policy.entrypoints.http.console import (
    agreements,
    assets,
    attempt,
    attempts,
    board,
    calendar_files,
    calendars,
    charger,
    charger_imports,
    charger_operations,
    charger_password,
    charger_probe,
    charger_settings,
    chargers,
    enrolling,
    faults,
    holidays,
    home,
    overrides,
    register_charger,
    reports,
    schedules,
    search,
    signing_in,
    vehicle,
    vehicle_imports,
    vehicles,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    assets.router,
    signing_in.router,
    home.router,
    board.router,
    chargers.router,
    charger_imports.router,
    charger.router,
    charger_operations.router,
    charger_settings.router,
    charger_password.router,
    charger_probe.router,
    register_charger.router,
    attempts.router,
    attempt.router,
    enrolling.router,
    vehicles.router,
    vehicle.router,
    overrides.router,
    vehicle_imports.router,
    agreements.router,
    faults.router,
    search.router,
    reports.router,
    schedules.router,
    calendars.router,
    holidays.router,
    calendar_files.router,
)
