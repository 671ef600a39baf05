"""A charger client that nobody here wrote: the `ocpp` package's own, with its schema validation on, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v21 import call as call21
from ocpp.v21 import call_result as result21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.context import Context
from access_policy.application.ports.views import AttemptFilter
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings

CONTEXT = Context(tenant_id=TenantId("acme"), actor=ActorId("test"), correlation_id="test")
PASSWORD = "a-long-password"
KNOWN = "04A1B2C3D4E5F6"


class Charger16(ChargePoint16):
    """Has MicroOcpp's freevend key, switched on when it leaves the factory."""

    configuration = {"Cst_FreeVendActive": "true", "Cst_FreeVendIdTag": "A0000000"}  # noqa: RUF012  one charger, one test

    @on("GetConfiguration")
    async def get(self, key: list[str] | None = None) -> Any:
        known = [
            {"key": each, "readonly": False, "value": self.configuration[each]}
            for each in key or self.configuration
            if each in self.configuration
        ]
        return result16.GetConfiguration(configuration_key=known)

    @on("ChangeConfiguration")
    async def change(self, key: str, value: str) -> Any:
        self.configuration = {**self.configuration, key: value}
        return result16.ChangeConfiguration(status="Accepted")

    @on("ClearCache")
    async def clear(self) -> Any:
        return result16.ClearCache(status="Rejected")


