"""Simulated drivers, and faults and outages of chargers, for as long as the demo runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from random import Random

from access_policy.entrypoints.demo.fleet import (
    BREAKS_DOWN,
    CHARGERS,
    GOES_OFFLINE,
    UNSWITCHABLE,
    VEHICLES,
    DemoVehicle,
)
from simulated_charger import OCPP201, SimulatedCharger

log = logging.getLogger(__name__)

CHANCE = Random(20261120)  # noqa: S311  for the demo, not a secret


async def come_and_go(chargers: Mapping[str, SimulatedCharger]) -> None:
    """Play visits, outages and faults until cancelled."""
    async with asyncio.TaskGroup() as depot:
        for demo in CHARGERS:
            if demo is not UNSWITCHABLE:
                depot.create_task(_visits(chargers[demo.charger_id]))
        depot.create_task(_goes_offline_at_times(chargers[GOES_OFFLINE.charger_id]))
        depot.create_task(_breaks_down_at_times(chargers[BREAKS_DOWN.charger_id]))


async def _visits(charger: SimulatedCharger) -> None:
    while True:
        await asyncio.sleep(CHANCE.uniform(5, 25))
        visitor = CHANCE.choice([vehicle for vehicle in VEHICLES if _can_come(vehicle, charger)])
        try:
            await charger.try_to_charge(
                identifier=visitor.presents,
                vehicle=visitor.on_the_cable,
                for_s=CHANCE.uniform(5, 20),
                patience_s=5,
            )
        except (TimeoutError, ConnectionError) as trouble:
            log.info("a visit to %s ended early: %s", charger.spec.charge_point_id, trouble)


def _can_come(vehicle: DemoVehicle, charger: SimulatedCharger) -> bool:
    """Return False for a PIN at an OCPP 1.6 charger, whose tags have no kind."""
    is_pin = vehicle.presents is not None and vehicle.presents.kind.value == "pin"
    return not is_pin or charger.spec.protocol == OCPP201


async def _goes_offline_at_times(charger: SimulatedCharger) -> None:
    while True:
        await asyncio.sleep(CHANCE.uniform(60, 120))
        charger.go_offline()
        await asyncio.sleep(CHANCE.uniform(30, 90))
        charger.come_online()


async def _breaks_down_at_times(charger: SimulatedCharger) -> None:
    while True:
        await asyncio.sleep(CHANCE.uniform(90, 180))
        await charger.break_down(error_code="GroundFailure")
        await asyncio.sleep(20)
        charger.repair()
