"""Lost connections, offline decisions, and defects of simulated chargers."""

from __future__ import annotations

import ast
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import NegotiationError

import simulated_charger
from tests.support.chargers import (
    EVERYTHING,
    OCPP16,
    OCPP201,
    Behaviour,
    ChargerSpec,
    DecidedBy,
    Identifier,
    NoAnswer,
    SimulatedCharger,
)
from tests.unit.simulated_charger.scripted_csms import Payload, Refuse, ScriptedCsms

pytestmark = pytest.mark.virtual_time

CARD = Identifier.rfid("04A1B2C3")
OTHER = Identifier.rfid("04FFFFFF")
MakeSpec = Callable[..., ChargerSpec]


class Clock:
    def __init__(self) -> None:
        self.instant = datetime(2026, 3, 2, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant


def listed(protocol: str, *cards: Identifier, version: int = 1, update: str = "Full") -> Payload:
    if protocol == OCPP16:
        entries = [{"idTag": card.value, "idTagInfo": {"status": "Accepted"}} for card in cards]
        return {"listVersion": version, "updateType": update, "localAuthorizationList": entries}
    tokens: list[Payload] = [
        {"idToken": {"idToken": card.value, "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
        for card in cards
    ]
    return {"versionNumber": version, "updateType": update, "localAuthorizationList": tokens}


async def away(charger: SimulatedCharger) -> None:
    charger.go_offline()
    await charger.until(lambda: not charger.ready)


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201])
async def test_charger_when_offline_accepts_listed_cards_only(
    csms: ScriptedCsms, spec: MakeSpec, protocol: str
) -> None:
    async with SimulatedCharger(spec(protocol)) as charger:
        await charger.until_ready()
        assert await csms.ask("SendLocalList", listed(protocol, CARD)) == {"status": "Accepted"}
        await away(charger)
        known = await charger.try_to_charge(identifier=CARD)
        unknown = await charger.try_to_charge(identifier=OTHER)

    assert (known.charged, known.decided_by) == (True, DecidedBy.LOCAL_LIST)
    assert (unknown.charged, unknown.decided_by) == (False, DecidedBy.OFFLINE_RULE)


async def test_charger_after_an_outage_reports_the_offline_session_with_its_own_times(
    csms: ScriptedCsms, spec: MakeSpec
) -> None:
    clock = Clock()
    unknown_too = {"AllowOfflineTxForUnknownId": "true"}

    async with SimulatedCharger(spec(settings=unknown_too), now=clock) as charger:
        await charger.until_ready()
        await away(charger)
        await charger.plug_in(1)
        await charger.present(1, CARD)
        clock.instant += timedelta(hours=1)
        await charger.unplug(1)
        clock.instant += timedelta(hours=1)
        charger.come_online()
        await csms.until(lambda: bool(csms.came("StopTransaction")))

    [start], [stop] = csms.came("StartTransaction"), csms.came("StopTransaction")
    assert (start["timestamp"], stop["timestamp"]) == ("2026-03-02T08:00:00.000Z", "2026-03-02T09:00:00.000Z")
    assert (stop["transactionId"], stop["meterStop"]) == (1, 11_000)
    assert len(csms.came("BootNotification")) == 1


async def test_transaction_events_made_offline_are_marked_and_sent_in_order(csms: ScriptedCsms, spec: MakeSpec) -> None:
    unknown_too = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}

    async with SimulatedCharger(spec(OCPP201, settings=unknown_too)) as charger:
        await charger.until_ready()
        await away(charger)
        await charger.try_to_charge(identifier=CARD)
        charger.come_online()
        await csms.until(lambda: len(csms.came("TransactionEvent")) == 2)

    assert [(event["seqNo"], event["offline"]) for event in csms.came("TransactionEvent")] == [(0, True), (1, True)]


