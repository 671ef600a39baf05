"""The service with a fleet's chargers: `python -m benchmarks.fleet_server DIRECTORY CHARGERS DEPOTS PORT`.

In a new directory it registers the chargers (alternately OCPP 1.6 with a configuration key, and 2.0.1 with AuthCtrlr.Enabled,
spread over the depots), one more charger for the prober, and `VEHICLES` own vehicles; in an existing directory it continues.
Prints one line of JSON with where it listens and which token to use, and serves until it is stopped, with the default settings.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.context import Context
from access_policy.application.ports.identity import Role
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from benchmarks.fleet_client import VEHICLES, charge_point, is_v16, tag

TENANT = TenantId("bench")
CONTEXT = Context(tenant_id=TENANT, actor=ActorId("bench"), correlation_id="bench")
AT_A_TIME = 100


async def main(directory: Path, chargers: int, depots: int, port: int) -> None:
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # it reports how each killed socket ended
    is_new = not (directory / "events.sqlite").exists()
    settings = Settings(data=directory, http="127.0.0.1:0", ocpp=f"127.0.0.1:{port}")
    anywhere = Settings(data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0")
    if is_new:
        async with Service(anywhere).running() as service:
            await set_up(service, chargers, depots)

    async def ready(service: Service) -> None:
        token = service.container.stores.tokens().issue(TENANT, Role.ADMIN, subject="bench", ttl=timedelta(hours=3))
        print(json.dumps({"http": service.http_port, "ocpp": service.ocpp_port, "token": token}), flush=True)

    await Service(settings).run(ready)


async def set_up(service: Service, chargers: int, depots: int) -> None:
    container = service.container
    for number in range(depots):
        settings = DepotSettings(name=f"Depot {number}", time_zone="UTC")
        await container.commands.put_depot()(CONTEXT, PutDepot(depot_id=DepotId(f"depot-{number}"), settings=settings))
    for number in range(VEHICLES):
        vehicle = PutVehicle(
            vehicle_id=VehicleId(f"vehicle-{number}"),
            description=VehicleDescription(name=f"Vehicle {number}", access_class=AccessClass.OWN),
            identifiers=[(IdentifierKind.RFID, tag(number))],
        )
        await container.commands.put_vehicle()(CONTEXT, vehicle)
    for first in range(0, chargers + 1, AT_A_TIME):
        await asyncio.gather(*(_put(service, n, depots) for n in range(first, min(chargers + 1, first + AT_A_TIME))))


def _put(service: Service, number: int, depots: int) -> Awaitable[Any]:
    charger = PutCharger(
        charger_id=ChargerId(f"charger-{number}"),
        charge_point_id=ChargePointId(charge_point(number)),
        depot_id=DepotId(f"depot-{number % depots}"),
        profile="zaptec-go-1.6" if is_v16(number) else "ocpp201-authctrlr",
        baseline_mode=AccessMode.MANAGED,
        offline_starts=OfflineStarts.LIST,
    )
    answer: Awaitable[Any] = service.container.commands.put_charger()(CONTEXT, charger)
    return answer


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
