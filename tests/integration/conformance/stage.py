"""The stage on which the compliance cases are played: the whole service, one simulated charger, and every message of the
service is checked against the published schemas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.application.context import Context
from access_policy.application.ports.views import AttemptFilter
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.charger_access_policy.application import ModeApplication
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ActorId, AgreementId, ChargePointId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.builders import HOUR
from tests.support.chargers import ChargerSpec, Identifier, SimulatedCharger
from tests.support.ocpp_schemas import FrameWatch
from tests.support.places import prepare_file

ACME, BAY = TenantId("acme"), ChargerId("bay-1")
KEY = (ACME, BAY)
CONTEXT = Context(tenant_id=ACME, actor=ActorId("tester"), correlation_id="test")
OWN, SUSPENDED, ENDED, STRANGER = (Identifier.rfid(f"04{letter * 12}") for letter in "ABCF")
SPEC = ChargerSpec(url="", charge_point_id="CP-1", sample_every_s=0.2, time_compression=600.0, reconnect_min_s=0.05)


@dataclass
class Stage:
    service: Service
    charger: SimulatedCharger
    offences: list[str] = field(default_factory=list)

    def asked(self, action: str) -> list[dict[str, Any]]:
        """Payloads of the service's calls with this action, oldest first."""
        return [frame.message[3] for frame in self.charger.frames if not frame.sent and frame.action == action]

    def answers(self, action: str) -> list[dict[str, Any]]:
        """The service's answers to the charger's calls with this action, oldest first."""
        ids = [frame.message[1] for frame in self.charger.frames if frame.sent and frame.action == action]
        by_id = {frame.message[1]: frame.message for frame in self.charger.frames if not frame.sent}
        return [by_id[each][2] for each in ids if each in by_id and by_id[each][0] == 3]

    @property
    def application(self) -> ModeApplication:
        return self.service.container.deciding.view().charger(*KEY).policy.application

    async def until(self, fits: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not fits():  # noqa: ASYNC110  states of several objects, none of which tells
                await asyncio.sleep(0.02)

    async def until_applied(self, mode: AccessMode) -> None:
        await self.until(lambda: self.application.applied_mode is mode and self.application.requested_mode is mode)

    async def override(self, mode: AccessMode) -> None:
        command = OverrideMode(charger_id=BAY, mode=mode, reason="a test", lasts=HOUR)
        done = await self.service.container.commands.override_mode()(CONTEXT, command)
        await self.service.settled(done.position)

    async def attempts(self, fits: Callable[[list[Any]], object] = bool) -> list[Any]:
        """The attempts in the access log, newest first, once they read as expected."""
        async with asyncio.timeout(30):
            while True:
                page = await self.service.container.read_side.views().attempts(
                    ACME, AttemptFilter(), cursor=None, limit=20
                )
                if fits(list(page.items)):
                    return list(page.items)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def stage(
    path: Path,
    spec: ChargerSpec,
    *,
    profile: str = "",
    baseline: AccessMode = AccessMode.MANAGED,
    offline_starts: OfflineStarts = OfflineStarts.LIST,
    ready: bool = True,
) -> AsyncIterator[Stage]:
    """Served until the end of the block; then no frame that the service has sent may violate the schemas."""
    settings = Settings(data=path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    prepare_file(settings.data / "views.sqlite")
    async with Service(settings).running() as service:
        position = await _people(service, profile or _central(spec.protocol), baseline, offline_starts)
        await service.settled(position)
        at = replace(spec, url=f"ws://127.0.0.1:{service.ocpp_port}/ocpp", keep_frames=2_000)
        watch = FrameWatch(spec.protocol)
        async with SimulatedCharger(at, on_frame=watch) as charger:
            played = Stage(service, charger, watch.offences)
            if ready:
                await charger.until_ready()
                await played.until(lambda: service.container.chargers.connections().serving_epoch(KEY) is not None)
            yield played
        assert played.offences == []


def _central(protocol: str) -> str:
    return f"{protocol.replace('.', '')}-central"


async def _people(service: Service, profile: str, baseline: AccessMode, offline_starts: OfflineStarts) -> int:
    """A depot, its charger, an own vehicle, a suspended one, and one whose agreement has ended."""
    c = service.container
    depot = PutDepot(depot_id=DepotId("north"), settings=DepotSettings(name="North", time_zone="Europe/Berlin"))
    await c.commands.put_depot()(CONTEXT, depot)
    bay = PutCharger(
        charger_id=BAY,
        charge_point_id=ChargePointId("CP-1"),
        depot_id=DepotId("north"),
        profile=profile,
        baseline_mode=baseline,
        offline_starts=offline_starts,
    )
    await c.commands.put_charger()(CONTEXT, bay)
    over = Agreement(
        agreement_id=AgreementId("over"),
        name="Over",
        fleet="Others",
        valid_from=datetime(2020, 1, 1, tzinfo=UTC),
        valid_until=datetime(2021, 1, 1, tzinfo=UTC),
    )
    await c.commands.put_agreement()(CONTEXT, PutAgreement(agreement=over))
    for name, shown, agreement_id in (
        ("own", OWN, None), ("suspended", SUSPENDED, None), ("ended", ENDED, AgreementId("over"))
    ):  # fmt: skip
        access_class = AccessClass.OWN if agreement_id is None else AccessClass.AGREEMENT
        description = VehicleDescription(name=name, access_class=access_class, agreement_id=agreement_id)
        put = PutVehicle(
            vehicle_id=VehicleId(name), description=description, identifiers=[(IdentifierKind.RFID, shown.value)]
        )
        await c.commands.put_vehicle()(CONTEXT, put)
    done = await c.commands.suspend_vehicle()(
        CONTEXT, SuspendVehicle(vehicle_id=VehicleId("suspended"), reason="a test")
    )
    return int(done.position)
