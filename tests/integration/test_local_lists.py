"""Local lists over real OCPP: who may charge while the charger cannot ask, and who may not any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.commands.make_reservation import MakeReservation
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.application.context import Context
from access_policy.application.local_lists.keeper import LocalListKeeper
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.reservations.reservation import Place, ReservationSource
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.chargers import OCPP16, OCPP21, OCPP201, ChargerSpec, Identifier, SimulatedCharger, Vehicle
from tests.support.places import prepare_file

CONTEXT = Context(tenant_id=TenantId("acme"), actor=ActorId("tester"), correlation_id="test")
PROFILES = {OCPP16: "ocpp16-central", OCPP201: "ocpp201-central", OCPP21: "ocpp21-central"}
STRANGER = Identifier.rfid("04FFFFFFFFFFFF")


def card(number: int) -> str:
    return f"04{number:012X}"


@dataclass
class Yard:
    service: Service
    charger: SimulatedCharger

    @property
    def listed(self) -> int:
        return self.charger.state.local_authorisation.listed

    async def until(self, fits: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not fits():  # noqa: ASYNC110  a condition of the simulated charger
                await asyncio.sleep(0.05)

    async def do(self, command: Any) -> None:
        c = self.service.container.commands
        handlers = {
            PutVehicle: c.put_vehicle,
            PutCharger: c.put_charger,
            SuspendVehicle: c.suspend_vehicle,
            RemoveVehicle: c.remove_vehicle,
        }
        done = await handlers[type(command)]()(CONTEXT, command)
        await self.service.settled(done.position)

    async def registered(self, *numbers: int) -> None:
        for number in numbers:
            await self.do(
                PutVehicle(
                    vehicle_id=VehicleId(f"bus-{number}"),
                    description=VehicleDescription(name=f"Bus {number}", access_class=AccessClass.OWN),
                    identifiers=[(IdentifierKind.RFID, card(number))],
                )
            )

    async def reserved(self, holder: Identifier, *, in_s: float = 0.0) -> datetime:
        """Bay 1 for the holder's card, for an hour from then on; returns the instant."""
        now = self.service.container.clock().now()
        begins = (now + timedelta(seconds=in_s)).replace(microsecond=0)
        draft = ReservationDraft(
            place=Place(charger_id=ChargerId("bay-1")),
            start=begins,
            end=begins + timedelta(hours=1),
            source=ReservationSource.MANUAL,
            identifiers=[(IdentifierKind.RFID, holder.value)],
        )
        make = self.service.container.commands.make_reservation()
        await make(CONTEXT, MakeReservation(depot_id=DepotId("north"), draft=draft))
        return begins

    async def offline(self, presented: Identifier) -> bool:
        """Whether the charger starts while it cannot ask."""
        self.charger.go_offline()
        await self.until(lambda: not self.charger.online)
        await self.charger.plug_in(1, Vehicle())
        outcome = await self.charger.present(1, presented)
        await self.charger.unplug(1)
        return outcome.charged


def putting(protocol: str, offline: OfflineStarts = OfflineStarts.LIST) -> PutCharger:
    return PutCharger(
        charger_id=ChargerId("bay-1"),
        charge_point_id=ChargePointId("CP-1"),
        depot_id=DepotId("north"),
        profile=PROFILES[protocol],
        baseline_mode=AccessMode.MANAGED,
        offline_starts=offline,
    )


@asynccontextmanager
async def yard_of(path: Path, protocol: str, *, vehicles: int = 2, **spec: Any) -> AsyncIterator[Yard]:
    settings = Settings(data=path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    prepare_file(settings.data / "views.sqlite")
    async with Service(settings).running() as service:
        north = PutDepot(depot_id=DepotId("north"), settings=DepotSettings(name="North", time_zone="Europe/Berlin"))
        await service.container.commands.put_depot()(CONTEXT, north)
        url = f"ws://127.0.0.1:{service.ocpp_port}/ocpp"
        charger = SimulatedCharger(ChargerSpec(url=url, charge_point_id="CP-1", protocol=protocol, **spec))
        yard = Yard(service, charger)
        await yard.do(putting(protocol))
        await yard.registered(*range(vehicles))
        async with charger:
            await charger.until_ready()
            yield yard


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201, OCPP21])
async def test_a_listed_vehicle_charges_while_the_charger_cannot_ask_and_a_stranger_does_not(
    tmp_path: Path, protocol: str
) -> None:
    async with yard_of(tmp_path, protocol) as yard:
        await yard.until(lambda: yard.listed == 2)

        assert await yard.offline(Identifier.rfid(card(0)))
        assert not await yard.offline(STRANGER)


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201])
async def test_a_vehicle_that_loses_its_permission_leaves_the_list_at_once(tmp_path: Path, protocol: str) -> None:
    async with yard_of(tmp_path, protocol) as yard:
        await yard.until(lambda: yard.listed == 2)
        await yard.do(SuspendVehicle(vehicle_id=VehicleId("bus-0"), reason="stolen"))
        await yard.until(lambda: yard.listed == 1)

        assert not await yard.offline(Identifier.rfid(card(0)))
        assert await yard.offline(Identifier.rfid(card(1)))


