"""A charger that energy narrows, over real OCPP: its mode, who may start, and the charge that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_energy_node import PutEnergyNode
from access_policy.application.commands.put_energy_policy import PutEnergyPolicy
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.receive_envelope import ReceiveEnvelope
from access_policy.application.commands.withdraw_envelope import WithdrawEnvelope
from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.domain.access.events import AccessAllowed
from access_policy.domain.access_mode import AccessMode, CauseKind, OnWindowStart
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ChargePointId, DepotId, EnergyNodeId, EnvelopeId, VehicleId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy, GateEnforcement
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
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
    until,
)
from tests.support.chargers import (
    OCPP16,
    OCPP21,
    OCPP201,
    FreevendKey,
    FreevendVariable,
    Identifier,
    SimulatedCharger,
    Vehicle,
)

NORTH, SITE, ENVELOPE = DepotId("north"), EnergyNodeId("site"), EnvelopeId("e-1")
BUS, STRANGER = Identifier.rfid("04AAAAAAAAAAAA"), Identifier.rfid("04BBBBBBBBBBBB")
FREEVEND, MANAGED = AccessMode.FREEVEND, AccessMode.MANAGED
SWITCHED = [
    (OCPP16, "microocpp-1.6", FreevendKey()),
    (OCPP201, "ocpp201-authctrlr", FreevendVariable()),
    (OCPP21, "ocpp21-authctrlr", FreevendVariable()),
]


async def done(service: Service, handler: Any, command: object) -> None:
    recorded = await handler(CONTEXT, command)
    await service.settled(recorded.position)


@asynccontextmanager
async def depot_with_energy(
    path: Path, protocol: str, profile: str, freevend: Any, enforcement: GateEnforcement = GateEnforcement.ENFORCE
) -> AsyncIterator[tuple[Service, SimulatedCharger]]:
    """A charger in freevend below a site without a limit of its own, and an own bus with a card."""
    spec = replace(SPEC, protocol=protocol, freevend=freevend)
    async with depot_with(path, profile, FREEVEND, spec) as (service, charger):
        commands = service.container.commands
        bus = PutVehicle(
            vehicle_id=VehicleId("bus-1"),
            description=VehicleDescription(name="Bus 1", access_class=AccessClass.OWN),
            identifiers=[(IdentifierKind.RFID, BUS.value)],
        )
        await done(service, commands.put_vehicle(), bus)
        bay = EnergyNode(
            node_id=EnergyNodeId("bay"), parent_id=SITE, kind=NodeKind.CHARGER, charger_id=BAY, limit_w=150_000
        )
        for node in (EnergyNode(node_id=SITE, parent_id=None, kind=NodeKind.SITE), bay):
            await done(service, commands.put_energy_node(), PutEnergyNode(depot_id=NORTH, node=node))
        policy = EnergyPolicy(
            enabled=True,
            enforcement=enforcement,
            own_and_agreement_below_w=50_000,
            minimum_dwell_s=0,
        )
        await done(service, commands.put_energy_policy(), PutEnergyPolicy(depot_id=NORTH, policy=policy))
        await charger.until_ready()
        await until(lambda: application(service).applied_mode is FREEVEND)
        yield service, charger


async def narrow(service: Service) -> None:
    now = service.container.clock().now()
    envelope = ReceiveEnvelope(
        envelope_id=ENVELOPE,
        depot_id=NORTH,
        node_id=SITE,
        source="grid-operator",
        sequence=1,
        valid_from=now,
        valid_until=now + timedelta(hours=1),
        import_limit_w=20_000,
    )
    await done(service, service.container.commands.receive_envelope(), envelope)


async def widen(service: Service) -> None:
    await done(service, service.container.commands.withdraw_envelope(), WithdrawEnvelope(envelope_id=ENVELOPE))


@pytest.mark.parametrize(("protocol", "profile", "freevend"), SWITCHED)
async def test_freevend_charger_is_managed_while_an_envelope_narrows_it_and_free_again_afterwards(
    tmp_path: Path, protocol: str, profile: str, freevend: Any
) -> None:
    async with depot_with_energy(tmp_path, protocol, profile, freevend) as (service, charger):
        await narrow(service)
        await until(lambda: application(service).applied_mode is MANAGED)
        assert not charger.freevend_active
        expected = service.container.deciding.view().charger(ACME, BAY).expected(service.container.clock().now())
        assert (expected.cause.kind, expected.cause.id) == (CauseKind.ENVELOPE, ENVELOPE)

        refused = await charger.try_to_charge(identifier=STRANGER)
        await newest_attempt(service, lambda each: each["reason"] == "energy_restricted")
        assert not refused.charged
        if protocol != OCPP16:
            assert refused.message_to_driver is not None
            assert "power is short" in refused.message_to_driver.lower()

        admitted = await charger.try_to_charge(identifier=BUS, for_s=0.2)
        await newest_attempt(service, lambda each: each["reason"] == "own_vehicle")
        assert admitted.charged

        await widen(service)
        await until(lambda: application(service).applied_mode is FREEVEND)
        assert charger.freevend_active
        assert (await charger.try_to_charge(vehicle=Vehicle())).charged


async def test_charge_goes_on_while_an_envelope_narrows_the_charger(tmp_path: Path) -> None:
    async with depot_with_energy(tmp_path, *SWITCHED[1]) as (service, charger):
        stopping = PutCharger(
            charger_id=BAY,
            charge_point_id=ChargePointId("CP-1"),
            depot_id=NORTH,
            profile=SWITCHED[1][1],
            baseline_mode=FREEVEND,
            on_window_start=OnWindowStart.STOP_UNAUTHORISED,
        )
        await done(service, service.container.commands.put_charger(), stopping)
        started = asyncio.create_task(charger.plug_in(1, Vehicle()))
        await until(lambda: charger.connector(1).charging)
        await started

        await narrow(service)
        await until(lambda: application(service).applied_mode is MANAGED)
        service.container.chargers.follow_up().check()

        assert charger.connector(1).charging
        managed = OverrideMode(charger_id=BAY, mode=MANAGED, reason="a window of the plan", lasts=timedelta(hours=1))
        await done(service, service.container.commands.override_mode(), managed)
        await until(lambda: not charger.connector(1).charging)


async def test_override_to_freevend_does_not_open_a_narrowed_charger(tmp_path: Path) -> None:
    async with depot_with_energy(tmp_path, *SWITCHED[1]) as (service, charger):
        await narrow(service)
        await until(lambda: application(service).applied_mode is MANAGED)

        override = OverrideMode(charger_id=BAY, mode=FREEVEND, reason="open day", lasts=timedelta(hours=2))
        await done(service, service.container.commands.override_mode(), override)
        refused = await charger.try_to_charge(identifier=STRANGER)

        await newest_attempt(service, lambda each: each["reason"] == "energy_restricted")
        assert (refused.charged, charger.freevend_active) == (False, False)
        await widen(service)
        await until(lambda: charger.freevend_active)


async def test_advisory_policy_refuses_nobody_and_records_what_it_would_refuse(tmp_path: Path) -> None:
    async with depot_with_energy(tmp_path, *SWITCHED[1], GateEnforcement.ADVISORY) as (service, charger):
        await narrow(service)

        stranger = AccessAttempt(
            tenant_id=ACME,
            charger_id=BAY,
            connector_id=1,
            identifier=identifier(IdentifierKind.RFID, STRANGER.value),
            protocol="http",
            message_id="m-1",
            signals=None,
        )
        attempt = await service.container.deciding.decider().authorize(stranger)

        assert isinstance(attempt.event, AccessAllowed)
        assert (attempt.event.reason, attempt.event.would_deny) == ("observed", "energy_restricted")
        assert charger.freevend_active
