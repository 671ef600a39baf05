"""Chargers resend transaction messages after a reconnect, and count messages and transactions anew after a reboot: a start is
recognised by its transaction, connector, card, time and meter."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.application.charging_sessions.transactions import transaction_record
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.events import LOST, ChargingEnded, ChargingStarted
from tests.support.depot_in_memory import BAY, BUS, NIGHT, OTHER_BAY, STRANGER, TENANT, DepotInMemory
from tests.support.handled import HandledDepot
from tests.support.stores import memory_store

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def depot_of(version: OcppVersion) -> HandledDepot:
    charger = HandledDepot(await DepotInMemory(memory_store()).opened(), version)
    charger.depot.clock.set(NIGHT - 30 * MINUTE)
    await charger.say("Heartbeat", {})
    charger.depot.clock.set(NIGHT)
    return charger


@pytest.fixture
async def old() -> HandledDepot:
    return await depot_of(OcppVersion.V16)


@pytest.fixture(params=[OcppVersion.V201, OcppVersion.V21])
async def new(request: pytest.FixtureRequest) -> HandledDepot:
    return await depot_of(request.param)


async def starts(charger: HandledDepot) -> list[ChargingStarted]:
    store = charger.depot.store
    log = await store.read_log(after=0, limit=1_000, up_to=await store.last_position())
    return [each.event for each in log if isinstance(each.event, ChargingStarted)]


async def ends_of(charger: HandledDepot, start: ChargingStarted) -> list[tuple[str, int | None]]:
    history = await charger.depot.store.load(attempt_stream(TENANT, start.attempt_id))
    return [(each.event.reason, each.event.energy_wh) for each in history if isinstance(each.event, ChargingEnded)]


def start_transaction(meter: int, *, connector: int = 1) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": BUS.value, "meterStart": meter, "timestamp": NIGHT.isoformat()}


async def event(
    charger: HandledDepot,
    event_type: str,
    at: datetime,
    *,
    card: str | None = BUS.value,
    wh: int | None = None,
    evse: int = 1,
    transaction: str = "1",
) -> dict[str, Any]:
    charger.depot.clock.set(max(at, charger.depot.clock.now()))
    payload: dict[str, Any] = {
        "eventType": event_type,
        "timestamp": at.isoformat(),
        "triggerReason": "Trigger",
        "seqNo": 0,
        "transactionInfo": {"transactionId": transaction},
        "evse": {"id": evse, "connectorId": 1},
    }
    if card is not None:
        payload["idToken"] = {"idToken": card, "type": "ISO14443"}
    if wh is not None:
        payload["meterValue"] = [{"timestamp": at.isoformat(), "sampledValue": [{"value": wh}]}]
    return await charger.say("TransactionEvent", payload)


async def test_a_start_transaction_resent_on_another_connection_is_recorded_once_and_answered_the_same(
    old: HandledDepot,
):
    first = await old.say("StartTransaction", start_transaction(1_000))
    old.reconnect()
    old.depot.clock.forward(minutes=5)
    again = await old.say("StartTransaction", start_transaction(1_000))

    assert again["transactionId"] == first["transactionId"]
    assert len(await starts(old)) == 1


async def test_two_start_transactions_that_differ_in_the_meter_only_are_two_sessions(old: HandledDepot):
    """The charger's clock begins at the same instant after each power cut."""
    first = await old.say("StartTransaction", start_transaction(1_000))
    old.reconnect()
    second = await old.say("StartTransaction", start_transaction(6_000))

    assert first["transactionId"] != second["transactionId"]
    assert [each.meter_start_wh for each in await starts(old)] == [1_000, 6_000]


async def test_a_started_resent_on_another_connection_is_recorded_once(new: HandledDepot):
    await event(new, "Started", NIGHT, wh=1_000)
    new.reconnect()
    await event(new, "Updated", NIGHT + MINUTE, wh=1_500)
    await event(new, "Started", NIGHT, wh=1_000)
    await event(new, "Ended", NIGHT + HOUR, wh=9_000)
    await event(new, "Started", NIGHT, wh=1_000)

    (start,) = await starts(new)
    assert await ends_of(new, start) == [("Local", 8_000)]


async def test_a_transaction_id_used_again_after_the_end_is_another_session(new: HandledDepot):
    await event(new, "Started", NIGHT, wh=1_000)
    await event(new, "Ended", NIGHT + HOUR, wh=9_000)
    new.reconnect()
    answer = await event(new, "Started", NIGHT + 2 * HOUR, card=STRANGER.value, wh=9_000)
    await event(new, "Ended", NIGHT + 3 * HOUR, card=None, wh=9_000)

    first, second = await starts(new)
    assert answer["idTokenInfo"]["status"] == "Unknown"
    assert first.attempt_id != second.attempt_id
    assert await ends_of(new, first) == [("Local", 8_000)]
    assert await ends_of(new, second) == [("Local", 0)]


async def test_a_transaction_id_used_again_while_the_session_is_open_ends_that_as_lost(new: HandledDepot):
    """The charger lost its power, and begins to count anew."""
    await event(new, "Started", NIGHT, wh=1_000)
    new.reconnect()
    await event(new, "Started", NIGHT + 2 * HOUR, wh=4_000)
    await event(new, "Ended", NIGHT + 3 * HOUR, wh=9_000)

    first, second = await starts(new)
    assert [reason for reason, _ in await ends_of(new, first)] == [LOST]
    assert await ends_of(new, second) == [("Local", 5_000)]
    assert new.depot.live.sessions_at((TENANT, BAY)) == ()
    assert not new.depot.live.charges_at_another((TENANT, OTHER_BAY), second.identifier, lambda key: False)


async def test_a_transaction_id_used_again_cable_first_is_another_session(new: HandledDepot):
    await event(new, "Started", NIGHT, wh=1_000)
    await event(new, "Ended", NIGHT + HOUR, wh=9_000)
    new.reconnect()
    await event(new, "Started", NIGHT + 2 * HOUR, card=None, wh=9_000, evse=2)
    await event(new, "Updated", NIGHT + 2 * HOUR + MINUTE, wh=9_000, evse=2)
    await event(new, "Ended", NIGHT + 3 * HOUR, card=None, wh=12_000, evse=2)

    first, second = await starts(new)
    assert first.attempt_id != second.attempt_id
    assert (second.connector_id, second.meter_start_wh) == (2, 9_000)
    assert await ends_of(new, second) == [("Local", 3_000)]


async def test_a_transaction_id_used_three_times_names_the_latest_attempt_on_record(new: HandledDepot):
    for day in range(3):
        await event(new, "Started", NIGHT + day * 3 * HOUR, wh=1_000 * day)
        await event(new, "Ended", NIGHT + day * 3 * HOUR + HOUR, wh=1_000 * day + 500)

    begun = await starts(new)
    record = await transaction_record(new.depot.store, TENANT, BAY, "1")
    assert len({each.attempt_id for each in begun}) == 3
    assert (record.attempt_id, record.earlier) == (begun[-1].attempt_id, 2)
