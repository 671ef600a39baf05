"""Starts and ends of charges: re-checked, recorded in the attempt's stream, acknowledged however often they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from access_policy.application.charging_sessions.reports import EndReport, StartReport
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.streams import attempt_stream, registry_stream
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    ChargingEnded,
    ChargingStarted,
    OfflineStartReported,
    SessionDecision,
    Stage,
)
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from tests.support.depot_in_memory import BAY, BUS, DAY, NIGHT, OTHER_BAY, STRANGER, TENANT, DepotInMemory, identified
from tests.support.outages import FailingStore
from tests.support.stores import memory_store


@pytest.fixture
async def depot() -> DepotInMemory:
    return await DepotInMemory(memory_store()).opened()


def start_of(presented: Identifier | None, **changes: object) -> StartReport:
    report = StartReport(
        tenant_id=TENANT,
        charger_id=BAY,
        connector_id=1,
        identifier=presented,
        anonymous=presented is None,
        transaction_ids=("101", "102"),
        started_at=NIGHT,
        meter_start_wh=1_000,
        offline=False,
        protocol="ocpp1.6",
        message_id="s-1",
        signals=None,
    )
    return replace(report, **changes)


END = EndReport(
    tenant_id=TENANT,
    charger_id=BAY,
    transaction_id="101",
    ended_at=NIGHT + timedelta(hours=1),
    meter_stop_wh=23_500,
    reason="EVDisconnected",
)


async def history(depot: DepotInMemory, attempt_id: str) -> list[object]:
    return [recorded.event for recorded in await depot.store.load(attempt_stream(TENANT, attempt_id))]


async def test_an_authorize_and_the_start_that_follows_are_one_attempt_with_one_decision(depot: DepotInMemory):
    asked = await depot.decider.authorize(depot.attempt(BUS))
    started = await depot.sessions.start(start_of(BUS))
    session = await depot.sessions.end(END)

    decision, start, end = await history(depot, asked.attempt_id)
    assert started.attempt_id == asked.attempt_id
    assert session is not None
    assert isinstance(decision, AccessAllowed)
    assert isinstance(start, ChargingStarted)
    assert start.decision is SessionDecision.ALLOWED
    assert isinstance(end, ChargingEnded)
    assert end.energy_wh == 22_500


async def test_a_start_that_was_never_asked_for_is_decided_when_it_is_reported(depot: DepotInMemory):
    started = await depot.sessions.start(start_of(STRANGER))

    decision, start = await history(depot, started.attempt_id)
    assert isinstance(decision, AccessDenied)
    assert decision.lineage.stage is Stage.START
    assert isinstance(start, ChargingStarted)
    assert start.decision is SessionDecision.DENIED


async def test_what_changed_between_the_asking_and_the_start_is_decided_anew(depot: DepotInMemory):
    asked = await depot.decider.authorize(depot.attempt(BUS))
    registry = depot.view.registry(TENANT)
    await depot.record(registry_stream(TENANT), registry.version, registry.suspend("bus-7", "in the workshop"))

    started = await depot.sessions.start(start_of(BUS))

    allowed, denied, start = await history(depot, asked.attempt_id)
    assert isinstance(allowed, AccessAllowed)
    assert isinstance(denied, AccessDenied)
    assert denied.reason is Reason.VEHICLE_SUSPENDED
    assert isinstance(start, ChargingStarted)
    assert started.decision is not None
    assert not started.decision.allowed


async def test_a_start_delivered_twice_is_recorded_once_and_answered_the_same(depot: DepotInMemory):
    first = await depot.sessions.start(start_of(BUS))
    again = await depot.sessions.start(start_of(BUS, message_id="s-2"))

    assert again.redelivered
    assert again.transaction_id == first.transaction_id == "101"
    assert len(await history(depot, first.attempt_id)) == 2


async def test_another_start_whose_transaction_id_collides_gets_the_next_one(depot: DepotInMemory):
    await depot.sessions.start(start_of(BUS))
    other = await depot.sessions.start(start_of(STRANGER, started_at=NIGHT + timedelta(minutes=5)))

    assert other.transaction_id == "102"


async def test_an_end_delivered_twice_or_for_an_unknown_transaction_changes_nothing(depot: DepotInMemory):
    started = await depot.sessions.start(start_of(BUS))
    await depot.sessions.end(END)

    assert await depot.sessions.end(END) is None
    assert await depot.sessions.end(replace(END, transaction_id="-1")) is None
    assert len(await history(depot, started.attempt_id)) == 3


async def test_after_a_restart_the_end_still_finds_its_attempt(depot: DepotInMemory):
    started = await depot.sessions.start(start_of(BUS))
    restarted = DepotInMemory(depot.store, clock=depot.clock)
    await restarted.follow()

    await restarted.sessions.end(END)

    assert isinstance((await history(depot, started.attempt_id))[-1], ChargingEnded)


async def test_a_freevend_start_is_observed_and_no_decision_is_invented(depot: DepotInMemory):
    depot.clock.set(DAY)
    started = await depot.sessions.start(start_of(None, started_at=DAY))

    (start,) = await history(depot, started.attempt_id)
    assert isinstance(start, ChargingStarted)
    assert start.decision is SessionDecision.NONE
    assert depot.freevend_seen == []


async def test_an_anonymous_start_in_a_managed_window_is_accepted_and_told_as_a_sign_of_drift(depot: DepotInMemory):
    started = await depot.sessions.start(start_of(None))

    assert started.decision is None
    assert [charger for charger, _ in depot.freevend_seen] == [BAY]


async def test_a_start_made_while_offline_is_judged_by_the_policy_of_its_own_time(depot: DepotInMemory):
    by_day = await depot.sessions.start(start_of(STRANGER, started_at=DAY, offline=True))
    at_night = await depot.sessions.start(
        start_of(STRANGER, started_at=NIGHT - timedelta(minutes=30), offline=True, transaction_ids=("201",))
    )

    assert by_day.decision is not None
    assert by_day.decision.event.reason is Reason.FREEVEND
    decision, offline, _ = await history(depot, at_night.attempt_id)
    assert isinstance(decision, AccessDenied)
    assert isinstance(offline, OfflineStartReported)
    assert not offline.authorised


async def test_a_vehicle_mac_that_charges_at_another_charger_is_refused_until_it_ends_there(depot: DepotInMemory):
    vid = identifier(IdentifierKind.MAC, "VID:1A2B3C4D5E6F")
    registry = depot.view.registry(TENANT)
    description = VehicleDescription(name="Bus 8", access_class=AccessClass.OWN)
    added = registry.put_vehicle(VehicleId("bus-8"), description, [identified(vid)])
    await depot.record(registry_stream(TENANT), registry.version, added)
    await depot.sessions.start(start_of(vid))

    elsewhere = await depot.decider.authorize(depot.attempt(vid, message_id="x", charger=OTHER_BAY))
    await depot.sessions.end(END)
    afterwards = await depot.decider.authorize(depot.attempt(vid, message_id="y", charger=OTHER_BAY))

    assert elsewhere.event.reason is Reason.IDENTIFIER_IN_USE
    assert afterwards.event.reason is Reason.OWN_VEHICLE


# --- when a part fails once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["down", "loses_answers"])
async def test_a_start_whose_append_failed_once_belongs_to_its_attempt_when_it_comes_again(fault: str):
    store = FailingStore(memory_store())
    depot = await DepotInMemory(store).opened()
    decided = await depot.decider.authorize(depot.attempt(BUS))
    setattr(store, fault, True)
    with pytest.raises(StoreUnavailable):
        await depot.sessions.start(start_of(BUS))
    setattr(store, fault, False)

    started = await depot.sessions.start(start_of(BUS, message_id="s-2"))

    assert started.attempt_id == decided.attempt_id
    assert [type(each) for each in await history(depot, started.attempt_id)] == [AccessAllowed, ChargingStarted]
    assert [each.transaction_id for each in depot.live.sessions_at((TENANT, BAY))] == ["101"]
    assert depot.live.open_attempt((TENANT, BAY), depot.identifiers.of_attempt(depot.attempt(BUS)), NIGHT) is None
