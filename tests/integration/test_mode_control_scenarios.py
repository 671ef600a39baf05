"""Switching chargers that are not simple: values that need a reboot, boots in a managed window, no switch at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.context import Context
from access_policy.application.mode_application.remote_starts import RemoteStarts
from access_policy.application.ports.views import AttemptFilter
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.application import ModeApplication
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
    FreevendKey,
    FreevendVariable,
    Identifier,
    SimulatedCharger,
    Vehicle,
)
from tests.support.places import prepare_file

ACME = TenantId("acme")
BAY = ChargerId("bay-1")
CONTEXT = Context(tenant_id=ACME, actor=ActorId("tester"), correlation_id="test")
SPEC = ChargerSpec(url="", charge_point_id="CP-1", sample_every_s=0.2, time_compression=600.0, reconnect_min_s=0.05)


@asynccontextmanager
async def depot_with(
    path: Path, profile: str, baseline: AccessMode, spec: ChargerSpec
) -> AsyncIterator[tuple[Service, SimulatedCharger]]:
    settings = Settings(data=path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    prepare_file(settings.data / "views.sqlite")
    async with Service(settings).running() as service:
        container = service.container
        north = PutDepot(depot_id=DepotId("north"), settings=DepotSettings(name="North", time_zone="Europe/Berlin"))
        await container.commands.put_depot()(CONTEXT, north)
        put = PutCharger(
            charger_id=BAY,
            charge_point_id=ChargePointId("CP-1"),
            depot_id=DepotId("north"),
            profile=profile,
            baseline_mode=baseline,
        )
        done = await container.commands.put_charger()(CONTEXT, put)
        await service.settled(done.position)
        at = replace(spec, url=f"ws://127.0.0.1:{service.ocpp_port}/ocpp")
        async with SimulatedCharger(at) as charger:
            yield service, charger


def application(service: Service) -> ModeApplication:
    return service.container.deciding.view().charger(ACME, BAY).policy.application


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not fits():  # noqa: ASYNC110  states of several objects, none of which tells
            await asyncio.sleep(0.02)


async def override(service: Service, mode: AccessMode) -> None:
    command = OverrideMode(charger_id=BAY, mode=mode, reason="a test", lasts=HOUR)
    await service.container.commands.override_mode()(CONTEXT, command)


async def newest_attempt(service: Service, fits: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(30):
        while True:
            page = await service.container.read_side.views().attempts(ACME, AttemptFilter(), cursor=None, limit=1)
            if page.items and fits(page.items[0]):
                return page.items[0]
            await asyncio.sleep(0.05)


def answers_to(charger: SimulatedCharger, action: str) -> list[Any]:
    asked = {frame.message[1] for frame in charger.frames if frame.sent and frame.action == action}
    return [frame.message[2] for frame in charger.frames if not frame.sent and frame.message[:2][1] in asked]


# --- values that need a reboot -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "profile", "freevend"),
    [
        (OCPP16, "microocpp-1.6", FreevendKey(needs_reboot=True)),
        (OCPP201, "ocpp201-authctrlr", FreevendVariable(needs_reboot=True)),
        (OCPP21, "ocpp21-authctrlr", FreevendVariable(needs_reboot=True)),
    ],
)
async def test_a_switch_that_needs_a_reboot_gets_one_once_nobody_charges(
    tmp_path: Path, protocol: str, profile: str, freevend: FreevendKey | FreevendVariable
) -> None:
    spec = replace(SPEC, protocol=protocol, freevend=freevend)
    async with depot_with(tmp_path, profile, AccessMode.MANAGED, spec) as (service, charger):
        await charger.until_ready()
        await until(lambda: application(service).applied_mode is AccessMode.MANAGED)
        await override(service, AccessMode.FREEVEND)
        await until(lambda: application(service).applied_mode is AccessMode.FREEVEND)

        assert charger.freevend_active
        assert charger.connects == 2
        assert application(service).failure is None


# --- boots in a managed window -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "profile"), [(OCPP201, "ocpp201-authctrlr-pending"), (OCPP21, "ocpp21-authctrlr-pending")]
)
async def test_a_charger_that_forgets_its_mode_is_kept_pending_until_it_is_managed(
    tmp_path: Path, protocol: str, profile: str
) -> None:
    spec = replace(
        SPEC,
        protocol=protocol,
        freevend=FreevendVariable(),
        settings={"AuthCtrlr.Enabled": "false"},
        behaviour=Behaviour(forgets_settings_at_boot=True),
    )
    async with depot_with(tmp_path, profile, AccessMode.MANAGED, spec) as (_, charger):
        free_while_serving = []
        await charger.until_ready()
        free_while_serving.append(charger.freevend_active)
        await charger.reboot()
        await until(lambda: charger.connects == 2)
        await charger.until_ready()
        free_while_serving.append(charger.freevend_active)

        statuses = [answer["status"] for answer in answers_to(charger, "BootNotification")]
        assert free_while_serving == [False, False]
        assert statuses == ["Pending", "Accepted", "Pending", "Accepted"]


async def test_in_freevend_a_boot_is_accepted_at_once(tmp_path: Path) -> None:
    spec = replace(SPEC, protocol=OCPP201, freevend=FreevendVariable())
    async with depot_with(tmp_path, "ocpp201-authctrlr-pending", AccessMode.FREEVEND, spec) as (_, charger):
        await charger.until_ready()

        assert [answer["status"] for answer in answers_to(charger, "BootNotification")] == ["Accepted"]


async def test_a_charger_that_cannot_be_switched_is_not_kept_from_charging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access_policy.adapters.ocpp.incoming.boots.PENDING_MAX_S", 1.0)
    monkeypatch.setattr("access_policy.adapters.ocpp.incoming.boots.PENDING_RETRY_S", 1)
    spec = replace(SPEC, protocol=OCPP201, freevend=FreevendVariable(readonly=True))
    spec = replace(spec, settings={"AuthCtrlr.Enabled": "false"})
    async with depot_with(tmp_path, "ocpp201-authctrlr-pending", AccessMode.MANAGED, spec) as (service, charger):
        await charger.until_ready(timeout_s=20)

        assert application(service).failure == "rejected"
        statuses = [answer["status"] for answer in answers_to(charger, "BootNotification")]
        assert (statuses[0], statuses[-1]) == ("Pending", "Accepted")


# --- chargers without a switch: freevend by starting at plug-in ----------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access_policy.application.mode_application.remote_starts.PATIENCE_S", 0.1)
    monkeypatch.setattr("access_policy.application.mode_application.remote_starts.TICK_S", 0.05)


REMOTE_START = [
    (OCPP16, "ocpp16-remote-start"),
    (OCPP201, "ocpp201-remote-start"),
    (OCPP21, "ocpp21-remote-start"),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("protocol", "profile"), REMOTE_START)
async def test_in_freevend_a_vehicle_that_says_nothing_is_started_from_afar(
    tmp_path: Path, protocol: str, profile: str
) -> None:
    spec = replace(SPEC, protocol=protocol)
    async with depot_with(tmp_path, profile, AccessMode.FREEVEND, spec) as (service, charger):
        await charger.until_ready()
        await charger.plug_in(1, Vehicle())
        await charger.until(lambda: charger.connector(1).charging)
        shown = await newest_attempt(service, lambda row: row["session_started_at"] is not None)
        await charger.unplug(1)

        assert (shown["decision"], shown["vehicle_id"]) == ("none", None)
        await until(lambda: application(service).applied_mode is AccessMode.FREEVEND)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("protocol", "profile"), REMOTE_START)
async def test_a_vehicle_plugged_in_under_managed_access_is_started_when_freevend_begins(
    tmp_path: Path, protocol: str, profile: str
) -> None:
    spec = replace(SPEC, protocol=protocol)
    async with depot_with(tmp_path, profile, AccessMode.MANAGED, spec) as (service, charger):
        await charger.until_ready()
        await charger.plug_in(1, Vehicle())
        refused = await charger.present(1, Identifier.rfid("04FFFFFFFFFFFF"))
        assert not refused.charged
        await override(service, AccessMode.FREEVEND)
        await charger.until(lambda: charger.connector(1).charging)
        await until(lambda: application(service).applied_mode is AccessMode.FREEVEND)


@pytest.mark.usefixtures("impatient")
async def test_a_charge_that_was_ended_is_not_started_again_while_the_cable_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], RemoteStarts.check

    def counted(remote_starts: RemoteStarts) -> None:
        look(remote_starts)
        looks.append(remote_starts.monotonic())

    monkeypatch.setattr(RemoteStarts, "check", counted)
    async with depot_with(tmp_path, "ocpp16-remote-start", AccessMode.FREEVEND, SPEC) as (_, charger):
        await charger.until_ready()
        await charger.plug_in(1, Vehicle())
        await charger.until(lambda: charger.connector(1).charging)
        await charger.stop_charging(1)
        await charger.until_all_sent()
        before = len(looks)
        await until(lambda: len(looks) > before + 5)  # its patience has ended by then

        starts = [frame for frame in charger.frames if not frame.sent and frame.action == "RemoteStartTransaction"]
        assert len(starts) == 1
        assert not charger.connector(1).charging


# --- drift -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "profile"), [(OCPP201, "ocpp201-authctrlr"), (OCPP21, "ocpp21-authctrlr")])
async def test_a_switch_that_is_moved_on_site_is_told_by_the_charger_and_moved_back(
    tmp_path: Path, protocol: str, profile: str
) -> None:
    spec = replace(SPEC, protocol=protocol, freevend=FreevendVariable())
    async with depot_with(tmp_path, profile, AccessMode.MANAGED, spec) as (service, charger):
        await charger.until_ready()
        await charger.until(lambda: any(answers_to_calls(charger, "SetVariableMonitoring")))
        await charger.change_setting_on_site("AuthCtrlr.Enabled", "false")
        await until(lambda: application(service).generation == 2 and application(service).drift_found is None)

        assert not charger.freevend_active


def answers_to_calls(charger: SimulatedCharger, action: str) -> list[Any]:
    """The charger's answers to calls of ours."""
    asked = {frame.message[1] for frame in charger.frames if not frame.sent and frame.action == action}
    return [frame.message[2] for frame in charger.frames if frame.sent and frame.message[1] in asked]


