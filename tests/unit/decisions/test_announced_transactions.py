"""Transactions without token and charge: announced once, and sessions as soon as energy shows a charge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from access_policy.application.charging_sessions.reports import EndReport, StartReport
from access_policy.application.streams import transaction_stream
from access_policy.domain.access.events import TransactionAnnounced, TransactionEnded, TransactionOpened
from tests.support.depot_in_memory import BAY, NIGHT, TENANT, DepotInMemory
from tests.support.stores import memory_store

KEY = (TENANT, BAY)
ANNOUNCED = StartReport(
    tenant_id=TENANT,
    charger_id=BAY,
    connector_id=1,
    identifier=None,
    anonymous=True,
    transaction_ids=("t-1",),
    started_at=NIGHT,
    meter_start_wh=1_000,
    offline=False,
    protocol="ocpp2.0.1",
    message_id="e-1",
    signals=None,
)
END = EndReport(
    tenant_id=TENANT,
    charger_id=BAY,
    transaction_id="t-1",
    ended_at=NIGHT + timedelta(hours=1),
    meter_stop_wh=1_000,
    reason="EVDisconnected",
)


@pytest.fixture
async def depot() -> DepotInMemory:
    return await DepotInMemory(memory_store()).opened()


async def recorded(depot: DepotInMemory) -> Sequence[object]:
    return [type(each.event) for each in await depot.store.load(transaction_stream(TENANT, BAY, "t-1"))]


async def test_announced_transactions_are_recorded_once_and_again_with_a_new_connector(depot: DepotInMemory) -> None:
    for _ in range(2):
        assert await depot.announced_transactions.announce(replace(ANNOUNCED, connector_id=None)) is None
    assert await recorded(depot) == [TransactionAnnounced]

    assert await depot.announced_transactions.announce(ANNOUNCED) is None

    assert await recorded(depot) == [TransactionAnnounced] * 2
    assert depot.live.session(KEY, "t-1") is None


async def test_announced_transactions_whose_meter_has_grown_are_sessions_from_the_first_reading(
    depot: DepotInMemory,
) -> None:
    await depot.announced_transactions.announce(ANNOUNCED)

    started = await depot.announced_transactions.announce(replace(ANNOUNCED, meter_start_wh=1_200))

    assert started is not None
    session = depot.live.session(KEY, "t-1")
    assert session is not None
    assert (session.attempt_id, session.meter_start_wh) == (started.attempt_id, 1_000)


async def test_announced_transactions_that_end_without_a_charge_keep_their_end_once(depot: DepotInMemory) -> None:
    await depot.announced_transactions.announce(ANNOUNCED)

    for _ in range(2):
        assert await depot.announced_transactions.end_of(ANNOUNCED, END, charged=False) is None

    assert await recorded(depot) == [TransactionAnnounced, TransactionEnded]


async def test_announced_transactions_that_end_with_energy_are_whole_sessions(depot: DepotInMemory) -> None:
    await depot.announced_transactions.announce(ANNOUNCED)

    started = await depot.announced_transactions.end_of(ANNOUNCED, replace(END, meter_stop_wh=9_000), charged=False)

    assert started is not None
    assert await recorded(depot) == [TransactionAnnounced, TransactionEnded, TransactionOpened]
    assert depot.live.session(KEY, "t-1") is None


async def test_announced_transactions_that_are_delivered_after_their_end_start_its_session(
    depot: DepotInMemory,
) -> None:
    await depot.announced_transactions.end_of(ANNOUNCED, replace(END, meter_stop_wh=9_000), charged=False)

    started = await depot.announced_transactions.announce(ANNOUNCED)

    assert started is not None
    assert depot.live.session(KEY, "t-1") is None
