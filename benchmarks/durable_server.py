"""The service under test: 200 chargers under managed access, 1,000 vehicles, SQLite with every commit synchronised.

`python -m benchmarks.durable_server DIRECTORY CHARGERS [ROLES]` prints the OCPP port and, with the role `api`, the HTTP port,
each on a line, and serves until it is stopped. The environment's settings name the database.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.context import Context
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from benchmarks.load_client import KNOWN_TAGS, tag

CONTEXT = Context(tenant_id=TenantId("bench"), actor=ActorId("bench"), correlation_id="bench")


ALL_ROLES = "api,gateway,projector,publisher"


async def main(directory: Path, chargers: int, roles: str) -> None:
    settings = Settings(data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, roles=roles)
    service = Service(settings)
    await set_up(service, chargers)
    if "projector" not in roles:  # another process keeps the read models; this one has already read the set-up
        await service.container.read_side.follower().resume()
        await service.container.read_side.follower().catch_up()

    async def ready(_: Service) -> None:
        ports = [service.ocpp_port, service.http_port] if "api" in roles else [service.ocpp_port]
        print(*ports, sep="\n", flush=True)

    await service.run(ready)


async def set_up(service: Service, chargers: int) -> None:
    container = service.container
    depot = PutDepot(depot_id=DepotId("bench"), settings=DepotSettings(name="Bench", time_zone="Europe/Berlin"))
    await container.commands.put_depot()(CONTEXT, depot)
    for number in range(chargers):
        charger = PutCharger(
            charger_id=ChargerId(f"charger-{number}"),
            charge_point_id=ChargePointId(f"CP{number:04d}"),
            depot_id=DepotId("bench"),
            profile="ocpp16-central",
            baseline_mode=AccessMode.MANAGED,
        )
        await container.commands.put_charger()(CONTEXT, charger)
    for number in range(KNOWN_TAGS):
        vehicle = PutVehicle(
            vehicle_id=VehicleId(f"vehicle-{number}"),
            description=VehicleDescription(name=f"Vehicle {number}", access_class=AccessClass.OWN),
            identifiers=[(IdentifierKind.RFID, tag(number))],
        )
        await container.commands.put_vehicle()(CONTEXT, vehicle)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ALL_ROLES))
