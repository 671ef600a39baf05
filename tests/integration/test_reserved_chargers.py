"""Reservations that name a charger, over real OCPP: its mode, who may charge, and the reservation on the charger itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.charger_reservations.desired import reservation_number
from access_policy.application.commands.cancel_reservation import CancelReservation
from access_policy.application.commands.make_reservation import MakeReservation
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.domain.access_mode import AccessMode, CauseKind
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import DepotId, ReservationId, VehicleId
from access_policy.domain.reservations.reservation import Place, ReservationSource
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from tests.integration.test_mode_control_scenarios import (
    ACME,
    BAY,
    CONTEXT,
    SPEC,
    application,
    depot_with,
    newest_attempt,
    override,
    until,
)
from tests.support.chargers import (
    OCPP16,
    OCPP21,
    OCPP201,
    ChargerSpec,
    DecidedBy,
    FreevendKey,
    FreevendVariable,
    Identifier,
    SimulatedCharger,
    Vehicle,
)

R1 = ReservationId("r1")
GUEST, OTHER = Identifier.rfid("04AAAAAAAAAAAA"), Identifier.rfid("04BBBBBBBBBBBB")
SWITCHED = [
    (OCPP16, "microocpp-1.6", FreevendKey()),
    (OCPP201, "ocpp201-authctrlr", FreevendVariable()),
    (OCPP21, "ocpp21-authctrlr", FreevendVariable()),
]
FREEVEND, MANAGED = AccessMode.FREEVEND, AccessMode.MANAGED


@asynccontextmanager
async def freevend_depot(
    path: Path, protocol: str, profile: str, freevend: Any, **spec: Any
) -> AsyncIterator[tuple[Service, SimulatedCharger]]:
    """A charger in freevend, and an own bus with a card of its own."""
    at: ChargerSpec = replace(SPEC, protocol=protocol, freevend=freevend, **spec)
    async with depot_with(path, profile, FREEVEND, at) as (service, charger):
        bus = PutVehicle(
            vehicle_id=VehicleId("bus-1"),
            description=VehicleDescription(name="Bus 1", access_class=AccessClass.OWN),
            identifiers=[(IdentifierKind.RFID, OTHER.value)],
        )
        done = await service.container.commands.put_vehicle()(CONTEXT, bus)
        await service.settled(done.position)
        await charger.until_ready()
        await until(lambda: application(service).applied_mode is FREEVEND)
        yield service, charger


async def reserve(service: Service, *cards: Identifier) -> None:
    """Bay 1 for the guest's card, from now on for an hour."""
    now = service.container.clock().now()
    draft = ReservationDraft(
        place=Place(charger_id=BAY),
        start=now - timedelta(seconds=1),
        end=now + timedelta(hours=1),
        source=ReservationSource.MANUAL,
        identifiers=[(IdentifierKind.RFID, card.value) for card in cards or (GUEST,)],
    )
    made = MakeReservation(depot_id=DepotId("north"), draft=draft, reservation_id=R1)
    await service.container.commands.make_reservation()(CONTEXT, made)
    await until(lambda: application(service).applied_mode is MANAGED)


async def cancel(service: Service) -> None:
    await service.container.commands.cancel_reservation()(CONTEXT, CancelReservation(reservation_id=R1, reason="test"))


def is_reserved(charger: SimulatedCharger) -> bool:
    return charger.connector(1).reservation is not None


def on_charger(service: Service) -> str:
    reported = service.container.deciding.view().condition((ACME, BAY)).reservations.get(reservation_number(R1, 1))
    return "" if reported is None else f"{reported.state.value}: {reported.detail}"


@pytest.mark.parametrize(("protocol", "profile", "freevend"), SWITCHED)
async def test_freevend_charger_is_managed_for_a_reservation_and_admits_its_holder_only(
    tmp_path: Path, protocol: str, profile: str, freevend: Any
) -> None:
    async with freevend_depot(tmp_path, protocol, profile, freevend) as (service, charger):
        await reserve(service)
        assert not charger.freevend_active
        expected = service.container.deciding.view().charger(ACME, BAY).expected(service.container.clock().now())
        assert (expected.cause.kind, expected.cause.id) == (CauseKind.RESERVATION, R1)

        refused = await charger.try_to_charge(identifier=OTHER)
        await newest_attempt(service, lambda each: each["reason"] == "reserved_for_other")
        assert not refused.charged
        if protocol != OCPP16:
            assert refused.message_to_driver is not None
            assert "reserved" in refused.message_to_driver.lower()
            assert "04AA" not in refused.message_to_driver

        admitted = await charger.try_to_charge(identifier=GUEST, for_s=0.2)
        await newest_attempt(service, lambda each: each["reason"] == "reservation")
        assert admitted.charged


