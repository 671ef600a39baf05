"""Every session ends, also where the charger loses or misidentifies its report, and frees its identifier elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.application.charging_sessions.lost_sessions import END_WITHIN, WATCHED_AT_LEAST, LostSessionsWatch
from access_policy.application.deciding.effects import attempt_context
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.presence.other_gateways import TYPES as OTHER_GATEWAYS_TYPES
from access_policy.application.presence.other_gateways import OtherGateways
from access_policy.application.streams import attempt_stream, depot_stream, policy_stream, registry_stream
from access_policy.domain.access.events import BY_OPERATOR, LOST, ChargingEnded, SessionEndedByOperator
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ChargerKey, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from tests.support.depot_in_memory import (
    BAY,
    BUS,
    DEPOT,
    NIGHT,
    OTHER_BAY,
    STRANGER,
    TENANT,
    DepotInMemory,
    identified,
)
from tests.support.handled import HandledDepot
from tests.support.stores import memory_store

VID = identifier(IdentifierKind.MAC, "VID:1A2B3C4D5E6F")
KEY: ChargerKey = (TENANT, BAY)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Connected:
    """What the read model says of connections."""

    def __init__(self, connected: Collection[ChargerKey] = ()) -> None:
        self._connected = connected

    async def connected_chargers(self) -> list[dict[str, Any]]:
        return [{"tenant_id": tenant, "charger_id": charger} for tenant, charger in self._connected]


@pytest.fixture
async def depot() -> DepotInMemory:
    depot = await DepotInMemory(memory_store()).opened()
    await put_bus_8(depot)
    return depot


@pytest.fixture
def chargers(depot: DepotInMemory) -> HandledDepot:
    return HandledDepot(depot, OcppVersion.V16)


async def put_bus_8(depot: DepotInMemory) -> None:
    registry = depot.view.registry(TENANT)
    description = VehicleDescription(name="Bus 8", access_class=AccessClass.OWN)
    added = registry.put_vehicle(VehicleId("bus-8"), description, [identified(VID)])
    await depot.record(registry_stream(TENANT), registry.version, added)


def watch(
    depot: DepotInMemory, *, here: Collection[ChargerKey] = (KEY,), connected: Collection[ChargerKey] = (KEY,)
) -> LostSessionsWatch:
    return LostSessionsWatch(
        depot.view, depot.live, depot.sessions.lost, lambda key: key in here, Connected(connected), depot.clock
    )


def at(depot: DepotInMemory) -> str:
    return depot.clock.now().isoformat()


async def begin(
    chargers: HandledDepot, tag: str = "VID:1A2B3C4D5E6F", *, connector: int = 1, meter: int = 1_000
) -> int:
    now = at(chargers.depot)
    payload = {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": now}
    return (await chargers.say("StartTransaction", payload))["transactionId"]


async def stop(chargers: HandledDepot, transaction_id: int, *, meter: int = 9_000, **also: Any) -> None:
    now = at(chargers.depot)
    payload = {"transactionId": transaction_id, "meterStop": meter, "timestamp": now, "reason": "PowerLoss", **also}
    assert await chargers.say("StopTransaction", payload) == {}


async def free(chargers: HandledDepot, connector: int = 1, **also: Any) -> None:
    payload = {"connectorId": connector, "status": "Available", "errorCode": "NoError", **also}
    await chargers.say("StatusNotification", payload)


async def ends(depot: DepotInMemory) -> list[ChargingEnded]:
    log = await depot.store.read_log(after=0, limit=1_000, up_to=await depot.store.last_position())
    return [each.event for each in log if isinstance(each.event, ChargingEnded)]


async def reason_at_the_other_bay(depot: DepotInMemory) -> Reason:
    decided = await depot.decider.authorize(depot.attempt(VID, message_id=f"b-{at(depot)}", charger=OTHER_BAY))
    return decided.event.reason


# --- reports that were lost ----------------------------------------------------------------------------------------------


async def test_lost_stop_when_the_connector_reports_available_frees_the_vehicle_elsewhere(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    assert await reason_at_the_other_bay(depot) is Reason.IDENTIFIER_IN_USE
    depot.clock.forward(minutes=20)
    chargers.reconnect()
    await free(chargers)

    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE
    (end,) = await ends(depot)
    assert (end.reason, end.ended_at, end.energy_wh) == (LOST, NIGHT + 20 * MINUTE, None)


async def test_lost_stop_of_a_session_with_meter_values_keeps_the_energy_seen(
    depot: DepotInMemory, chargers: HandledDepot
):
    transaction_id = await begin(chargers, "04A1B2C3D4E5F6")
    value = [{"timestamp": at(depot), "sampledValue": [{"value": "6500"}]}]
    await chargers.say("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": value})
    depot.clock.forward(minutes=20)
    await free(chargers)

    (end,) = await ends(depot)
    assert (end.reason, end.energy_wh) == (LOST, 5_500)


async def test_lost_stop_when_another_transaction_starts_on_the_connector_ends_the_first(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    depot.clock.forward(minutes=20)
    await begin(chargers, "04A1B2C3D4E5F6")

    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE
    (end,) = await ends(depot)
    assert (end.reason, end.ended_at) == (LOST, NIGHT + 20 * MINUTE)


async def test_another_transaction_on_another_connector_ends_nothing(depot: DepotInMemory, chargers: HandledDepot):
    await begin(chargers)
    depot.clock.forward(minutes=20)
    await begin(chargers, "04A1B2C3D4E5F6", connector=2)
    await free(chargers, 3)

    assert await ends(depot) == []


async def test_a_status_older_than_the_session_ends_nothing(depot: DepotInMemory, chargers: HandledDepot):
    before = (NIGHT - MINUTE).isoformat()
    await begin(chargers)
    await free(chargers, timestamp=before)

    assert await ends(depot) == []


async def test_lost_stop_when_the_charger_is_retired_frees_the_vehicle_at_once_and_is_recorded(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    policy = depot.view.charger(*KEY).policy
    retired_at = NIGHT + MINUTE
    depot.clock.set(retired_at)
    await depot.record(policy_stream(*KEY), policy.version, policy.retire(now=retired_at))

    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE
    await watch(depot).check()
    (end,) = await ends(depot)
    assert (end.reason, end.ended_at) == (LOST, retired_at)


@pytest.mark.parametrize("hours", [48, 2])
async def test_a_session_without_energy_for_longer_than_the_depot_allows_is_lost(
    depot: DepotInMemory, chargers: HandledDepot, hours: int
):
    if hours != 48:
        known = depot.view.depot(TENANT, DEPOT)
        assert known is not None
        settings = replace(known.settings, session_max_age_hours=hours)
        await depot.record(depot_stream(TENANT, DEPOT), known.version, known.put(settings))
    await begin(chargers)
    watching = watch(depot)
    await watching.check()
    depot.clock.forward(hours=hours)
    await watching.check()
    assert await ends(depot) == []

    depot.clock.forward(seconds=1)
    await watching.check()

    assert [end.reason for end in await ends(depot)] == [LOST]


async def test_a_session_that_draws_energy_is_kept_however_long_it_lasts(depot: DepotInMemory, chargers: HandledDepot):
    transaction_id = await begin(chargers)
    watching = watch(depot)
    for hours in range(1, 5):
        await watching.check()
        depot.clock.forward(hours=40)
        value = [{"timestamp": at(depot), "sampledValue": [{"value": str(1_000 + hours)}]}]
        await chargers.say("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": value})

    await watching.check()

    assert await ends(depot) == []


async def test_the_age_of_a_session_at_a_charger_of_another_gateway_is_judged_there(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    away = watch(depot, here=(), connected=(KEY,))
    await away.check()
    depot.clock.forward(hours=72)
    await away.check()
    assert await ends(depot) == []

    await watch(depot, here=(), connected=()).check()

    assert [end.reason for end in await ends(depot)] == [LOST]


async def test_after_a_restart_a_session_is_watched_for_a_while_before_its_age_counts(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    for session in depot.live.sessions_at(KEY):
        session.watched_since = None
    depot.clock.forward(hours=72)
    watching = watch(depot)

    await watching.check()
    assert await ends(depot) == []
    depot.clock.set(depot.clock.now() + WATCHED_AT_LEAST)
    await watching.check()

    assert [end.reason for end in await ends(depot)] == [LOST]


async def test_an_end_that_could_not_be_appended_is_appended_by_the_next_look(
    depot: DepotInMemory, chargers: HandledDepot, monkeypatch: pytest.MonkeyPatch
):
    await begin(chargers)
    append = depot.commits.append

    async def failing(*appends: object) -> int:
        if any(each.stream.split("/")[1] == "access_attempt" for each in appends):  # type: ignore[attr-defined]
            raise StoreUnavailable("away")
        return await append(*appends)  # type: ignore[arg-type]

    monkeypatch.setattr(depot.commits, "append", failing)
    depot.clock.forward(minutes=5)
    await free(chargers)
    assert await ends(depot) == []
    monkeypatch.undo()

    await watch(depot).check()

    (end,) = await ends(depot)
    assert (end.reason, end.ended_at) == (LOST, NIGHT + 5 * MINUTE)


async def test_a_session_ended_in_another_process_is_over_here_too(depot: DepotInMemory, chargers: HandledDepot):
    await begin(chargers)
    (session,) = depot.live.sessions_at(KEY)
    elsewhere = DepotInMemory(depot.store, clock=depot.clock)
    await elsewhere.follow()
    assert await elsewhere.sessions.ends.lost(KEY, replace(session, version=0), at=NIGHT)
    others = OtherGateways("gw-1", depot.live, lambda key: True, lambda key, v: None, lambda key, v: None)
    reached = await depot.store.last_position()

    log = await depot.store.read_log(after=0, limit=1_000, up_to=reached)
    await others.follow([each for each in log if each.event.TYPE in OTHER_GATEWAYS_TYPES], reached)

    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE


async def test_a_vehicle_that_is_removed_and_registered_again_is_freed_by_the_end_of_its_lost_session(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    registry = depot.view.registry(TENANT)
    await depot.record(registry_stream(TENANT), registry.version, registry.remove_vehicle(VehicleId("bus-8")))
    await put_bus_8(depot)
    depot.clock.forward(minutes=5)
    await free(chargers)

    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE


# --- reports that come after all -------------------------------------------------------------------------------------------


async def test_a_stop_that_arrives_after_the_session_was_concluded_to_be_lost_brings_its_energy(
    depot: DepotInMemory, chargers: HandledDepot
):
    transaction_id = await begin(chargers)
    depot.clock.forward(minutes=20)
    await free(chargers)
    for _ in range(2):
        await stop(chargers, transaction_id)

    lost, reported = await ends(depot)
    assert (lost.reason, lost.energy_wh) == (LOST, None)
    assert (reported.reason, reported.energy_wh) == ("PowerLoss", 8_000)


async def test_a_start_that_was_queued_while_the_connector_became_free_waits_for_its_queued_stop(
    depot: DepotInMemory, chargers: HandledDepot
):
    await free(chargers)
    depot.clock.set(NIGHT - HOUR)
    begun_at = at(depot)
    depot.clock.set(NIGHT)
    queued = {"connectorId": 1, "idTag": "VID:1A2B3C4D5E6F", "meterStart": 0, "timestamp": begun_at}
    await chargers.say("StartTransaction", queued)
    watching = watch(depot)
    await watching.check()
    assert await ends(depot) == []

    depot.clock.set(NIGHT + END_WITHIN)
    await watching.check()

    assert [end.reason for end in await ends(depot)] == [LOST]


async def test_a_session_concluded_to_be_lost_whose_meter_grows_is_under_way_again(
    depot: DepotInMemory, chargers: HandledDepot
):
    transaction_id = await begin(chargers)
    await free(chargers)
    value = [{"timestamp": at(depot), "sampledValue": [{"value": "2500"}]}]
    await chargers.say("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": value})

    assert await reason_at_the_other_bay(depot) is Reason.IDENTIFIER_IN_USE
    depot.clock.forward(minutes=20)
    await stop(chargers, transaction_id)
    assert [end.energy_wh for end in await ends(depot)] == [None, 8_000]
    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE


# --- reports under a wrong id ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong_id", [0, -1, -17, 4_711])
async def test_stop_with_an_unknown_id_ends_the_only_open_session_of_the_charger(
    depot: DepotInMemory, chargers: HandledDepot, wrong_id: int
):
    await begin(chargers)
    depot.clock.forward(minutes=20)
    await stop(chargers, wrong_id)

    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE
    (end,) = await ends(depot)
    assert (end.reason, end.energy_wh) == ("PowerLoss", 8_000)


async def test_stop_with_an_unknown_id_ends_the_session_of_its_card(depot: DepotInMemory, chargers: HandledDepot):
    await begin(chargers, connector=1)
    with_card = await begin(chargers, "04A1B2C3D4E5F6", connector=2, meter=500)
    depot.clock.forward(minutes=20)
    await stop(chargers, -1, idTag="04a1b2c3d4e5f6")

    (end,) = await ends(depot)
    assert (end.transaction_id, end.energy_wh) == (str(with_card), 8_500)


async def test_stop_with_an_unknown_id_ends_the_session_of_a_card_that_is_registered_verbatim(
    depot: DepotInMemory, chargers: HandledDepot
):
    registry = depot.view.registry(TENANT)
    card = [identified(identifier(IdentifierKind.OTHER, "0078492321"))]
    description = VehicleDescription(name="Bus 9", access_class=AccessClass.OWN)
    added = registry.put_vehicle(VehicleId("bus-9"), description, card)
    await depot.record(registry_stream(TENANT), registry.version, added)
    await begin(chargers, connector=1)
    with_card = await begin(chargers, "0078492321", connector=2, meter=500)
    depot.clock.forward(minutes=20)
    await stop(chargers, -1, idTag="0078492321")

    (end,) = await ends(depot)
    assert end.transaction_id == str(with_card)


async def test_stop_with_an_unknown_id_that_could_mean_two_sessions_ends_none(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers, connector=1)
    await begin(chargers, "04A1B2C3D4E5F6", connector=2)
    depot.clock.forward(minutes=20)
    await stop(chargers, -1)

    assert await ends(depot) == []


async def test_stop_with_a_known_id_delivered_again_does_not_end_the_next_session(
    depot: DepotInMemory, chargers: HandledDepot
):
    first = await begin(chargers, "04A1B2C3D4E5F6")
    depot.clock.forward(minutes=20)
    await stop(chargers, first)
    depot.clock.forward(minutes=1)
    await begin(chargers)
    await stop(chargers, first)

    assert [end.transaction_id for end in await ends(depot)] == [str(first)]


async def test_stop_with_an_unknown_id_older_than_the_session_does_not_end_it(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    earlier = (NIGHT - MINUTE).isoformat()
    payload = {"transactionId": -1, "meterStop": 10, "timestamp": earlier}
    await chargers.say("StopTransaction", payload)

    assert await ends(depot) == []


async def test_stop_with_an_unknown_id_after_the_session_was_lost_brings_its_energy(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    depot.clock.forward(minutes=20)
    await free(chargers)
    await stop(chargers, 0)

    assert [(end.reason, end.energy_wh) for end in await ends(depot)] == [(LOST, None), ("PowerLoss", 8_000)]


# --- the same over 2.0.1 and 2.1 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])
async def test_lost_end_over_2_x_when_the_evse_reports_available_frees_the_vehicle_elsewhere(
    depot: DepotInMemory, version: OcppVersion
):
    chargers = HandledDepot(depot, version)
    started = {
        "eventType": "Started",
        "timestamp": at(depot),
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "t-1"},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "1A2B3C4D5E6F", "type": "MacAddress"},
    }
    await chargers.say("TransactionEvent", started)
    assert await reason_at_the_other_bay(depot) is Reason.IDENTIFIER_IN_USE
    depot.clock.forward(minutes=20)
    status = {"timestamp": at(depot), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    await chargers.say("StatusNotification", status)

    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE
    assert [end.reason for end in await ends(depot)] == [LOST]


async def test_the_idle_connector_of_an_evse_in_use_does_not_end_its_session(depot: DepotInMemory):
    chargers = HandledDepot(depot, OcppVersion.V201)

    async def status(connector: int, status: str) -> None:
        payload = {"timestamp": at(depot), "connectorStatus": status, "evseId": 1, "connectorId": connector}
        await chargers.say("StatusNotification", payload)

    await status(1, "Occupied")
    started = {
        "eventType": "Started",
        "timestamp": at(depot),
        "transactionInfo": {"transactionId": "t-1"},
        "evse": {"id": 1},
        "idToken": {"idToken": "1A2B3C4D5E6F", "type": "MacAddress"},
    }
    await chargers.say("TransactionEvent", started)
    depot.clock.forward(minutes=20)
    await status(2, "Available")
    assert await ends(depot) == []
    await status(1, "Available")

    assert [end.reason for end in await ends(depot)] == [LOST]


# --- ended by an operator ------------------------------------------------------------------------------------------


async def test_an_operators_end_is_recorded_with_actor_and_reason_and_frees_the_vehicle(
    depot: DepotInMemory, chargers: HandledDepot
):
    await begin(chargers)
    (session,) = depot.live.sessions_at(KEY)
    context = replace(attempt_context(depot.attempt(BUS), session.attempt_id), actor="olga")

    assert await depot.sessions.ends.by_operator(context, KEY, session, reason="The cable was cut.")
    assert not await depot.sessions.ends.by_operator(context, KEY, session, reason="Again.")

    assert await reason_at_the_other_bay(depot) is Reason.OWN_VEHICLE
    *_, audited, end = await depot.store.load(attempt_stream(TENANT, session.attempt_id))
    assert isinstance(audited.event, SessionEndedByOperator)
    assert (audited.event.reason, audited.envelope.actor) == ("The cable was cut.", "olga")
    assert isinstance(end.event, ChargingEnded)
    assert (end.event.reason, end.envelope.actor) == (BY_OPERATOR, "olga")


async def test_a_session_without_a_decision_or_denied_ends_the_same_way(depot: DepotInMemory, chargers: HandledDepot):
    await begin(chargers, STRANGER.value)
    depot.clock.forward(minutes=20)
    await free(chargers)

    assert [end.reason for end in await ends(depot)] == [LOST]
