"""The process manager of reservations over a store in memory: what it records, when, and after what trouble."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.follower import Follower
from access_policy.application.ports.event_store import StoreUnavailable, VersionConflict
from access_policy.application.reservation_lifecycle.recorder import NotCaughtUp
from access_policy.application.reservation_lifecycle.reloading import reload_charges
from access_policy.application.streams import condition_stream, policy_stream
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import ChargerRetired, ModeOverridden
from access_policy.domain.charger_condition.events import ChargerConnected, ChargerDisconnected, ConnectorFaulted
from access_policy.domain.ids import ActorId, AttemptId, OverrideId
from access_policy.domain.reservations.events import (
    ConflictKind,
    ReservationConflictDetected,
    ReservationFulfilled,
    ReservationNoShow,
    ReservationWindowEnded,
)
from access_policy.domain.reservations.reservation import Holder, HolderIdentifier, Reservation
from access_policy.domain.reservations.terms import ReservationTerms
from tests.support import reservations
from tests.support.depot_in_memory import BAY, DAY, STRANGER, TENANT, DepotInMemory, HashedPseudonyms, rfid
from tests.support.outages import FailingStore
from tests.support.places import read_models_at
from tests.support.stores import memory_store
from tests.unit.reservation_lifecycle.lifecycle_in_memory import KEY, Gateway, outcomes, recorded, started, stopped

GUEST = rfid("04AAAAAAAAAAAA")
MINUTES = timedelta(minutes=1)
AFTERNOON = DAY + timedelta(hours=2)
END = AFTERNOON + timedelta(hours=2)


def reserved(**changes: Any) -> Reservation:
    """Bay 1 for the guest's card, two hours; lost after half an hour."""
    holder = Holder(identifiers=(HolderIdentifier(ref=HashedPseudonyms().ref(TENANT, GUEST), sealed=""),))
    values = {"start": AFTERNOON, "holder": holder, "terms": ReservationTerms(no_show_after_min=30)}
    return reservations.reservation(**(values | changes))


@pytest.fixture
async def depot() -> DepotInMemory:
    depot = await DepotInMemory(memory_store()).opened()
    depot.clock.set(DAY)
    await recorded(depot, reservations.made(reserved(), at=DAY))
    return depot


@pytest.fixture
def gateway(depot: DepotInMemory) -> Gateway:
    return Gateway(depot, depot.store)


async def happened(depot: DepotInMemory) -> list[type]:
    """The kinds of the book's events after the reservation was made."""
    return [type(each) for each in await outcomes(depot)][1:]


async def test_holders_start_fulfils_and_the_end_of_the_charge_releases(depot: DepotInMemory, gateway: Gateway) -> None:
    depot.clock.set(AFTERNOON + MINUTES)
    await started(depot, GUEST, "t1")
    await gateway.settle()
    (_, fulfilled) = await outcomes(depot)
    assert isinstance(fulfilled, ReservationFulfilled)
    assert (fulfilled.charger_id, fulfilled.fulfilled_at) == (BAY, AFTERNOON + MINUTES)

    depot.clock.forward(minutes=20)
    await stopped(depot, "t1")
    await gateway.settle()

    ended = (await outcomes(depot))[-1]
    assert isinstance(ended, ReservationWindowEnded)
    assert (ended.session_active, ended.ended_at) == (False, depot.clock.now())
    assert gateway.charges.of(KEY).by_attempt == {}  # nothing follows from the charge any more


async def test_refused_charge_and_one_by_another_fulfil_nothing(depot: DepotInMemory, gateway: Gateway) -> None:
    depot.clock.set(AFTERNOON)
    await started(depot, STRANGER, "t1")
    await gateway.settle()

    assert await happened(depot) == []


async def test_decision_over_http_is_followed_by_the_session_that_fulfils(
    depot: DepotInMemory, gateway: Gateway
) -> None:
    depot.clock.set(AFTERNOON)
    await depot.decider.authorize(depot.attempt(GUEST, message_id="over http"))
    await gateway.settle()
    assert await happened(depot) == []

    depot.clock.forward(minutes=2)
    await started(depot, GUEST, "t1")
    await gateway.settle()

    assert await happened(depot) == [ReservationFulfilled]