@pytest.mark.parametrize(("protocol", "profile", "freevend"), SWITCHED[:2])
async def test_charger_is_in_freevend_again_after_the_reservation_and_an_override_wins_over_it(
    tmp_path: Path, protocol: str, profile: str, freevend: Any
) -> None:
    async with freevend_depot(tmp_path, protocol, profile, freevend, reserves=True) as (service, charger):
        await reserve(service)
        await until(lambda: is_reserved(charger))

        await override(service, FREEVEND)
        await until(lambda: application(service).applied_mode is FREEVEND and not is_reserved(charger))
        assert (await charger.try_to_charge(vehicle=Vehicle())).charged

        await cancel(service)
        await until(lambda: on_charger(service).startswith("gone"))
        assert charger.freevend_active


@pytest.mark.parametrize(("protocol", "profile", "freevend"), SWITCHED)
async def test_charger_that_reserves_keeps_others_out_itself_and_again_after_a_boot(
    tmp_path: Path, protocol: str, profile: str, freevend: Any
) -> None:
    behaviour = replace(SPEC.behaviour, forgets_reservations_at_boot=True)
    async with freevend_depot(tmp_path, protocol, profile, freevend, reserves=True, behaviour=behaviour) as (
        service,
        charger,
    ):
        await reserve(service)
        await until(lambda: is_reserved(charger) and on_charger(service) == "reserved: Accepted")
        await charger.reboot()
        assert not is_reserved(charger)
        await until(lambda: charger.ready and is_reserved(charger))

        charger.go_offline()
        await until(lambda: not charger.online)
        refused = await charger.try_to_charge(identifier=OTHER)
        assert (refused.charged, refused.decided_by) == (False, DecidedBy.RESERVATION)
        charger.come_online()
        await charger.until_ready()

        assert (await charger.try_to_charge(identifier=GUEST, for_s=0.2)).charged
        await until(lambda: on_charger(service).startswith("gone"))


@pytest.mark.parametrize(("protocol", "profile", "freevend"), SWITCHED[:2])
async def test_occupied_charger_is_reserved_once_the_vehicle_has_left(
    tmp_path: Path, protocol: str, profile: str, freevend: Any
) -> None:
    async with freevend_depot(tmp_path, protocol, profile, freevend, reserves=True) as (service, charger):
        started = asyncio.create_task(charger.plug_in(1, Vehicle()))
        await until(lambda: charger.connector(1).charging)
        await started
        await reserve(service)
        await until(lambda: on_charger(service) == "waiting: Occupied")

        await charger.unplug(1)

        await until(lambda: is_reserved(charger))


async def test_cancelled_reservation_leaves_the_charger(tmp_path: Path) -> None:
    protocol, profile, freevend = SWITCHED[1]
    async with freevend_depot(tmp_path, protocol, profile, freevend, reserves=True) as (service, charger):
        await reserve(service)
        await until(lambda: is_reserved(charger))

        await cancel(service)

        await until(lambda: not is_reserved(charger) and charger.freevend_active)
        await until(lambda: on_charger(service) == "gone: cancelled")


async def test_charger_without_reservations_and_a_holder_with_two_cards_are_sent_nothing_and_say_why(
    tmp_path: Path,
) -> None:
    protocol, profile, freevend = SWITCHED[0]
    async with freevend_depot(tmp_path, protocol, profile, freevend, reserves=True) as (service, charger):
        await reserve(service, GUEST, Identifier.rfid("04CCCCCCCCCCCC"))

        await until(lambda: on_charger(service).startswith("refused: the holder has 2 identifiers"))
        assert not [frame for frame in charger.frames if frame.action == "ReserveNow"]
        assert (await charger.try_to_charge(identifier=GUEST, for_s=0.2)).charged
