"""OCPP 2.x: a transaction has one session, whatever events of it arrive, in which order and over which connection."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.application.deciding.attempts import Stage
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    ChargingEnded,
    ChargingStarted,
    DenialNotHonoured,
    OfflineStartReported,
    SessionDecision,
)
from access_policy.domain.access.reasons import Reason
from tests.support.depot_in_memory import BAY, BUS, DAY, NIGHT, STRANGER, TENANT, DepotInMemory
from tests.support.handled import HandledDepot
from tests.support.stores import memory_store

MINUTE = timedelta(minutes=1)
TRANSACTION = "t-1"


@pytest.fixture(params=[OcppVersion.V201, OcppVersion.V21])
async def charger(request: pytest.FixtureRequest) -> HandledDepot:
    charger = HandledDepot(await DepotInMemory(memory_store()).opened(), request.param)
    charger.depot.clock.set(NIGHT - 30 * MINUTE)
    await charger.say("Heartbeat", {})
    charger.depot.clock.set(NIGHT)
    return charger


async def event(
    charger: HandledDepot,
    event_type: str,
    *,
    at: datetime = NIGHT,
    card: str | None = None,
    wh: tuple[int, ...] = (),
    evse: int | None = None,
    **info: Any,
) -> dict[str, Any]:
    charger.depot.clock.set(max(at, charger.depot.clock.now()))
    payload: dict[str, Any] = {
        "eventType": event_type,
        "timestamp": at.isoformat(),
        "triggerReason": "Trigger",
        "seqNo": 0,
        "transactionInfo": {"transactionId": TRANSACTION, **info},
    }
    if card is not None:
        payload["idToken"] = {"idToken": card, "type": "ISO14443"}
    if evse is not None:
        payload["evse"] = {"id": evse, "connectorId": 1}
    if wh:
        payload["meterValue"] = [
            {"timestamp": (at - (len(wh) - 1 - n) * MINUTE).isoformat(), "sampledValue": [{"value": each}]}
            for n, each in enumerate(wh)
        ]
    return await charger.say("TransactionEvent", payload)


async def recorded(charger: HandledDepot) -> list[object]:
    """The events of the one attempt there is."""
    store = charger.depot.store
    log = await store.read_log(after=0, limit=1_000, up_to=await store.last_position())
    attempts = {each.event.attempt_id for each in log if isinstance(each.event, ChargingStarted)}
    if not attempts:
        return []
    (attempt,) = attempts
    return [each.event for each in await store.load(attempt_stream(TENANT, attempt))]


def restarted(charger: HandledDepot) -> HandledDepot:
    """Another process on the same store, which remembers nothing."""
    return HandledDepot(DepotInMemory(charger.depot.store, clock=charger.depot.clock), charger.version)


# --- cable first -------------------------------------------------------------------------------------------------------


async def test_cable_first_over_two_connections_is_one_session_with_connector_and_energy(charger: HandledDepot):
    await event(charger, "Started", wh=(1_000,), evse=2)
    charger.reconnect()
    answer = await event(charger, "Updated", at=NIGHT + MINUTE, card=BUS.value)
    await event(charger, "Ended", at=NIGHT + 30 * MINUTE, wh=(6_000,))

    assert answer["idTokenInfo"]["status"] == "Accepted"
    decision, start, end = await recorded(charger)
    assert isinstance(decision, AccessAllowed)
    assert isinstance(start, ChargingStarted)
    assert (start.connector_id, start.meter_start_wh, start.started_at) == (2, 1_000, NIGHT + MINUTE)
    assert isinstance(end, ChargingEnded)
    assert end.energy_wh == 5_000


async def test_cable_first_of_a_stranger_after_a_reconnect_is_recorded_denied_and_stopped(charger: HandledDepot):
    await event(charger, "Started", wh=(1_000,), evse=1)
    charger.reconnect()
    answer = await event(charger, "Updated", at=NIGHT + MINUTE, card=STRANGER.value)
    await event(charger, "Updated", at=NIGHT + 2 * MINUTE, wh=(1_400,), chargingState="Charging")
    charger.follow_up.check()
    await charger.follow_up.finish()

    assert answer["idTokenInfo"]["status"] == "Unknown"
    decision, start, not_honoured, _ = await recorded(charger)
    assert isinstance(decision, AccessDenied)
    assert isinstance(start, ChargingStarted)
    assert isinstance(not_honoured, DenialNotHonoured)
    assert charger.stops.asked == [((TENANT, BAY), TRANSACTION)]


async def test_cable_first_over_a_restart_of_the_service_keeps_connector_and_meter(charger: HandledDepot):
    await event(charger, "Started", wh=(1_000,), evse=2)
    charger = restarted(charger)
    await charger.depot.follow()
    await charger.depot.decider.authorize(charger.depot.attempt(BUS))
    await event(charger, "Updated", at=NIGHT + MINUTE, card=BUS.value)

    decision, start = await recorded(charger)
    assert isinstance(decision, AccessAllowed)
    assert decision.lineage.stage is Stage.AUTHORIZE
    assert isinstance(start, ChargingStarted)
    assert (start.connector_id, start.meter_start_wh) == (2, 1_000)


async def test_energy_without_any_token_starts_a_session_from_whatever_event_shows_it(charger: HandledDepot):
    await event(charger, "Updated", wh=(1_000,))
    assert await recorded(charger) == []
    await event(charger, "Updated", at=NIGHT + MINUTE, wh=(1_020,))
    assert await recorded(charger) == []
    await event(charger, "Updated", at=NIGHT + 2 * MINUTE, wh=(1_300,), evse=1)

    (start,) = await recorded(charger)
    assert isinstance(start, ChargingStarted)
    assert (start.decision, start.meter_start_wh, start.connector_id) == (SessionDecision.NONE, 1_000, 1)
    assert [key for key, _ in charger.depot.freevend_seen] == [BAY]


async def test_events_without_token_or_energy_record_no_session_and_repeat_nothing(charger: HandledDepot):
    await event(charger, "Started", wh=(1_000,), evse=1)
    position = await charger.depot.store.last_position()
    for minute in range(3):
        await event(charger, "Updated", at=NIGHT + minute * MINUTE, wh=(1_000,), chargingState="EVConnected")

    assert await charger.depot.store.last_position() == position
    assert await recorded(charger) == []


# --- an end without a start ---------------------------------------------------------------------------------------------


async def test_an_end_never_announced_with_a_token_and_all_readings_is_a_whole_session(charger: HandledDepot):
    answer = await event(charger, "Ended", at=NIGHT + 30 * MINUTE, card=BUS.value, wh=(1_000, 3_000, 5_000), evse=1)

    assert answer["idTokenInfo"]["status"] == "Accepted"
    decision, start, end = await recorded(charger)
    assert isinstance(decision, AccessAllowed)
    assert isinstance(start, ChargingStarted)
    assert (start.started_at, start.connector_id) == (NIGHT + 28 * MINUTE, 1)
    assert isinstance(end, ChargingEnded)
    assert (end.ended_at, end.energy_wh) == (NIGHT + 30 * MINUTE, 4_000)
    assert charger.depot.live.sessions_at((TENANT, BAY)) == ()


async def test_an_end_never_announced_with_energy_alone_is_a_session_without_a_decision(charger: HandledDepot):
    await event(charger, "Ended", at=NIGHT, wh=(5_000,), timeSpentCharging=600)

    start, end = await recorded(charger)
    assert isinstance(start, ChargingStarted)
    assert (start.decision, start.started_at) == (SessionDecision.NONE, NIGHT - 10 * MINUTE)
    assert isinstance(end, ChargingEnded)
    assert end.energy_wh is None


async def test_an_end_never_announced_without_token_or_energy_is_kept_but_not_a_session(charger: HandledDepot):
    for _ in range(2):
        await event(charger, "Ended", wh=(5_000,))

    assert await recorded(charger) == []


async def test_an_end_delivered_twice_is_recorded_once(charger: HandledDepot):
    for _ in range(2):
        await event(charger, "Ended", card=BUS.value, wh=(1_000, 5_000), evse=1)

    assert len(await recorded(charger)) == 3


# --- an end before its start ---------------------------------------------------------------------------------------------


async def test_an_end_before_its_start_is_completed_by_the_start(charger: HandledDepot):
    await event(charger, "Ended", at=NIGHT + 30 * MINUTE, wh=(6_000,))
    answer = await event(charger, "Started", at=NIGHT, card=BUS.value, wh=(1_000,), evse=2)

    assert answer["idTokenInfo"]["status"] == "Accepted"
    decision, start, end = await recorded(charger)
    assert isinstance(decision, AccessAllowed)
    assert isinstance(start, ChargingStarted)
    assert isinstance(end, ChargingEnded)
    assert (start.connector_id, end.ended_at, end.energy_wh) == (2, NIGHT + 30 * MINUTE, 5_000)
    assert charger.depot.live.sessions_at((TENANT, BAY)) == ()


async def test_an_end_before_its_start_whose_readings_together_show_energy_is_a_session(charger: HandledDepot):
    await event(charger, "Ended", at=NIGHT + 30 * MINUTE, wh=(6_000,))
    await event(charger, "Started", at=NIGHT, wh=(1_000,), evse=2)

    start, end = await recorded(charger)
    assert isinstance(start, ChargingStarted)
    assert isinstance(end, ChargingEnded)
    assert (start.decision, start.connector_id, end.energy_wh) == (SessionDecision.NONE, 2, 5_000)


async def test_an_end_with_a_token_before_its_start_is_judged_anew_by_the_time_of_the_start(charger: HandledDepot):
    """The end alone proves a charge at night, which is denied; the start was in freevend."""
    await event(charger, "Ended", at=NIGHT - MINUTE, card=STRANGER.value, wh=(6_000,))
    for _ in range(2):
        await event(charger, "Started", at=DAY, card=STRANGER.value, wh=(1_000,), evse=2)

    denied, first_start, first_end, allowed, offline, start, end = await recorded(charger)
    assert isinstance(denied, AccessDenied)
    assert isinstance(first_start, ChargingStarted)
    assert isinstance(first_end, ChargingEnded)
    assert first_end.energy_wh is None
    assert isinstance(allowed, AccessAllowed)
    assert allowed.reason is Reason.FREEVEND
    assert isinstance(offline, OfflineStartReported)
    assert isinstance(start, ChargingStarted)
    assert (start.started_at, start.connector_id, start.decision) == (DAY, 2, SessionDecision.ALLOWED)
    assert isinstance(end, ChargingEnded)
    assert end.energy_wh == 5_000


async def test_a_late_event_of_a_session_that_is_over_changes_nothing(charger: HandledDepot):
    await event(charger, "Started", card=BUS.value, wh=(1_000,), evse=1)
    await event(charger, "Ended", at=NIGHT + 30 * MINUTE, wh=(6_000,))
    await event(charger, "Updated", at=NIGHT + MINUTE, card=BUS.value, wh=(2_000,), chargingState="Charging")

    assert len(await recorded(charger)) == 3
    assert charger.depot.live.sessions_at((TENANT, BAY)) == ()


# --- starts made while the charger could not ask -----------------------------------------------------------------------------


async def test_a_start_before_the_connection_without_the_offline_flag_is_judged_by_its_own_time(charger: HandledDepot):
    charger.reconnect()
    answer = await event(charger, "Started", at=DAY, card=STRANGER.value, evse=1)

    assert answer["idTokenInfo"]["status"] == "Accepted"
    decision, offline, _ = await recorded(charger)
    assert isinstance(decision, AccessAllowed)
    assert decision.lineage.decided_for == DAY
    assert isinstance(offline, OfflineStartReported)


async def test_a_1_6_start_seconds_before_the_connection_is_judged_by_its_own_time() -> None:
    """Ten seconds before managed access began, reported twenty seconds after."""
    depot = await DepotInMemory(memory_store()).opened()
    charger = HandledDepot(depot, OcppVersion.V16)
    managed_from = datetime.fromisoformat("2026-11-20T21:00:00+00:00")
    depot.clock.set(managed_from + timedelta(seconds=15))
    await charger.say("Heartbeat", {})
    depot.clock.set(managed_from + timedelta(seconds=20))
    started_at = (managed_from - timedelta(seconds=10)).isoformat()
    start = {"connectorId": 1, "idTag": STRANGER.value, "meterStart": 0, "timestamp": started_at}
    answer = await charger.say("StartTransaction", start)

    assert answer["idTagInfo"]["status"] == "Accepted"
    decision, offline, _ = await recorded(charger)
    assert isinstance(decision, AccessAllowed)
    assert decision.reason is Reason.FREEVEND
    assert isinstance(offline, OfflineStartReported)
    assert offline.authorised