async def test_replayed_start_when_refused_ends_the_running_session(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["StartTransaction"] = {"transactionId": 4, "idTagInfo": {"status": "Invalid"}}

    async with SimulatedCharger(spec(settings={"AllowOfflineTxForUnknownId": "true"})) as charger:
        await charger.until_ready()
        await away(charger)
        await charger.plug_in(1)
        outcome = await charger.present(1, CARD)
        charger.come_online()
        await csms.until(lambda: bool(csms.came("StopTransaction")))

        assert not charger.connector(1).charging
    assert outcome.charged
    assert csms.came("StopTransaction")[0]["reason"] == "DeAuthorized"


async def test_stop_of_an_unanswered_start_has_transaction_id_minus_one(csms: ScriptedCsms, spec: MakeSpec) -> None:
    def refuse(start: Payload) -> Payload:
        raise Refuse("InternalError")

    csms.answers["StartTransaction"] = refuse
    retries = {"TransactionMessageAttempts": "2", "TransactionMessageRetryInterval": "0"}

    async with SimulatedCharger(spec(settings=retries)) as charger:
        await charger.until_ready()
        await charger.try_to_charge(identifier=CARD)
        await csms.until(lambda: bool(csms.came("StopTransaction")))

    assert len(csms.came("StartTransaction")) == 2
    assert csms.came("StopTransaction")[0]["transactionId"] == -1


async def test_cached_permission_is_used_until_it_expires(csms: ScriptedCsms, spec: MakeSpec) -> None:
    clock = Clock()
    until_nine = {"status": "Accepted", "expiryDate": "2026-03-02T09:00:00Z"}
    csms.answers["Authorize"] = {"idTagInfo": until_nine}
    csms.answers["StartTransaction"] = {"transactionId": 1, "idTagInfo": until_nine}

    async with SimulatedCharger(spec(settings={"LocalPreAuthorize": "true"}), now=clock) as charger:
        await charger.until_ready()
        await charger.try_to_charge(identifier=CARD)
        asked_once = len(csms.came("Authorize"))
        await charger.try_to_charge(identifier=CARD)
        asked_from_cache = len(csms.came("Authorize"))
        clock.instant += timedelta(hours=1)
        await charger.try_to_charge(identifier=CARD)
        asked_after_expiry = len(csms.came("Authorize"))
        await csms.ask("ClearCache")

    assert (asked_once, asked_from_cache, asked_after_expiry) == (1, 1, 2)


@pytest.mark.parametrize("protocol", [OCPP16, OCPP201])
async def test_local_list_update_respects_limits_and_versions(
    csms: ScriptedCsms, spec: MakeSpec, protocol: str
) -> None:
    cards = [Identifier.rfid(f"0400000{n}") for n in range(4)]

    async with SimulatedCharger(spec(protocol, local_list_capacity=3, local_list_per_message=2)) as charger:
        await charger.until_ready()
        full = await csms.ask("SendLocalList", listed(protocol, *cards[:2], version=5))
        old = await csms.ask("SendLocalList", listed(protocol, cards[2], version=5, update="Differential"))
        third = await csms.ask("SendLocalList", listed(protocol, cards[2], version=6, update="Differential"))
        fourth = await csms.ask("SendLocalList", listed(protocol, cards[3], version=7, update="Differential"))
        version = await csms.ask("GetLocalListVersion")

    statuses = [answer["status"] for answer in (full, old, third, fourth)]
    assert statuses == ["Accepted", "VersionMismatch", "Accepted", "Failed"]
    assert list(version.values()) == [6]


async def test_charger_that_loses_its_connection_reconnects_without_a_boot(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()
        charger.lose_connection()
        await charger.until(lambda: charger.connects == 2 and charger.ready)

    assert len(csms.came("BootNotification")) == 1


@pytest.mark.parametrize(("protocol", "action"), [(OCPP16, "StopTransaction"), (OCPP201, "TransactionEvent")])
async def test_charger_after_a_power_cut_boots_and_ends_the_interrupted_session(
    csms: ScriptedCsms, spec: MakeSpec, protocol: str, action: str
) -> None:
    async with SimulatedCharger(spec(protocol)) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        await charger.present(1, CARD)
        charger.kill()
        dark = (charger.online, charger.connector(1).charging)
        in_the_dark = await charger.present(1, CARD)
        charger.power_up()
        await charger.until_ready()
        await charger.until_all_sent()

    assert dark == (False, False)
    assert (in_the_dark.refused_at, in_the_dark.status) == ("connector", "NoPower")
    assert len(csms.came("BootNotification")) == 2
    assert "PowerLoss" in str(csms.came(action)[-1])


async def test_fault_ends_the_session_and_refuses_cards_until_repaired(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        await charger.present(1, CARD)
        await charger.break_down(1, error_code="GroundFailure")
        broken = await charger.present(1, CARD)
        charger.repair(1)
        repaired = await charger.present(1, CARD)

    assert (broken.refused_at, broken.status) == ("connector", "Faulted")
    assert repaired.charged
    assert "GroundFailure" in [status["errorCode"] for status in csms.came("StatusNotification")]


async def test_charger_with_never_answers_is_silent(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(behaviour=Behaviour(never_answers=EVERYTHING))) as charger:
        await charger.until_ready()
        with pytest.raises(TimeoutError):
            await csms.ask("ClearCache", timeout_s=0.05)


async def test_charger_with_an_answer_delay_answers_late(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(behaviour=Behaviour(answer_delay_s=0.05))) as charger:
        await charger.until_ready()
        with pytest.raises(TimeoutError):
            await csms.ask("ClearCache", timeout_s=0.005)
        assert await csms.ask("ClearCache") == {"status": "Accepted"}


async def test_charger_with_defects_reuses_ids_changes_tags_and_adds_fields(csms: ScriptedCsms, spec: MakeSpec) -> None:
    sloppy = Behaviour(
        reuses_message_ids=True, lower_case_tags=True, tag_suffix="-0123456789-0123456789", extra_fields={"hello": 1}
    )

    async with SimulatedCharger(spec(behaviour=sloppy)) as charger:
        await charger.until_ready()
        await charger.try_to_charge(identifier=CARD)
        await charger.until_all_sent()

    assert csms.came("Authorize") == [{"idTag": "04a1b2c3-0123456789-0123456789", "hello": 1}]
    assert set(csms.ids) <= {"0", "1", "2"}
    assert csms.violations
    csms.violations.clear()


async def test_unanswered_authorize_is_not_a_permission(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["Authorize"] = lambda request: None

    async with SimulatedCharger(spec(call_timeout_s=0.05)) as charger:
        await charger.until_ready()
        outcome = await charger.try_to_charge(identifier=CARD)
        with pytest.raises(NoAnswer):
            await charger.call("Authorize", {"idTag": "X"})

    assert (outcome.charged, outcome.status) == (False, "NoAnswer")


async def test_frames_are_passed_to_the_listener_and_kept_up_to_the_bound(csms: ScriptedCsms, spec: MakeSpec) -> None:
    watched = []

    async with SimulatedCharger(spec(keep_frames=2), on_frame=watched.append) as charger:
        await charger.until_ready()
        await charger.until_all_sent()

    assert [frame.action for frame in watched if frame.sent][:2] == ["BootNotification", "StatusNotification"]
    assert list(charger.frames) == watched[-2:]


async def test_charger_without_its_subprotocol_sends_nothing_and_reconnects(spec: MakeSpec) -> None:
    said: list[str | bytes] = []
    came, came_again = asyncio.Event(), asyncio.Event()

    async def listen(socket: ServerConnection) -> None:
        (came_again if came.is_set() else came).set()
        said.extend([frame async for frame in socket])

    async with serve(listen, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ocpp"
        async with SimulatedCharger(replace(spec(), url=url)) as charger, asyncio.timeout(60):
            await came_again.wait()

    assert isinstance(charger.last_connection_error, NegotiationError)
    assert said == []


def test_charger_with_an_unsupported_protocol_is_refused() -> None:
    spec = ChargerSpec(url="ws://127.0.0.1:1/ocpp", charge_point_id="BAY-1", protocol="ocpp1.5")

    with pytest.raises(ValueError, match=r"speak ocpp1\.6, ocpp2\.0\.1"):
        SimulatedCharger(spec)


def test_the_simulated_chargers_share_no_code_with_the_server() -> None:
    package = Path(simulated_charger.__file__).parent
    imported = {
        name
        for source in package.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        for name in _imported(node)
    }

    assert imported <= sys.stdlib_module_names | {"msgspec", "simulated_charger", "websockets"}


def _imported(node: ast.AST) -> list[str]:
    """The top-level names of the packages that a statement imports."""
    match node:
        case ast.Import(names=names):
            return [name.name.partition(".")[0] for name in names]
        case ast.ImportFrom(module=str(module)):
            return [module.partition(".")[0]]
        case _:
            return []
