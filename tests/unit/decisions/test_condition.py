"""What chargers report of themselves: a status that shows a denial is no fault, and everything else stays one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import Recorded
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.application.streams import condition_stream, policy_stream
from access_policy.domain.charger_condition.events import (
    ChargerConnected,
    ChargerDisconnected,
    ConditionEvent,
    ConnectorFaulted,
    ConnectorRecovered,
)
from access_policy.domain.ids import AttemptId
from tests.support.builders import NOON, retired
from tests.support.depot_in_memory import BAY, STRANGER, TENANT, DepotInMemory
from tests.support.stores import memory_store

KEY = (TENANT, BAY)


@pytest.fixture
async def depot() -> DepotInMemory:
    return await DepotInMemory(memory_store()).opened()


async def recorded(depot: DepotInMemory) -> Sequence[object]:
    return [each.event for each in await depot.store.load(condition_stream(*KEY))]


async def reports(
    conditions: ChargerConditions, depot: DepotInMemory, code: str | None, vendor: str | None = None
) -> None:
    await conditions.status(KEY, connector_id=1, error_code=code, vendor_error_code=vendor, at=depot.clock.now())


async def test_an_error_that_follows_a_denial_by_the_profile_is_the_sight_of_it(depot: DepotInMemory) -> None:
    denied = await depot.decider.authorize(depot.attempt(STRANGER))
    depot.clock.forward(seconds=29)
    await reports(depot.conditions(), depot, "OtherError", "AuthFailed")

    (event,) = await recorded(depot)
    assert isinstance(event, ConnectorFaulted)
    assert event.caused_by == denied.attempt_id


async def test_a_real_fault_right_after_a_denial_stays_a_fault(depot: DepotInMemory) -> None:
    await depot.decider.authorize(depot.attempt(STRANGER))
    await reports(depot.conditions(), depot, "GroundFailure")

    (event,) = await recorded(depot)
    assert isinstance(event, ConnectorFaulted)
    assert event.caused_by is None


async def test_the_same_code_long_after_the_denial_or_without_one_is_a_fault(depot: DepotInMemory) -> None:
    await depot.decider.authorize(depot.attempt(STRANGER))
    depot.clock.forward(seconds=31)
    await reports(depot.conditions(), depot, "OtherError", "AuthFailed")

    (event,) = await recorded(depot)
    assert isinstance(event, ConnectorFaulted)
    assert event.caused_by is None


async def test_only_changes_are_recorded(depot: DepotInMemory) -> None:
    conditions = depot.conditions()
    await reports(conditions, depot, None)
    await reports(conditions, depot, "GroundFailure")
    await reports(conditions, depot, "GroundFailure")
    await reports(conditions, depot, None)

    assert [type(event) for event in await recorded(depot)] == [ConnectorFaulted, ConnectorRecovered]


async def test_an_error_that_is_still_open_after_a_restart_is_not_recorded_again(depot: DepotInMemory) -> None:
    await reports(depot.conditions(), depot, "GroundFailure")
    restarted = depot.conditions()
    await restarted.has_booted(KEY)

    await reports(restarted, depot, "GroundFailure")

    assert len(await recorded(depot)) == 1


async def test_a_boot_is_remembered_for_the_identity(depot: DepotInMemory) -> None:
    conditions = depot.conditions()
    before = await conditions.has_booted(KEY)
    await conditions.booted(KEY, vendor="V", model="M", firmware=None)

    assert before is False
    assert await conditions.has_booted(KEY)
    assert await depot.conditions().has_booted(KEY)


async def lived_for(depot: DepotInMemory, faults: int) -> None:
    """The charger boots, breaks down and recovers again and again, and its last error is still open."""
    recorder = depot.recorder()
    conditions = depot.conditions(recorder)
    await depot.connection_records(recorder=recorder).connected(KEY, "ocpp1.6")
    await conditions.booted(KEY, vendor="V", model="M", firmware=None)
    for _ in range(faults):
        await reports(conditions, depot, "GroundFailure")
        await reports(conditions, depot, None)
    await reports(conditions, depot, "GroundFailure")


async def read_by_a_start(depot: DepotInMemory, monkeypatch: pytest.MonkeyPatch) -> int:
    """Events read from the charger's stream after a restart with a kept view, until its first error is known again."""
    kept = depot.view.state()
    assert kept is not None
    depot.view = DecisionView()
    depot.view.restore(kept)
    recorder, read = depot.recorder(), 0
    conditions, connections = depot.conditions(recorder), depot.connection_records(recorder=recorder)
    load = depot.store.load

    async def counted(*arguments: Any, **named: Any) -> list[Recorded]:
        nonlocal read
        found = await load(*arguments, **named)
        read += len(found)
        return found

    monkeypatch.setattr(depot.store, "load", counted)
    await connections.disconnected(KEY, "the service was restarted")
    assert await conditions.has_booted(KEY)
    assert await connections.owner_of(KEY) == ""
    await reports(conditions, depot, "GroundFailure")
    monkeypatch.undo()
    return read


@pytest.mark.parametrize("faults", [0, 100])
async def test_a_start_reads_only_what_the_kept_view_has_not_seen_of_a_chargers_stream(
    faults: int, depot: DepotInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived_for(depot, faults)
    await depot.follow()
    conditions = depot.conditions()
    await reports(conditions, depot, None)  # after the view was kept
    await reports(conditions, depot, "GroundFailure")
    before = len(await recorded(depot))

    read = await read_by_a_start(depot, monkeypatch)

    assert read <= 3 * 3  # the two last events at each look, and then the disconnection
    assert isinstance((await recorded(depot))[-1], ChargerDisconnected)  # and the open error is not recorded again
    assert len(await recorded(depot)) == before + 1


def faulted(caused_by: AttemptId | None = None) -> ConnectorFaulted:
    return ConnectorFaulted(
        charger_id=BAY,
        connector_id=1,
        error_code="OtherError",
        vendor_error_code=None,
        info=None,
        faulted_at=NOON,
        caused_by=caused_by,
    )


CONNECTED = ChargerConnected(charger_id=BAY, protocol="ocpp1.6", connected_at=NOON, gateway="g1")
DISCONNECTED = ChargerDisconnected(charger_id=BAY, reason="closed", disconnected_at=NOON, gateway="g1")
RECOVERED = ConnectorRecovered(charger_id=BAY, connector_id=1, recovered_at=NOON)


@pytest.mark.parametrize(
    ("reported", "is_out"),
    [
        ((), False),
        ((CONNECTED,), False),
        ((CONNECTED, DISCONNECTED), True),
        ((CONNECTED, DISCONNECTED, CONNECTED), False),
        ((faulted(),), True),
        ((faulted(), RECOVERED), False),
        ((faulted(caused_by=AttemptId("refused")),), False),
        ((faulted(), CONNECTED, RECOVERED, DISCONNECTED), True),
    ],
)
async def test_charger_is_out_of_service_while_it_is_disconnected_or_has_a_fault(
    reported: tuple[ConditionEvent, ...], is_out: bool, depot: DepotInMemory
) -> None:
    await depot.record(condition_stream(*KEY), 0, reported)
    state = depot.view.state()
    assert state is not None
    restored = DecisionView()
    restored.restore(state)

    assert (BAY in depot.view.out_of_service(TENANT)) is is_out
    assert (BAY in restored.out_of_service(TENANT)) is is_out


async def test_retired_charger_is_out_of_service(depot: DepotInMemory) -> None:
    await depot.record(policy_stream(TENANT, BAY), 2, (retired(),))

    assert depot.view.out_of_service(TENANT) == {BAY}