async def test_a_vehicle_that_is_removed_leaves_the_list_although_its_values_are_forgotten(tmp_path: Path) -> None:
    async with yard_of(tmp_path, OCPP16) as yard:
        await yard.until(lambda: yard.listed == 2)
        await yard.do(RemoveVehicle(vehicle_id=VehicleId("bus-0")))
        await yard.until(lambda: yard.listed == 1)

        assert not await yard.offline(Identifier.rfid(card(0)))


async def test_a_vehicle_that_is_registered_later_comes_onto_the_list(tmp_path: Path) -> None:
    async with yard_of(tmp_path, OCPP16) as yard:
        await yard.until(lambda: yard.listed == 2)
        await yard.registered(7)
        await yard.until(lambda: yard.listed == 3)

        assert await yard.offline(Identifier.rfid(card(7)))


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201])
async def test_a_list_keeps_to_what_the_charger_can_hold(tmp_path: Path, protocol: str) -> None:
    async with yard_of(tmp_path, protocol, vehicles=9, local_list_capacity=5, local_list_per_message=2) as yard:
        held = 5 if protocol == OCPP16 else 4  # 2.x tells its room in reports only: it is full at the third message
        await yard.until(lambda: yard.listed == held)
        first = yard.charger.state.local_authorisation.version
        await yard.do(SuspendVehicle(vehicle_id=VehicleId("bus-0"), reason="stolen"))
        await yard.until(lambda: yard.listed == held and yard.charger.state.local_authorisation.version > first)

        assert not await yard.offline(Identifier.rfid(card(0)))
        assert await yard.offline(Identifier.rfid(card(1)))


async def test_a_closed_charger_has_nobody_on_its_list(tmp_path: Path) -> None:
    async with yard_of(tmp_path, OCPP16) as yard:
        await yard.until(lambda: yard.listed == 2)
        await yard.do(putting(OCPP16, OfflineStarts.CLOSED))
        await yard.until(lambda: yard.listed == 0)

        assert not await yard.offline(Identifier.rfid(card(0)))


async def test_a_charger_that_lost_its_list_gets_it_again(tmp_path: Path) -> None:
    async with yard_of(tmp_path, OCPP16) as yard:
        await yard.until(lambda: yard.listed == 2)
        yard.charger.state.local_authorisation.replace(3, [])
        yard.charger.lose_connection()
        await yard.until(lambda: yard.listed == 2)


async def test_a_charger_without_a_list_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans, scan = [], LocalListKeeper._scan

    async def counted(keeper: LocalListKeeper) -> None:
        await scan(keeper)
        scans.append(keeper)

    monkeypatch.setattr(LocalListKeeper, "_scan", counted)
    async with yard_of(tmp_path, OCPP16, local_list_capacity=0) as yard:
        before = len(scans)
        await yard.until(lambda: len(scans) > before + 2)

        assert yard.charger.ready
        assert list(yard.charger.sent("SendLocalList")) == []


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201])
async def test_in_the_window_of_a_reservation_only_the_holder_charges_while_the_charger_cannot_ask(
    tmp_path: Path, protocol: str
) -> None:
    async with yard_of(tmp_path, protocol) as yard:
        await yard.until(lambda: yard.listed == 2)
        await yard.reserved(STRANGER)
        await yard.until(lambda: yard.listed == 1)

        assert not await yard.offline(Identifier.rfid(card(0)))
        assert await yard.offline(STRANGER)


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201])
async def test_a_charger_that_is_away_when_a_reservation_begins_lets_nobody_else_start(
    tmp_path: Path, protocol: str
) -> None:
    """The list is sent with the end of each entry before the charger loses its connection."""
    async with yard_of(tmp_path, protocol) as yard:
        await yard.until(lambda: yard.listed == 2)
        begins = await yard.reserved(STRANGER, in_s=6.0)
        authorised = yard.charger.state.local_authorisation
        await yard.until(lambda: all(each.expires_at == begins for each in authorised.entries))
        yard.charger.go_offline()
        await yard.until(lambda: yard.service.container.clock().now() > begins)

        assert not await yard.offline(Identifier.rfid(card(0)))