async def test_no_show_is_recorded_as_of_its_instant_and_corrected_by_a_start_reported_late(
    depot: DepotInMemory, gateway: Gateway
) -> None:
    depot.clock.set(AFTERNOON + 45 * MINUTES)
    await gateway.settle()
    (_, missed) = await outcomes(depot)
    assert missed == ReservationNoShow(
        depot_id=KEY[1], reservation_id=reservations.R1, missed_at=AFTERNOON + 30 * MINUTES
    )

    await started(depot, GUEST, "t1", at=AFTERNOON + 5 * MINUTES)
    await gateway.settle()

    assert await happened(depot) == [ReservationNoShow, ReservationFulfilled]


async def test_window_ends_while_the_charge_runs_on(depot: DepotInMemory, gateway: Gateway) -> None:
    depot.clock.set(AFTERNOON)
    await started(depot, GUEST, "t1")
    depot.clock.set(END + MINUTES)
    await gateway.settle()

    ended = (await outcomes(depot))[-1]
    assert ended == ReservationWindowEnded(
        depot_id=KEY[1], reservation_id=reservations.R1, session_active=True, ended_at=END
    )


# --- conflicts ------------------------------------------------------------------------------------------------------


async def conflicts(depot: DepotInMemory) -> list[tuple[ConflictKind, str]]:
    found = [each for each in await outcomes(depot) if isinstance(each, ReservationConflictDetected)]
    return [(each.kind, each.cause) for each in found]


async def test_override_that_opens_the_charger_is_a_conflict(depot: DepotInMemory, gateway: Gateway) -> None:
    opened = ModeOverridden(
        charger_id=BAY,
        override_id=OverrideId("visit"),
        mode=AccessMode.FREEVEND,
        starts_at=DAY,
        ends_at=AFTERNOON + MINUTES,
        reason="visitors",
        made_by=ActorId("anna"),
    )
    await depot.record(policy_stream(TENANT, BAY), 2, (opened,))
    await gateway.settle()

    assert await conflicts(depot) == [(ConflictKind.OVERRIDE, "visit")]


def faulted(**changes: Any) -> ConnectorFaulted:
    values = {
        "connector_id": 1,
        "error_code": "GroundFailure",
        "vendor_error_code": None,
        "info": None,
        "caused_by": None,
    }
    return ConnectorFaulted(charger_id=BAY, faulted_at=DAY, **(values | changes))


async def test_error_that_a_denial_explains_is_no_conflict(depot: DepotInMemory, gateway: Gateway) -> None:
    await depot.record(condition_stream(TENANT, BAY), 0, (faulted(caused_by=AttemptId("a1")),))
    await gateway.settle()
    assert await conflicts(depot) == []

    await depot.record(condition_stream(TENANT, BAY), 1, (faulted(error_code="HighTemperature"),))
    await gateway.settle()
    assert await conflicts(depot) == [(ConflictKind.FAULT, "HighTemperature on connector 1")]


async def test_fault_lost_connection_and_retirement_are_conflicts(depot: DepotInMemory, gateway: Gateway) -> None:
    await depot.record(
        condition_stream(TENANT, BAY),
        0,
        (
            ChargerConnected(charger_id=BAY, gateway="g1", connected_at=DAY, protocol="ocpp2.0.1"),
            faulted(),
            ChargerDisconnected(charger_id=BAY, reason="closed", disconnected_at=DAY),
        ),
    )
    await gateway.settle()
    assert await conflicts(depot) == [(ConflictKind.FAULT, "GroundFailure on connector 1")]

    depot.clock.forward(minutes=5)  # a restart of the charger would be over
    await gateway.settle()
    await depot.record(policy_stream(TENANT, BAY), 2, (ChargerRetired(charger_id=BAY, retired_at=DAY),))
    await gateway.settle()

    assert await conflicts(depot) == [
        (ConflictKind.FAULT, "GroundFailure on connector 1"),
        (ConflictKind.FAULT, "not connected since 2026-11-20T12:00Z"),
        (ConflictKind.RETIREMENT, "the charger is retired"),
    ]


# --- trouble --------------------------------------------------------------------------------------------------------


async def test_two_gateways_at_once_record_each_event_once(depot: DepotInMemory) -> None:
    gateways = [Gateway(depot, depot.store) for _ in range(2)]
    depot.clock.set(AFTERNOON)
    await started(depot, GUEST, "t1")
    for each in gateways:
        await each.catch_up()

    looks = await asyncio.gather(*(each.outcomes.check(KEY) for each in gateways), return_exceptions=True)
    assert all(look == 1 or isinstance(look, VersionConflict) for look in looks)
    for each in gateways:
        await each.settle()

    assert await happened(depot) == [ReservationFulfilled]


