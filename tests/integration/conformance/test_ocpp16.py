"""OCPP 1.6: the cases that concern this system, by their ids (tests/support/octt.py)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.ids import VehicleId
from simulated_charger import v16_commands
from simulated_charger.calls import Response
from tests.integration.conformance.stage import CONTEXT, ENDED, KEY, OWN, SPEC, STRANGER, SUSPENDED, stage
from tests.support.chargers import Behaviour, FreevendKey, Identifier, Vehicle
from tests.support.octt import octt

SWITCHED = replace(SPEC, freevend=FreevendKey())
ON_ITS_OWN = replace(SPEC, behaviour=Behaviour(skips_authorize=True))


def answers_with(monkeypatch: pytest.MonkeyPatch, action: str, answer: dict[str, Any]) -> None:
    """From now on chargers answer this action so."""
    monkeypatch.setitem(v16_commands.HANDLERS, action, lambda commands, payload: Response(answer))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access_policy.application.mode_application.remote_starts.PATIENCE_S", 0.1)
    monkeypatch.setattr("access_policy.application.mode_application.remote_starts.TICK_S", 0.05)


# --- boot, sessions ---------------------------------------------------------------------------------------------------


@octt("TC_001", "TC_088")
async def test_cold_boot(tmp_path: Path) -> None:
    async with stage(tmp_path, SPEC) as played:
        (answer,) = played.answers("BootNotification")
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        await played.until(lambda: len(played.answers("StatusNotification")) == 2)


@pytest.mark.parametrize(
    "card_first", [pytest.param(False, marks=octt("TC_003")), pytest.param(True, marks=octt("TC_004_1"))]
)
async def test_a_session_plug_first_and_id_first(tmp_path: Path, card_first: bool) -> None:
    async with stage(tmp_path, SPEC) as played:
        outcome = await played.charger.try_to_charge(identifier=OWN, card_first=card_first, for_s=0.3)
        assert outcome.charged
        (attempt,) = await played.attempts(lambda rows: rows and rows[0]["session_ended_at"] is not None)
        assert attempt["decision"] == "allowed"
        assert played.answers("StartTransaction")[0]["transactionId"] > 0


@octt("TC_004_2", "TC_005_1")
async def test_nobody_plugs_in_in_time_or_the_cable_is_pulled(tmp_path: Path) -> None:
    async with stage(tmp_path, replace(SPEC, settings={"ConnectionTimeOut": "0"})) as played:
        await played.charger.present(1, OWN)
        (attempt,) = await played.attempts()
        assert (attempt["decision"], attempt["session_started_at"]) == ("allowed", None)
        await played.charger.plug_in(1, Vehicle())
        await played.charger.present(1, OWN)
        await played.charger.unplug(1)
        rows = await played.attempts(lambda rows: any(row["session_ended_at"] is not None for row in rows))
        assert {row["session_end_reason"] for row in rows} >= {"EVDisconnected"}


@octt("TC_007")
async def test_a_start_with_a_cached_id(tmp_path: Path) -> None:
    async with stage(tmp_path, ON_ITS_OWN) as played:
        await played.charger.plug_in(1, Vehicle())
        await played.charger.present(1, OWN)
        (answer,) = played.answers("StartTransaction")
        assert played.answers("Authorize") == []
        assert (answer["idTagInfo"]["status"], answer["transactionId"] > 0) == ("Accepted", True)


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        pytest.param(STRANGER, "Invalid", marks=octt("TC_023_1")),
        pytest.param(ENDED, "Expired", marks=octt("TC_023_2")),
        pytest.param(SUSPENDED, "Blocked", marks=octt("TC_023_3")),
    ],
)
async def test_authorize_refused(tmp_path: Path, shown: Identifier, status: str) -> None:
    async with stage(tmp_path, SPEC) as played:
        await played.charger.plug_in(1, Vehicle())
        assert not (await played.charger.present(1, shown)).charged
        assert played.answers("Authorize")[-1]["idTagInfo"]["status"] == status


@octt("TC_024")
async def test_a_lock_that_fails_is_a_fault_and_nothing_more(tmp_path: Path) -> None:
    async with stage(tmp_path, SPEC) as played:
        await played.charger.break_down(1, error_code="ConnectorLockFailure")
        await played.until(lambda: {} in played.answers("StatusNotification"))
        played.charger.repair(1)
        assert (await played.charger.try_to_charge(identifier=OWN, for_s=0.1)).charged


# --- remote control ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@octt("TC_010", "TC_011_1", "TC_054")
async def test_remote_start_with_the_cable_in(tmp_path: Path) -> None:
    async with stage(tmp_path, SPEC, profile="ocpp16-remote-start", baseline=AccessMode.FREEVEND) as played:
        await played.until(lambda: {"requestedMessage": "StatusNotification"} in played.asked("TriggerMessage"))
        await played.charger.plug_in(1, Vehicle())
        await played.charger.until(lambda: played.charger.connector(1).charging)
        assert played.answers("Authorize")[0]["idTagInfo"]["status"] == "Accepted"
        await played.until(lambda: played.answers("StartTransaction"))
        assert played.answers("StartTransaction")[0]["idTagInfo"]["status"] == "Accepted"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("action", "status"),
    [
        pytest.param("RemoteStartTransaction", "Accepted", marks=octt("TC_011_2")),
        pytest.param("RemoteStartTransaction", "Rejected", marks=octt("TC_026")),
        pytest.param("TriggerMessage", "Rejected", marks=octt("TC_055")),
    ],
)
async def test_remote_start_that_no_session_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, status: str
) -> None:
    answers_with(monkeypatch, action, {"status": status})
    async with stage(tmp_path, SPEC, profile="ocpp16-remote-start", baseline=AccessMode.FREEVEND) as played:
        await played.until(lambda: played.asked("TriggerMessage"))
        await played.charger.plug_in(1, Vehicle())
        await played.until(lambda: played.asked("RemoteStartTransaction"))
        if action == "RemoteStartTransaction":
            assert await played.attempts(lambda rows: True) == []


@pytest.mark.parametrize(
    "status", [pytest.param("Accepted", marks=octt("TC_012")), pytest.param("Rejected", marks=octt("TC_028"))]
)
async def test_remote_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    if status == "Rejected":
        answers_with(monkeypatch, "RemoteStopTransaction", {"status": "Rejected"})
    behaviour = Behaviour(ignores_refusal=True, skips_authorize=True)
    async with stage(tmp_path, replace(SPEC, behaviour=behaviour)) as played:
        await played.charger.plug_in(1, Vehicle())
        await played.charger.present(1, STRANGER)
        await played.until(lambda: played.asked("RemoteStopTransaction"))
        given = played.answers("StartTransaction")[0]["transactionId"]
        assert played.asked("RemoteStopTransaction")[0] == {"transactionId": given}
        if status == "Accepted":
            (attempt,) = await played.attempts(lambda rows: rows and rows[0]["session_ended_at"] is not None)
            assert attempt["session_end_reason"] == "Remote"
        else:
            await played.charger.stop_charging(1)
            await played.attempts(lambda rows: rows and rows[0]["session_ended_at"] is not None)


@octt("TC_014")
async def test_soft_reset(tmp_path: Path) -> None:
    spec = replace(SPEC, freevend=FreevendKey(needs_reboot=True))
    async with stage(tmp_path, spec, profile="microocpp-1.6") as played:
        await played.until_applied(AccessMode.MANAGED)
        await played.override(AccessMode.FREEVEND)
        await played.until_applied(AccessMode.FREEVEND)
        assert played.asked("Reset") == [{"type": "Soft"}]


# --- configuration ----------------------------------------------------------------------------------------------------


@octt("TC_019_1", "TC_019_2", "TC_021")
async def test_configuration_is_read_and_changed(tmp_path: Path) -> None:
    async with stage(tmp_path, SWITCHED, profile="microocpp-1.6") as played:
        await played.until_applied(AccessMode.MANAGED)
        await played.override(AccessMode.FREEVEND)
        await played.until_applied(AccessMode.FREEVEND)
        assert {"key": "Cst_FreeVendActive", "value": "true"} in played.asked("ChangeConfiguration")
        assert any("Cst_FreeVendActive" in asked.get("key", ()) for asked in played.asked("GetConfiguration"))
        found = await played.service.container.queries.probe()(KEY)
        assert {} in played.asked("GetConfiguration")
        assert found.all_told


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        pytest.param("NotSupported", "not_supported", marks=octt("TC_040_1")),
        pytest.param("Rejected", "rejected", marks=octt("TC_040_2")),
    ],
)
async def test_a_change_that_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, failure: str
) -> None:
    answers_with(monkeypatch, "ChangeConfiguration", {"status": status})
    async with stage(tmp_path, SWITCHED, profile="microocpp-1.6", baseline=AccessMode.FREEVEND) as played:
        await played.until(lambda: played.application.failure == failure)
        assert played.application.applied_mode is None


@octt("TC_061")
async def test_clear_cache(tmp_path: Path) -> None:
    async with stage(tmp_path, SPEC) as played:
        await played.until(lambda: played.asked("ClearCache") == [{}])


@octt("TC_064")
async def test_data_transfer_of_an_unknown_vendor(tmp_path: Path) -> None:
    async with stage(tmp_path, SPEC) as played:
        answer = await played.charger.call("DataTransfer", {"vendorId": "com.example", "data": "1"})
        assert answer["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")


# --- offline ----------------------------------------------------------------------------------------------------------


@octt("TC_032_1")
async def test_power_loss_during_a_session(tmp_path: Path) -> None:
    async with stage(tmp_path, SPEC) as played:
        await played.charger.plug_in(1, Vehicle())
        assert (await played.charger.present(1, OWN)).charged
        played.charger.kill()
        played.charger.power_up()
        await played.charger.until_ready()
        (attempt,) = await played.attempts(lambda rows: rows and rows[0]["session_ended_at"] is not None)
        assert (attempt["decision"], attempt["session_end_reason"]) == ("allowed", "PowerLoss")


@pytest.mark.parametrize(
    ("shown", "decision"),
    [
        pytest.param(OWN, "allowed", marks=octt("TC_037_1", "TC_039")),
        pytest.param(STRANGER, "denied", marks=octt("TC_037_3")),
    ],
)
async def test_a_session_that_began_offline_is_judged_when_it_is_reported(
    tmp_path: Path, shown: Identifier, decision: str
) -> None:
    async with stage(tmp_path, SPEC, offline_starts=OfflineStarts.OPEN) as played:
        await played.until(lambda: played.charger.settings_in_force["AllowOfflineTxForUnknownId"] == "true")
        played.charger.go_offline()
        await played.charger.plug_in(1, Vehicle())
        await played.charger.present(1, shown)
        assert played.charger.connector(1).charging
        if decision == "allowed":
            await played.charger.stop_charging(1)
        played.charger.come_online()
        await played.charger.until_ready()
        (attempt,) = await played.attempts(lambda rows: rows and rows[0]["session_ended_at"] is not None)
        assert attempt["decision"] == decision
        accepted = played.answers("StartTransaction")[0]["idTagInfo"]["status"] == "Accepted"
        assert accepted is (decision == "allowed")


# --- local list -------------------------------------------------------------------------------------------------------


@octt("TC_042_1", "TC_043_1")
async def test_a_charger_without_a_local_list(tmp_path: Path) -> None:
    async with stage(tmp_path, replace(SPEC, local_list_capacity=0)) as played:
        await played.until(lambda: played.asked("GetLocalListVersion"))
        await played.until_applied(AccessMode.MANAGED)
        assert played.asked("SendLocalList") == []


@octt("TC_042_2", "TC_043_4", "TC_043_5")
async def test_a_local_list_from_empty_to_full_and_an_entry_less(tmp_path: Path) -> None:
    async with stage(tmp_path, SPEC) as played:
        listed = played.charger.state.local_authorisation
        await played.until(lambda: listed.listed == 1)
        full = played.asked("SendLocalList")[0]
        assert (full["updateType"], full["listVersion"] > 0) == ("Full", True)
        await played.service.container.commands.suspend_vehicle()(
            CONTEXT, SuspendVehicle(vehicle_id=VehicleId("own"), reason="lost")
        )
        await played.until(lambda: listed.listed == 0)
        removal = played.asked("SendLocalList")[-1]
        assert removal["listVersion"] > full["listVersion"]
        if removal["updateType"] == "Differential":
            assert ["idTagInfo" in each for each in removal["localAuthorizationList"]] == [False]


@octt("TC_043_3")
async def test_a_local_list_that_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers_with(monkeypatch, "SendLocalList", {"status": "Failed"})
    async with stage(tmp_path, SPEC) as played:
        await played.until(lambda: played.asked("SendLocalList"))
        await played.charger.plug_in(1, Vehicle())
        assert (await played.charger.present(1, OWN)).charged