# --- which profile fits --------------------------------------------------------------------------------------------------

READS = {
    "GetConfiguration", "GetVariables", "GetLocalListVersion", "ClearCache", "SendLocalList", "SetVariableMonitoring"
}  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "freevend", "vendor", "proposed", "fit"),
    [
        (OCPP16, FreevendKey(), "MicroOcpp", "microocpp-1.6", "fits"),
        (OCPP16, FreevendKey(key="FreeModeActive", tag_key="FreeModeRFID"), "Nobody", "vestel-evc04-1.6", "may_fit"),
        (OCPP16, FreevendKey(readonly=True), "MicroOcpp", "ocpp16-central", "always"),
        (OCPP16, None, "Nobody", "ocpp16-central", "always"),
        (OCPP201, FreevendVariable(), "Nobody", "ocpp201-authctrlr", "fits"),
        (OCPP21, None, "Nobody", "ocpp21-central", "always"),
    ],
)
async def test_a_probe_reads_the_charger_and_proposes_what_fits(
    tmp_path: Path, protocol: str, freevend: Any, vendor: str, proposed: str, fit: str
) -> None:
    central = {OCPP16: "ocpp16-central", OCPP201: "ocpp201-central", OCPP21: "ocpp21-central"}[protocol]
    spec = replace(SPEC, protocol=protocol, freevend=freevend, vendor=vendor)
    async with depot_with(tmp_path, central, AccessMode.MANAGED, spec) as (service, charger):
        await charger.until_ready()
        await until(lambda: application(service).applied_mode is AccessMode.MANAGED)
        await until(lambda: service.container.chargers.connections().serving_epoch((ACME, BAY)) is not None)
        await service.settled(await service.container.stores.store().last_position())  # the boot, with vendor and model
        settings = charger.settings_in_force
        found = await service.container.queries.probe()((ACME, BAY))

        assert (found.candidates[0].profile.name, found.candidates[0].fit) == (proposed, fit)
        assert charger.settings_in_force == settings
        asked = {frame.action for frame in charger.frames if not frame.sent and frame.action}
        assert asked <= READS | {"ChangeConfiguration", "SetVariables"}


async def test_an_older_spelling_of_the_key_is_found_and_only_keys_that_are_there_are_written(tmp_path: Path) -> None:
    spec = replace(SPEC, freevend=FreevendKey(key="AO_FreeVendActive", tag_key="AO_FreeVendIdTag"))
    async with depot_with(tmp_path, "microocpp-1.6", AccessMode.FREEVEND, spec) as (service, charger):
        await charger.until_ready()
        await until(lambda: application(service).applied_mode is AccessMode.FREEVEND)

        assert charger.freevend_active
        assert charger.settings_in_force["AO_FreeVendIdTag"] == "FREEVEND"
        frames = (frame for frame in charger.frames if not frame.sent and frame.action == "ChangeConfiguration")
        written = {frame.message[3]["key"] for frame in frames}
        assert not written & {"Cst_FreeVendActive", "Cst_FreeVendIdTag"}
