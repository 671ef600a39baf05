"""Freevend by starting at plug-in: whom, when, and how often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.application.decision_view.sessions import Session
from access_policy.application.mode_application.remote_starts import AGAIN_AFTER_S, PATIENCE_S, TRIES, RemoteStarts
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer
from access_policy.application.streams import policy_stream
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.ids import AttemptId, ChargerKey
from tests.support.at_charger import AtCharger
from tests.support.depot_in_memory import BAY, DAY, NIGHT, OTHER_BAY, TENANT, DepotInMemory, settings_of
from tests.support.stores import memory_store

KEY: ChargerKey = (TENANT, BAY)


@dataclass
class Charger:
    epoch: int | None = 1
    silent: bool = False
    starts: list[int] = field(default_factory=list)
    asked_for_statuses: int = 0

    def commands(self, key: ChargerKey) -> Any:
        return AtCharger(self, key)

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return self.epoch

    async def start_freely(self, key: ChargerKey, connector_id: int) -> str:
        self.starts.append(connector_id)
        if self.silent:
            raise ChargerDidNotAnswer("nothing came")
        return "Accepted"

    async def trigger_statuses(self, key: ChargerKey) -> str:
        self.asked_for_statuses += 1
        if self.silent:
            raise ChargerDidNotAnswer("nothing came")
        return "Accepted"


@dataclass
class Yard:
    depot: DepotInMemory
    charger: Charger
    remote_starts: RemoteStarts
    elapsed: list[float]

    async def after(self, seconds: float) -> list[int]:
        """The connectors started so far."""
        self.elapsed[0] += seconds
        self.remote_starts.check()
        await self.remote_starts.finish()
        return self.charger.starts

    def charges(self, decision: SessionDecision = SessionDecision.ALLOWED) -> None:
        self.depot.live.started(
            KEY,
            Session(
                attempt_id=AttemptId("a-1"),
                transaction_id="tx-1",
                connector_id=1,
                identifier=None,
                vehicle_id=None,
                decision=decision,
                started_at=self.depot.clock.now(),
                meter_start_wh=0,
            ),
        )


async def yard_with(profile: str) -> Yard:
    depot = await DepotInMemory(memory_store()).opened()
    settings = replace(settings_of(BAY), profile=profile)
    await depot.record(policy_stream(*KEY), 2, (ChargerAmended(charger_id=BAY, settings=settings),))
    depot.clock.set(DAY)
    charger, elapsed = Charger(), [0.0]
    starts = RemoteStarts(
        depot.view, depot.live, ProfileCatalogue.packaged(), charger, depot.clock, monotonic=lambda: elapsed[0]
    )
    return Yard(depot, charger, starts, elapsed)


@pytest.fixture
async def yard() -> Yard:
    return await yard_with("ocpp16-remote-start")


async def test_the_vehicle_has_a_moment_to_say_who_it_is(yard: Yard) -> None:
    yard.remote_starts.plug_seen(KEY, 1, True)

    assert await yard.after(PATIENCE_S - 1) == []
    yard.charges()
    assert await yard.after(60) == []


async def test_a_vehicle_that_says_nothing_is_started_once(yard: Yard) -> None:
    yard.remote_starts.plug_seen(KEY, 2, True)

    assert await yard.after(PATIENCE_S) == [2]
    assert await yard.after(AGAIN_AFTER_S - 1) == [2]


@pytest.mark.parametrize("silent", [False, True])
async def test_a_start_that_brings_no_charge_is_tried_a_few_times(yard: Yard, silent: bool) -> None:
    yard.charger.silent = silent
    yard.remote_starts.plug_seen(KEY, 1, True)
    for _ in range(TRIES + 3):
        await yard.after(AGAIN_AFTER_S)

    assert yard.charger.starts == [1] * TRIES


async def test_who_has_charged_is_not_started_again_before_the_next_plug_in(yard: Yard) -> None:
    yard.remote_starts.plug_seen(KEY, 1, True)
    yard.charges()
    await yard.after(1)
    yard.depot.live.ended(KEY, "tx-1")
    yard.remote_starts.plug_seen(KEY, 1, True)  # as chargers say again after a charge
    assert await yard.after(600) == []

    yard.remote_starts.plug_seen(KEY, 1, False)
    yard.remote_starts.plug_seen(KEY, 1, True)

    assert await yard.after(PATIENCE_S) == [1]


async def test_who_was_refused_at_night_is_started_when_freevend_begins(yard: Yard) -> None:
    yard.depot.clock.set(NIGHT)
    yard.remote_starts.plug_seen(KEY, 1, True)
    yard.charges(SessionDecision.DENIED)
    assert await yard.after(600) == []
    yard.depot.live.ended(KEY, "tx-1")
    yard.depot.clock.set(DAY + timedelta(days=1))

    assert await yard.after(1) == [1]


async def test_a_charger_that_is_away_is_asked_when_it_is_back(yard: Yard) -> None:
    yard.charger.epoch = None
    yard.remote_starts.plug_seen(KEY, 1, True)
    assert await yard.after(600) == []
    yard.charger.epoch = 2

    assert await yard.after(1) == [1]


async def test_after_each_connection_the_charger_says_who_is_there(yard: Yard) -> None:
    yard.charger.epoch = None
    yard.remote_starts.connected(KEY)
    await yard.after(1)
    assert yard.charger.asked_for_statuses == 0
    yard.charger.epoch = 1
    await yard.after(1)
    await yard.after(1)
    yard.remote_starts.connected(KEY)
    await yard.after(1)

    assert yard.charger.asked_for_statuses == 2


async def test_chargers_of_other_kinds_are_let_alone() -> None:
    yard = await yard_with("ocpp16-central")
    yard.remote_starts.plug_seen(KEY, 1, True)
    yard.remote_starts.connected(KEY)

    assert await yard.after(600) == []
    assert yard.charger.asked_for_statuses == 0


async def test_a_charger_that_did_not_say_who_is_there_is_asked_again_a_few_times(yard: Yard) -> None:
    yard.charger.silent = True
    yard.remote_starts.connected(KEY)
    await yard.after(1)
    await yard.after(1)
    assert yard.charger.asked_for_statuses == 1
    await yard.after(AGAIN_AFTER_S)
    yard.charger.silent = False
    for _ in range(TRIES + 2):
        await yard.after(AGAIN_AFTER_S)

    assert yard.charger.asked_for_statuses == 3


async def test_a_silent_charger_delays_the_start_at_no_other_and_is_not_started_twice_at_once(yard: Yard) -> None:
    other, answers = (TENANT, OTHER_BAY), asyncio.Event()
    settings = replace(settings_of(OTHER_BAY), profile="ocpp16-remote-start")
    await yard.depot.record(policy_stream(*other), 2, (ChargerAmended(charger_id=OTHER_BAY, settings=settings),))
    started: list[ChargerKey] = []

    async def start_freely(key: ChargerKey, connector_id: int) -> str:
        started.append(key)
        if key == KEY:
            await answers.wait()
        return "Accepted"

    yard.charger.start_freely = start_freely  # type: ignore[method-assign]
    for key in (KEY, other):
        yard.remote_starts.plug_seen(key, 1, True)
    for _ in range(3):
        yard.elapsed[0] += AGAIN_AFTER_S
        yard.remote_starts.check()
        for _ in range(20):
            await asyncio.sleep(0)

    assert started.count(KEY) == 1
    assert started.count(other) == 3
    answers.set()
    await yard.remote_starts.finish()


async def test_remote_starts_cancelled_end_the_starts_under_way(yard: Yard) -> None:
    asked = asyncio.Event()

    async def start_freely(key: ChargerKey, connector_id: int) -> str:
        asked.set()
        return await asyncio.Future()

    yard.charger.start_freely = start_freely  # type: ignore[method-assign]
    yard.remote_starts.plug_seen(KEY, 1, True)
    yard.elapsed[0] += PATIENCE_S
    running = asyncio.create_task(yard.remote_starts.run())
    await asked.wait()

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("starting from afar")] == []
