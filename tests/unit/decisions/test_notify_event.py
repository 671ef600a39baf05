"""OCPP 2.x NotifyEvent: states of connectors and EVSEs that stations report as events instead of StatusNotification."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.domain.access.events import LOST, ChargingEnded
from tests.support.depot_in_memory import BUS, NIGHT, DepotInMemory
from tests.support.handled import HandledDepot
from tests.support.stores import memory_store


@pytest.fixture(params=[OcppVersion.V201, OcppVersion.V21])
async def charger(request: pytest.FixtureRequest) -> HandledDepot:
    return HandledDepot(await DepotInMemory(memory_store()).opened(), request.param)


async def notify(
    charger: HandledDepot, state: Any, component: dict[str, Any], variable: str = "AvailabilityState"
) -> None:
    told = {
        "eventId": 1,
        "timestamp": charger.depot.clock.now().isoformat(),
        "trigger": "Delta",
        "actualValue": state,
        "eventNotificationType": "HardWiredNotification",
        "component": component,
        "variable": {"name": variable},
    }
    await charger.say("NotifyEvent", {"generatedAt": told["timestamp"], "seqNo": 0, "eventData": [told]})


def connector(evse: Any, connector_id: int = 1, name: str = "Connector") -> dict[str, Any]:
    return {"name": name, "evse": {"id": evse, "connectorId": connector_id}}


async def test_notify_event_of_an_occupied_connector_is_seen_as_plugged_in_for_remote_starts(charger: HandledDepot):
    await notify(charger, "Occupied", connector(2))
    await notify(charger, "Available", connector("2", name="connector"))
    await notify(charger, "Occupied", {"name": "EVSE", "evse": {"id": 1}})

    assert charger.plugs == [(2, True), (2, False), (1, True)]


@pytest.mark.parametrize(
    ("state", "component", "variable"),
    [
        ("Occupied", {"name": "ChargingStation"}, "AvailabilityState"),
        ("Occupied", {"name": "TokenReader", "evse": {"id": 1}}, "AvailabilityState"),
        ("Occupied", connector(1), "Enabled"),
        ("Reserved", connector(1), "AvailabilityState"),
        (None, connector(1), "AvailabilityState"),
        (["Occupied"], connector(-3), "AvailabilityState"),
    ],
)
async def test_notify_event_of_anything_else_is_no_plug(
    charger: HandledDepot, state: Any, component: dict[str, Any], variable: str
):
    await notify(charger, state, component, variable)

    assert charger.plugs == []


async def test_notify_event_of_an_available_connector_ends_a_session_whose_end_was_lost(charger: HandledDepot):
    started = {
        "eventType": "Started",
        "timestamp": NIGHT.isoformat(),
        "transactionInfo": {"transactionId": "t-1"},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": BUS.value, "type": "ISO14443"},
    }
    await charger.say("TransactionEvent", started)
    charger.depot.clock.set(NIGHT + timedelta(minutes=20))
    await notify(charger, "Available", connector(1))

    store = charger.depot.store
    log = await store.read_log(after=0, limit=1_000, up_to=await store.last_position())
    assert [each.event.reason for each in log if isinstance(each.event, ChargingEnded)] == [LOST]