async def test_gateway_that_learns_of_the_fulfilment_first_does_not_release(depot: DepotInMemory) -> None:
    one, other = Gateway(depot, depot.store), Gateway(depot, depot.store)
    depot.clock.set(AFTERNOON)
    await started(depot, GUEST, "t1")
    await one.settle()
    other.outcomes.charges.begin_after(await depot.store.last_position())  # it will never see the start
    await other.settle()

    assert await happened(depot) == [ReservationFulfilled]


async def test_nothing_is_recorded_while_the_charges_of_the_log_are_not_known(
    depot: DepotInMemory, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(position: int, *, timeout_s: float) -> bool:
        return False

    depot.clock.set(AFTERNOON + 45 * MINUTES)
    await gateway.catch_up()
    monkeypatch.setattr(gateway.outcomes.follower, "wait_until", stuck)
    with pytest.raises(NotCaughtUp):
        await gateway.outcomes.settle(KEY)

    assert await happened(depot) == []


async def test_outage_of_the_store_delays_and_loses_nothing(depot: DepotInMemory) -> None:
    store = FailingStore(depot.store)
    gateway = Gateway(depot, store)
    await gateway.catch_up()
    depot.clock.set(AFTERNOON)
    await started(depot, GUEST, "t1")
    store.down = True
    with pytest.raises(StoreUnavailable):
        await gateway.settle()
    store.down, store.loses_answers = False, True  # the append is written, and fails for its caller
    with pytest.raises(StoreUnavailable):
        await gateway.settle()
    store.loses_answers = False
    depot.clock.set(END)
    await gateway.settle()

    assert await happened(depot) == [ReservationFulfilled, ReservationWindowEnded]


async def test_killed_between_the_charge_and_its_record_it_catches_up_from_the_read_models(
    depot: DepotInMemory, tmp_path: Path
) -> None:
    depot.clock.set(AFTERNOON)
    await started(depot, GUEST, "t1")
    depot.clock.forward(minutes=10)
    await stopped(depot, "t1")  # and nothing was recorded about the reservation: the gateway was killed
    models = read_models_at(tmp_path / "views.sqlite")
    follower = Follower("models", depot.store, models.follow, models.followed_to, types=models.types)
    await follower.resume()
    await follower.catch_up()
    depot.clock.set(AFTERNOON + 50 * MINUTES)

    again = Gateway(depot, depot.store)
    again.charges.begin_after(await models.followed_to())
    views = SqlViews(models.engine)
    await again.catch_up()
    await reload_charges(again.charges, again.view, views, views, now=depot.clock.now())
    await again.settle()

    assert await happened(depot) == [ReservationFulfilled, ReservationWindowEnded]
    fulfilled = (await outcomes(depot))[1]
    assert isinstance(fulfilled, ReservationFulfilled)
    assert fulfilled.fulfilled_at == AFTERNOON
    await models.close()


# --- the loop -------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[None]:
    await gateway.catch_up()
    task = asyncio.create_task(gateway.outcomes.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_loop_sleeps_until_the_next_instant_and_is_woken_by_a_charge(
    depot: DepotInMemory, gateway: Gateway
) -> None:
    async with running(gateway):
        async with asyncio.timeout(10):
            while gateway.outcomes._alarms.next() != AFTERNOON:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        depot.clock.set(AFTERNOON)
        await started(depot, GUEST, "t1")
        await gateway.catch_up()
        async with asyncio.timeout(10):
            while await happened(depot) != [ReservationFulfilled]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_loop_goes_on_after_a_failure(depot: DepotInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FailingStore(depot.store)
    gateway = Gateway(depot, store)
    await gateway.catch_up()
    depot.clock.set(AFTERNOON + 45 * MINUTES)
    store.down = True
    failed = asyncio.Event()
    last_position = store.last_position

    async def told() -> int:
        failed.set()
        return await last_position()

    monkeypatch.setattr(store, "last_position", told)
    task = asyncio.create_task(gateway.outcomes.run())
    async with asyncio.timeout(10):
        await failed.wait()
        store.down = False
        while await happened(depot) != [ReservationNoShow]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
