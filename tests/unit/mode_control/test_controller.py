"""The queue of the mode controller: nobody is held up by another, and nobody's turn is wasted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from access_policy.application.decision_view.narrowing import Gates
from access_policy.application.mode_application.alarms import Alarms
from access_policy.application.mode_application.controller import ControllerTimings, ModeController
from access_policy.application.mode_application.reconcile import ReconcileResult
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.charger_access_policy import mode_changes
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.ids import ChargerId, ChargerKey
from access_policy.domain.mode_schedule.timeline import Segment
from tests.support.depot_in_memory import BAY, DAY, NIGHT, OTHER_BAY, TENANT, DepotInMemory, settings_of
from tests.support.stores import memory_store

KEY, OTHER = (TENANT, BAY), (TENANT, OTHER_BAY)
SLOW_PACE = ControllerTimings(tick_s=0.01, depot_per_s=0.001, depot_burst=1, clock_jump_s=1e9)


@dataclass
class Looks:
    """Stands in for the reconciler, and for its gateway: which chargers were looked at, and why. The `silent` are looked at
    for ever, the `away` are not connected."""

    seen: list[tuple[ChargerKey, str]] = field(default_factory=list)
    silent: set[ChargerKey] = field(default_factory=set)
    away: set[ChargerKey] = field(default_factory=set)
    read_back: list[bool] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    failures: list[Exception] = field(default_factory=list)  # of the next looks

    @property
    def gateway(self) -> Looks:
        return self

    def configurable_epoch(self, key: ChargerKey) -> int | None:
        return None if key in self.away else 1

    async def reconcile(self, key: ChargerKey, trigger: str, *, read_back: bool = False) -> ReconcileResult:
        self.seen.append((key, trigger))
        self.read_back.append(read_back)
        self.meanwhile()
        if self.failures:
            raise self.failures.pop(0)
        if key in self.silent:
            await asyncio.Event().wait()
        return ReconcileResult.UNREACHABLE if key in self.away else ReconcileResult.SETTLED

    def times(self, key: ChargerKey) -> int:
        return [seen for seen, _ in self.seen].count(key)


@asynccontextmanager
async def controlling(
    looks: Looks, pace: ControllerTimings | None = None, gates: Gates | None = None
) -> AsyncIterator[tuple[DepotInMemory, ModeController]]:
    depot = await DepotInMemory(memory_store(), gates=gates).opened()
    reconciler: Any = looks
    controller = ModeController(
        depot.view, reconciler, depot.clock, pace or ControllerTimings(tick_s=0.01, clock_jump_s=1e9)
    )
    running = asyncio.create_task(controller.run())
    try:
        yield depot, controller
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  states of several objects, none of which tells
            await asyncio.sleep(0.005)


async def test_hundreds_that_do_not_answer_hold_up_nobody() -> None:
    silent = [(TENANT, ChargerId(f"silent-{number}")) for number in range(300)]
    looks = Looks(silent=set(silent))
    async with controlling(looks, ControllerTimings(tick_s=0.01, depot_burst=1000, per_s=1e6, clock_jump_s=1e9)) as (
        depot,
        controller,
    ):
        for key in silent:
            registered = policies.register(key[1], settings_of(key[1]), Enforcement.ENFORCE)
            await depot.record(policy_stream(*key), 0, registered)
        await until(lambda: len(looks.seen) >= len(silent) + 2)
        before = looks.times(KEY)
        controller.trigger(KEY, "connected")

        await until(lambda: looks.times(KEY) > before)


async def test_a_charger_that_is_not_connected_takes_nobodys_turn() -> None:
    looks = Looks(away={OTHER})
    async with controlling(looks, SLOW_PACE) as (_, controller):
        await until(lambda: len(looks.seen) == 2)  # the first resync: the one turn of a long time is used up
        for _ in range(3):
            before = looks.times(OTHER)
            controller.trigger(OTHER, "connected")
            await until(lambda: looks.times(OTHER) > before)  # noqa: B023  waited for in this very turn

        assert looks.times(KEY) == 1


async def test_hints_that_come_while_a_charger_waits_for_its_turn_are_one_look() -> None:
    looks = Looks()
    async with controlling(looks, replace(SLOW_PACE, depot_per_s=2)) as (_, controller):
        await until(lambda: len(looks.seen) == 2)
        for trigger in ("connected", "boot", "transition"):
            controller.trigger(KEY, trigger, read_back=trigger == "boot")
            await asyncio.sleep(0.02)
        await until(lambda: looks.times(KEY) == 2)

        assert (looks.seen[-1], looks.read_back[-1]) == ((KEY, "transition"), True)


async def test_a_boundary_that_comes_during_a_look_has_another_one() -> None:
    looks = Looks()
    async with controlling(looks) as (depot, controller):
        await until(lambda: len(looks.seen) == 2)
        looks.meanwhile = lambda: depot.clock.set(DAY + timedelta(days=1))
        controller.trigger(KEY, "connected")
        await until(lambda: (KEY, "transition") in looks.seen)


async def test_what_is_recorded_of_the_switching_is_no_reason_to_look_again_and_a_changed_plan_is() -> None:
    looks = Looks()
    async with controlling(looks) as (depot, _):
        await until(lambda: len(looks.seen) == 2)
        policy = depot.view.charger(*KEY).policy
        expected: Segment = depot.view.charger(*KEY).expected(NIGHT)
        requested = mode_changes.request_mode(
            policy, mode=AccessMode.MANAGED, cause=expected.cause, due_at=NIGHT, mode_control="central", trigger="test"
        )
        await depot.record(policy_stream(*KEY), policy.version, requested)
        amended = ChargerAmended(charger_id=OTHER_BAY, settings=settings_of(OTHER_BAY))
        await depot.record(policy_stream(*OTHER), depot.view.charger(*OTHER).policy.version, (amended,))
        await until(lambda: looks.seen[2:] == [(OTHER, "policy changed")])


def test_alarms_ring_once_in_their_order_and_those_dropped_or_set_anew_do_not() -> None:
    alarms: Alarms[str, int] = Alarms()
    for key, due in (("c", 3), ("a", 1), ("b", 2), ("d", 1)):
        alarms.set(key, due)
    alarms.set("a", 5)
    alarms.drop("b")

    assert alarms.next() == 1
    assert list(alarms.ring(3)) == ["d", "c"]
    assert (alarms.next(), len(alarms)) == (5, 1)
    assert list(alarms.ring(4)) == []
    assert list(alarms.ring(5)) == ["a"]
    assert alarms.next() is None


async def test_a_look_that_was_to_read_back_and_failed_reads_back_when_it_is_retried() -> None:
    looks = Looks(away={OTHER})
    pace = ControllerTimings(tick_s=0.01, clock_jump_s=1e9, backoff_first_s=0.01, backoff_longest_s=0.01)
    async with controlling(looks, pace) as (_, controller):
        await until(lambda: looks.times(KEY) == 1)
        looks.failures = [StoreUnavailable("away"), StoreUnavailable("away")]
        controller.trigger(KEY, "drift", read_back=True)
        await until(lambda: looks.times(KEY) == 4)
        controller.trigger(KEY, "later")
        await until(lambda: looks.times(KEY) == 5)

    of_bay = [read for (key, _), read in zip(looks.seen, looks.read_back, strict=True) if key == KEY]
    assert of_bay == [False, True, True, True, False]
