"""The energy and the connector of a session, from the reports that chargers really send. Unknown energy is null, never 0."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.application.decision_view.sessions import Session
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.events import ChargingEnded, ChargingStarted, DenialNotHonoured
from tests.support.depot_in_memory import BAY, BUS, NIGHT, STRANGER, TENANT, DepotInMemory
from tests.support.handled import HandledDepot
from tests.support.stores import memory_store

HOUR = timedelta(hours=1)
KEY = (TENANT, BAY)


async def handled(version: OcppVersion) -> HandledDepot:
    charger = HandledDepot(await DepotInMemory(memory_store()).opened(), version)
    charger.depot.clock.set(NIGHT - HOUR)
    await charger.say("Heartbeat", {})
    charger.depot.clock.set(NIGHT)
    return charger


async def of_type(charger: HandledDepot, kind: type) -> list[Any]:
    store = charger.depot.store
    log = await store.read_log(after=0, limit=1_000, up_to=await store.last_position())
    return [each.event for each in log if isinstance(each.event, kind)]


async def energy(charger: HandledDepot) -> int | None:
    (end,) = await of_type(charger, ChargingEnded)
    assert isinstance(end, ChargingEnded)
    return end.energy_wh


# --- OCPP 1.6 ----------------------------------------------------------------------------------------------------------


async def charge_16(charger: HandledDepot, meter_start: Any, meter_stop: Any, *data: dict[str, Any]) -> None:
    start = {"connectorId": 1, "idTag": BUS.value, "meterStart": meter_start, "timestamp": NIGHT.isoformat()}
    transaction_id = (await charger.say("StartTransaction", start))["transactionId"]
    stop = {"transactionId": transaction_id, "meterStop": meter_stop, "timestamp": (NIGHT + HOUR).isoformat()}
    await charger.say("StopTransaction", stop | ({"transactionData": list(data)} if data else {}))


def data_16(value: str, context: str) -> dict[str, Any]:
    return {"timestamp": NIGHT.isoformat(), "sampledValue": [{"value": value, "context": context}]}


@pytest.mark.parametrize(
    ("start", "stop", "wh"),
    [
        (1_000, 5_000, 4_000),
        ("1000", "5000", 4_000),
        (5_000, 5_000, 0),
        (-1, 5_123_456, None),
        (5_000, -1, None),
        (5_000, 4_999, None),
        (None, 5_000, None),
    ],
)
async def test_energy_of_a_16_session_with_an_unknown_or_backward_register_is_null(
    start: Any, stop: Any, wh: int | None
) -> None:
    charger = await handled(OcppVersion.V16)
    await charge_16(charger, start, stop)

    assert await energy(charger) == wh


async def test_energy_of_a_16_session_without_registers_is_read_from_the_transaction_data() -> None:
    charger = await handled(OcppVersion.V16)
    await charge_16(charger, -1, -1, data_16("1000", "Transaction.Begin"), data_16("5000", "Transaction.End"))

    assert await energy(charger) == 4_000


async def test_energy_drawn_after_a_refusal_with_an_unknown_start_is_null() -> None:
    charger = await handled(OcppVersion.V16)
    start = {"connectorId": 1, "idTag": STRANGER.value, "meterStart": -1, "timestamp": NIGHT.isoformat()}
    await charger.say("StartTransaction", start)
    charger.depot.clock.set(NIGHT + HOUR)
    (session,) = charger.depot.live.sessions_at(KEY)
    charging = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
    await charger.say("StatusNotification", charging)

    assert isinstance(session, Session)
    (seen,) = await of_type(charger, DenialNotHonoured)
    assert seen.energy_wh is None


# --- OCPP 2.x ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[OcppVersion.V201, OcppVersion.V21])
async def charger(request: pytest.FixtureRequest) -> HandledDepot:
    return await handled(request.param)


async def event(charger: HandledDepot, event_type: str, *values: dict[str, Any], **parts: Any) -> None:
    payload = {
        "eventType": event_type,
        "timestamp": charger.depot.clock.now().isoformat(),
        "triggerReason": "Trigger",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "t-1"},
        **({"meterValue": list(values)} if values else {}),
        **parts,
    }
    await charger.say("TransactionEvent", payload)


def value(*samples: dict[str, Any], hours: int = 0) -> dict[str, Any]:
    return {"timestamp": (NIGHT + hours * HOUR).isoformat(), "sampledValue": list(samples)}


CARD = {"idToken": {"idToken": BUS.value, "type": "ISO14443"}}


async def test_energy_where_phases_follow_the_total_is_that_of_the_total(charger: HandledDepot) -> None:
    def samples(*by_phase: int) -> list[dict[str, Any]]:
        return [{"value": sum(by_phase)}, *({"value": wh, "phase": f"L{n}"} for n, wh in enumerate(by_phase, start=1))]

    await event(charger, "Started", value(*samples(300, 400, 300)), **CARD)
    await event(charger, "Ended", value(*samples(1_500, 2_000, 1_500), hours=1))

    assert await energy(charger) == 4_000


async def test_energy_where_the_inlet_is_measured_too_is_that_of_the_outlet(charger: HandledDepot) -> None:
    inlet = {"value": 900_000, "location": "Inlet"}
    await event(charger, "Started", value({"value": 1_000}, inlet), **CARD)
    await event(charger, "Ended", value({"value": 5_000}, inlet, hours=1))

    assert await energy(charger) == 4_000


async def test_energy_where_all_samples_come_with_the_end_is_their_difference(charger: HandledDepot) -> None:
    await event(charger, "Started", **CARD)
    begin = {"value": 1_000, "context": "Transaction.Begin"}
    await event(charger, "Ended", value(begin), value({"value": 5_000, "context": "Transaction.End"}, hours=1))

    assert await energy(charger) == 4_000


async def test_energy_where_the_end_has_only_the_reading_of_the_begin_is_null(charger: HandledDepot) -> None:
    begin = value({"value": 1_000, "context": "Transaction.Begin"})
    await event(charger, "Started", begin, **CARD)
    await event(charger, "Ended", begin)

    assert await energy(charger) is None


async def test_energy_where_the_register_runs_backwards_is_null(charger: HandledDepot) -> None:
    await event(charger, "Started", value({"value": 1_000}), **CARD)
    await event(charger, "Ended", value({"value": 900}, hours=1))

    assert await energy(charger) is None


async def test_connector_first_named_in_a_later_event_is_recorded_once_and_known_to_later_reports(
    charger: HandledDepot,
) -> None:
    await event(charger, "Started", value({"value": 1_000}), **CARD)
    for _ in range(2):
        await event(charger, "Updated", value({"value": 2_000}), evse={"id": 2, "connectorId": 1})
    (session,) = charger.depot.live.sessions_at(KEY)
    history = await charger.depot.store.load(attempt_stream(TENANT, session.attempt_id))
    await event(charger, "Ended", value({"value": 5_000}, hours=1))

    starts = [each.event for each in history if isinstance(each.event, ChargingStarted)]
    assert [start.connector_id for start in starts] == [None, 2]
    assert session.connector_id == 2
    assert await energy(charger) == 4_000


async def test_connector_first_named_with_the_end_is_recorded(charger: HandledDepot) -> None:
    await event(charger, "Started", value({"value": 1_000}), **CARD)
    await event(charger, "Ended", value({"value": 5_000}, hours=1), evse={"id": 3})

    assert [start.connector_id for start in await of_type(charger, ChargingStarted)] == [None, 3]
    assert await energy(charger) == 4_000
