"""Chargers that keep delivering after a refusal, and charges that run into a managed window, over real OCPP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.context import Context
from access_policy.application.ports.views import AttemptFilter
from access_policy.domain.access_mode import AccessMode, OnWindowStart
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.builders import HOUR
from tests.support.chargers import (
    OCPP16,
    OCPP21,
    OCPP201,
    Behaviour,
    ChargerSpec,
    Identifier,
    SimulatedCharger,
    Vehicle,
)

ACME = TenantId("acme")
BAY = ChargerId("bay-1")
CONTEXT = Context(tenant_id=ACME, actor=ActorId("tester"), correlation_id="test")
STRANGER = Identifier.rfid("04FFFFFFFFFFFF")
QUICK = {"sample_every_s": 0.2, "time_compression": 600.0}


@asynccontextmanager
async def depot_with(path: Path, protocol: str, baseline: AccessMode, behaviour: Behaviour) -> AsyncIterator[Any]:
    settings = Settings(data=path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    async with Service(settings).running() as service:
        container = service.container
        north = PutDepot(depot_id=DepotId("north"), settings=DepotSettings(name="North", time_zone="Europe/Berlin"))
        await container.commands.put_depot()(CONTEXT, north)
        put = PutCharger(
            charger_id=BAY,
            charge_point_id=ChargePointId("CP-1"),
            depot_id=DepotId("north"),
            profile={OCPP16: "ocpp16-central", OCPP201: "ocpp201-central", OCPP21: "ocpp21-central"}[protocol],
            baseline_mode=baseline,
            on_window_start=OnWindowStart.STOP_UNAUTHORISED,
        )
        done = await container.commands.put_charger()(CONTEXT, put)
        await service.settled(done.position)
        url = f"ws://127.0.0.1:{service.ocpp_port}/ocpp"
        spec = ChargerSpec(url=url, charge_point_id="CP-1", protocol=protocol, behaviour=behaviour, **QUICK)
        async with SimulatedCharger(spec) as charger:
            await charger.until_ready()
            yield service, charger


async def until_shown(service: Service, fits: Callable[[Any], bool]) -> Any:
    """The newest attempt, once it reads as expected."""
    async with asyncio.timeout(30):
        while True:
            page = await service.container.read_side.views().attempts(ACME, AttemptFilter(), cursor=None, limit=1)
            if page.items and fits(page.items[0]):
                return page.items[0]
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201, OCPP21])
async def test_a_charger_that_ignores_the_refusal_is_stopped_remotely(tmp_path: Path, protocol: str) -> None:
    ignores = Behaviour(ignores_refusal=True, skips_authorize=True)
    async with depot_with(tmp_path, protocol, AccessMode.MANAGED, ignores) as (service, charger):
        await charger.plug_in(1, Vehicle())
        await charger.present(1, STRANGER)

        shown = await until_shown(service, lambda row: row["session_ended_at"] is not None)

        assert (shown["decision"], shown["reason"]) == ("denied", "unknown_identifier")
        assert shown["denial_not_honoured"]
        assert shown["stop_cause"] == "denial_not_honoured"
        assert shown["session_end_reason"] == "Remote"
        assert not charger.connector(1).charging


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201, OCPP21])
async def test_a_charge_nobody_may_have_ends_when_managed_access_begins(tmp_path: Path, protocol: str) -> None:
    async with depot_with(tmp_path, protocol, AccessMode.FREEVEND, Behaviour()) as (service, charger):
        await charger.plug_in(1, Vehicle())
        started = await charger.present(1, STRANGER)
        assert started.charged

        managed = OverrideMode(charger_id=BAY, mode=AccessMode.MANAGED, reason="a test", lasts=HOUR)
        await service.container.commands.override_mode()(CONTEXT, managed)
        shown = await until_shown(service, lambda row: row["session_ended_at"] is not None)

        assert (shown["reason"], shown["stop_cause"]) == ("freevend", "window_start")
        assert shown["session_end_reason"] == "Remote"