class WithEnabled:
    """A station of OCPP 2.x that has `AuthCtrlr.Enabled`, in freevend when it leaves the factory, and no other variable."""

    enabled = "false"
    results: Any = result201

    @on("GetVariables")
    async def get(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        asked = get_variable_data[0]
        known = asked["variable"]["name"] == "Enabled"
        told = {"attribute_status": "Accepted", "attribute_value": self.enabled}
        answer = {**(told if known else {"attribute_status": "UnknownVariable"}), **asked}
        return self.results.GetVariables(get_variable_result=[answer])

    @on("SetVariables")
    async def set(self, set_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        asked = set_variable_data[0]
        self.enabled = asked["attribute_value"]
        address = {"component": asked["component"], "variable": asked["variable"]}
        return self.results.SetVariables(set_variable_result=[{"attribute_status": "Accepted", **address}])

    @on("ClearCache")
    async def clear(self, **_: Any) -> Any:
        return self.results.ClearCache(status="Accepted")


class Charger201(WithEnabled, ChargePoint201):
    pass


class Charger21(WithEnabled, ChargePoint21):
    results = result21


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    settings = Settings(data=tmp_path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    async with Service(settings).running() as service:
        c = service.container
        await c.commands.put_depot()(
            CONTEXT, PutDepot(depot_id=DepotId("d"), settings=DepotSettings(name="D", time_zone="UTC"))
        )
        for charger_id, profile in (
            ("C16", "microocpp-1.6"),
            ("C201", "ocpp201-authctrlr"),
            ("C21", "ocpp21-authctrlr"),
        ):
            command = PutCharger(
                charger_id=ChargerId(charger_id),
                charge_point_id=ChargePointId(charger_id),
                depot_id=DepotId("d"),
                profile=profile,
                baseline_mode=AccessMode.MANAGED,
                password=PASSWORD,
            )
            await c.commands.put_charger()(CONTEXT, command)
        vehicle = PutVehicle(
            vehicle_id=VehicleId("bus"),
            description=VehicleDescription(name="Bus", access_class=AccessClass.OWN),
            identifiers=[(IdentifierKind.RFID, KNOWN)],
        )
        done = await c.commands.put_vehicle()(CONTEXT, vehicle)
        await service.settled(done.position)
        yield service


@asynccontextmanager
async def connected(service: Service, cls: type[Any], identity: str, protocol: str) -> AsyncIterator[Any]:
    url = f"ws://{identity}:{PASSWORD}@127.0.0.1:{service.ocpp_port}/ocpp/{identity}"
    async with connect(url, subprotocols=[protocol]) as ws:
        charger = cls(identity, ws)
        reading = asyncio.create_task(charger.start())
        try:
            yield charger
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def now() -> str:
    return datetime.now(UTC).isoformat()


def visit(
    calls: Any,
    event: str,
    trigger: str,
    seq_no: int,
    state: str,
    *,
    wh: int | None = None,
    id_token: dict[str, str] | None = None,
) -> Any:
    """One message of a visit that begins with the cable and goes on with the card."""
    read = {"timestamp": now(), "sampled_value": [{"value": wh}]}
    return calls.TransactionEvent(
        event_type=event,
        timestamp=now(),
        trigger_reason=trigger,
        seq_no=seq_no,
        transaction_info={"transaction_id": "t-1", "charging_state": state},
        evse={"id": 1, "connector_id": 1},
        id_token=id_token,
        meter_value=None if wh is None else [read],
    )


async def recorded(service: Service, charger_id: str) -> list[tuple[str, int | None]]:
    """Attempts as (decision, energy of the session in Wh), the newest first, once everything is readable."""
    await service.settled(await service.container.stores.store().last_position())
    wanted = AttemptFilter(charger_id=charger_id)
    page = await service.container.read_side.views().attempts(TenantId("acme"), wanted, cursor=None, limit=10)
    return [(row["decision"], row["session_energy_wh"]) for row in page.items]


async def applied(service: Service, charger_id: str) -> str | None:
    """The mode that was verified, once one was."""
    for _ in range(1_200):
        policy = service.container.deciding.view().charger(TenantId("acme"), ChargerId(charger_id)).policy
        if policy.application.applied_mode is not None:
            return policy.application.applied_mode
        await asyncio.sleep(0.05)
    return None


async def test_a_charger_of_ocpp_16_is_switched_and_its_visits_are_decided(service: Service) -> None:
    async with connected(service, Charger16, "C16", "ocpp1.6") as charger:
        boot = await charger.call(
            call16.BootNotification(charge_point_vendor="V", charge_point_model="M"), suppress=False
        )
        beat = await charger.call(call16.Heartbeat(), suppress=False)
        for status in ("Available", "Preparing"):
            await charger.call(
                call16.StatusNotification(connector_id=1, error_code="NoError", status=status), suppress=False
            )
        known = await charger.call(call16.Authorize(id_tag=KNOWN.lower()), suppress=False)
        unknown = await charger.call(call16.Authorize(id_tag="DEADBEEF"), suppress=False)
        start = await charger.call(
            call16.StartTransaction(connector_id=1, id_tag=KNOWN, meter_start=0, timestamp=now()), suppress=False
        )
        read = {"timestamp": now(), "sampled_value": [{"value": "400", "unit": "Wh"}]}
        await charger.call(
            call16.MeterValues(connector_id=1, transaction_id=start.transaction_id, meter_value=[read]), suppress=False
        )
        await charger.call(
            call16.StopTransaction(transaction_id=start.transaction_id, meter_stop=900, timestamp=now()), suppress=False
        )
        mode = await applied(service, "C16")

        assert boot.status == "Accepted"
        assert beat.current_time.endswith("Z")
        assert known.id_tag_info["status"] == start.id_tag_info["status"] == "Accepted"
        assert known.id_tag_info["expiry_date"]
        assert unknown.id_tag_info["status"] == "Invalid"
        assert start.transaction_id > 0
        assert mode == "managed"
        assert charger.configuration["Cst_FreeVendActive"] == "false"
        assert await recorded(service, "C16") == [("denied", None), ("allowed", 900)]


@pytest.mark.parametrize(
    ("cls", "calls", "identity", "protocol"),
    [(Charger201, call201, "C201", "ocpp2.0.1"), (Charger21, call21, "C21", "ocpp2.1")],
    ids=["2.0.1", "2.1"],
)
async def test_a_charger_of_ocpp_201_is_switched_and_tells_the_driver_why(
    service: Service, cls: type[Any], calls: Any, identity: str, protocol: str
) -> None:
    async with connected(service, cls, identity, protocol) as charger:
        station = {"model": "M", "vendor_name": "V"}
        await charger.call(calls.BootNotification(charging_station=station, reason="PowerUp"), suppress=False)
        unknown = await charger.call(
            calls.Authorize(id_token={"id_token": "DEADBEEF", "type": "ISO14443"}), suppress=False
        )
        await charger.call(calls.Heartbeat(), suppress=False)
        await charger.call(
            calls.StatusNotification(timestamp=now(), connector_status="Occupied", evse_id=1, connector_id=1),
            suppress=False,
        )
        await charger.call(visit(calls, "Started", "CablePluggedIn", 0, "EVConnected", wh=1000), suppress=False)
        token = {"id_token": KNOWN, "type": "ISO14443"}
        started = await charger.call(
            visit(calls, "Updated", "Authorized", 1, "EVConnected", id_token=token), suppress=False
        )
        await charger.call(visit(calls, "Updated", "ChargingStateChanged", 2, "Charging"), suppress=False)
        await charger.call(visit(calls, "Ended", "EVDeparted", 3, "Idle", wh=3500), suppress=False)
        mode = await applied(service, identity)

        assert unknown.id_token_info["status"] == "Unknown"
        assert "not registered" in unknown.id_token_info["personal_message"]["content"]
        assert started.id_token_info["status"] == "Accepted"
        assert started.id_token_info["cache_expiry_date_time"]
        assert mode == "managed"
        assert charger.enabled == "true"
        assert await recorded(service, identity) == [("allowed", 2500), ("denied", None)]


@pytest.mark.parametrize(("identity", "password", "status"), [("C16", "wrong", 401), ("NOBODY", PASSWORD, 404)])
async def test_a_wrong_password_and_an_unknown_identity_are_refused_before_the_upgrade(
    service: Service, identity: str, password: str, status: int
) -> None:
    url = f"ws://{identity}:{password}@127.0.0.1:{service.ocpp_port}/ocpp/{identity}"

    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, subprotocols=["ocpp1.6"]):
            pass

    assert refused.value.response.status_code == status
