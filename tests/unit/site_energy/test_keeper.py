"""EnergyKeeper: narrowed and widened access, and feeds that fall silent, are recorded once, by whichever process looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import Append, Envelope, NewEvent
from access_policy.application.repositories.site_energies import SiteEnergies
from access_policy.application.site_energy.gates import EnergyGates
from access_policy.application.site_energy.keeper import EnergyKeeper
from access_policy.application.streams import policy_stream, site_energy_stream
from access_policy.domain.ids import ChargerId
from access_policy.domain.site_energy import events
from access_policy.domain.site_energy.events import DegradedReason, SiteEnergyEvent
from access_policy.domain.site_energy.gate import GateLevel, LimitSource
from tests.support import builders
from tests.support.builders import BAY, MINUTE, NOON, NORTH
from tests.support.depot_in_memory import SettableClock
from tests.support.office import ACME
from tests.support.rows import envelope as enveloped
from tests.support.site_energy import (
    BAY_2,
    E1,
    GRID,
    KW,
    demand,
    envelope,
    heard,
    measured,
    offline,
    opted_in,
    policy_put,
    received,
    withdrawn,
)
from tests.support.stores import memory_store

DEADLINE_S = 30.0  # the test fails rather than hangs
CHECK_INTERVAL_S = 0.01
OWN, OPEN = GateLevel.OWN_ONLY, GateLevel.OPEN
STREAM = site_energy_stream(ACME, NORTH)


class Process:
    """One of the processes that share the store."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.view = DecisionView()
        self.gates = EnergyGates(self.view, RecentActivity(), site.clock)
        self.keeper = EnergyKeeper(self.view, self.gates, SiteEnergies(site.store, self.view), site.clock)

    async def follow(self) -> None:
        batch = list(await self.site.store.read_log(after=self.view.position, limit=1_000))
        if batch:
            await self.view.follow(batch, batch[-1].position)

    async def check(self) -> list[SiteEnergyEvent]:
        """What is recorded by this look."""
        await self.follow()
        before = self.view.site_energy(ACME, NORTH).version
        await self.keeper.check((ACME, NORTH))
        await self.follow()
        return [each.event for each in await self.site.store.load(STREAM, after_version=before)]

    def level(self, charger_id: ChargerId = BAY) -> GateLevel | None:
        gate = self.gates.gate(ACME, charger_id, self.site.clock.now())
        return None if gate is None else gate.level


class Site:
    """The store of two chargers' depot that has opted in."""

    def __init__(self) -> None:
        self.store = memory_store()
        self.clock = SettableClock(NOON)
        self.version = 0

    async def opened(self, *more: SiteEnergyEvent) -> Site:
        for charger_id in (BAY, BAY_2):
            event = replace(builders.registered(), charger_id=charger_id)
            await self.store.append([Append(policy_stream(ACME, charger_id), 0, [NewEvent(event, self._envelope())])])
        await self.record(*opted_in(), *more)
        return self

    async def record(self, *recorded: SiteEnergyEvent) -> None:
        version = len(await self.store.load(STREAM))
        await self.store.append([Append(STREAM, version, [NewEvent(each, self._envelope()) for each in recorded])])

    async def recorded_after(self, version: int) -> list[Any]:
        """What is recorded next, when it is."""
        for _ in range(round(DEADLINE_S / CHECK_INTERVAL_S)):
            if found := await self.store.load(STREAM, after_version=version):
                return list(found)
            await asyncio.sleep(CHECK_INTERVAL_S)
        return []

    def _envelope(self) -> Envelope:
        self.version += 1
        return replace(enveloped(event_id=f"{self.version:032x}", tenant=ACME), recorded_at=self.clock.now())


SHORT = received(envelope(import_limit_w=KW))


async def test_narrowed_access_is_recorded_once_for_all_chargers_that_share_the_cause() -> None:
    process = Process(await Site().opened(SHORT))

    [narrowed] = await process.check()

    assert isinstance(narrowed, events.AccessNarrowed)
    assert (narrowed.level, narrowed.charger_ids, narrowed.node_id) == (OWN, (BAY, BAY_2), GRID)
    assert narrowed.envelope is not None
    assert (narrowed.envelope.envelope_id, narrowed.limit_source) == (E1, LimitSource.FRESH_ENVELOPE)
    assert (narrowed.effective_w, narrowed.committed_w, narrowed.threshold_w) == (KW, 0, 50 * KW)
    assert narrowed.narrowed_at == NOON
    assert await process.check() == []


async def test_widened_access_is_recorded_when_the_dwell_is_over() -> None:
    site = await Site().opened(SHORT)
    process = Process(site)
    await process.check()
    site.clock.set(NOON + MINUTE)
    await site.record(withdrawn(NOON + MINUTE))
    assert await process.check() == []

    site.clock.set(NOON + 7 * MINUTE)
    [widened] = await process.check()

    assert isinstance(widened, events.AccessWidened)
    assert (widened.level, widened.charger_ids, widened.widened_at) == (OPEN, (BAY, BAY_2), NOON + 6 * MINUTE)
    assert await process.check() == []


async def test_switching_the_policy_off_widens_what_was_narrowed_and_restores_what_was_degraded() -> None:
    site = await Site().opened(SHORT, offline(NOON))
    process = Process(site)
    assert [type(each) for each in await process.check()] == [events.AccessNarrowed, events.EnergyControlDegraded]

    await site.record(policy_put(enabled=False))
    found = await process.check()

    assert [type(each) for each in found] == [events.AccessWidened, events.EnergyControlRestored]
    assert await process.check() == []


async def test_a_silent_source_degrades_the_control_until_it_is_heard() -> None:
    site = await Site().opened(received(envelope(import_limit_w=400 * KW)), offline(NOON + MINUTE, reported_at=NOON))
    process = Process(site)
    assert await process.check() == []

    site.clock.set(NOON + 2 * MINUTE)
    [degraded] = await process.check()

    assert degraded == events.EnergyControlDegraded(
        depot_id=NORTH, reason=DegradedReason.SOURCE_OFFLINE, source="dso", node_id=None, since=NOON + MINUTE
    )
    await site.record(heard(NOON + 2 * MINUTE))
    [restored] = await process.check()
    assert isinstance(restored, events.EnergyControlRestored)
    assert (restored.source, restored.restored_at) == ("dso", NOON + 2 * MINUTE)


async def test_a_stale_measurement_of_an_idle_node_degrades_nothing() -> None:
    site = await Site().opened(measured(demand(0)))
    site.clock.set(NOON + MINUTE)

    assert await Process(site).check() == []


async def test_a_silent_source_without_an_envelope_in_force_degrades_nothing() -> None:
    process = Process(await Site().opened(measured(demand(0)), offline(NOON)))

    assert await process.check() == []


async def test_a_stale_measurement_degrades_the_control_until_the_next_one() -> None:
    site = await Site().opened(measured(demand(KW)))
    process = Process(site)
    site.clock.set(NOON + MINUTE)

    [degraded] = await process.check()

    assert degraded == events.EnergyControlDegraded(
        depot_id=NORTH, reason=DegradedReason.MEASUREMENT_STALE, source=None, node_id=GRID, since=NOON + MINUTE
    )
    await site.record(measured(demand(0, NOON + MINUTE)))
    assert [type(each) for each in await process.check()] == [events.EnergyControlRestored]


async def test_two_processes_record_one_narrowing_and_agree_on_the_widening() -> None:
    site = await Site().opened(SHORT)
    one, other = Process(site), Process(site)
    assert len(await one.check()) == 1
    assert await other.check() == []
    site.clock.set(NOON + MINUTE)
    await site.record(withdrawn(NOON + MINUTE))
    await one.follow()
    assert one.level() is OWN

    site.clock.set(NOON + 3 * MINUTE)
    restarted = Process(site)  # holds the recorded level, and begins its dwell anew
    await restarted.follow()
    assert restarted.level() is OWN
    site.clock.set(NOON + 6 * MINUTE)
    assert [type(each) for each in await one.check()] == [events.AccessWidened]

    assert await restarted.check() == []
    assert restarted.level() is OPEN


async def test_a_process_takes_over_a_narrowing_that_another_one_has_recorded() -> None:
    site = await Site().opened(measured(demand(0)))
    process = Process(site)
    assert await process.check() == []
    assert process.level() is OPEN

    await site.record(
        events.AccessNarrowed(
            depot_id=NORTH,
            node_id=GRID,
            level=OWN,
            envelope=None,
            limit_source=LimitSource.STATIC_NODE,
            charger_ids=(BAY,),
            effective_w=0,
            committed_w=500 * KW,
            threshold_w=50 * KW,
            is_advisory=False,
            narrowed_at=NOON,
        )
    )

    assert await process.check() == []
    assert (process.level(), process.level(BAY_2)) == (OWN, OPEN)
    site.clock.set(NOON + 5 * MINUTE)
    assert [type(each) for each in await process.check()] == [events.AccessWidened]


async def test_the_running_keeper_records_and_the_running_gates_tell_what_the_time_alone_changes() -> None:
    site = await Site().opened(received(envelope(import_limit_w=KW, valid_from=NOON + MINUTE)))
    process, told = Process(site), asyncio.Event()
    await process.follow()
    assert process.level() is OPEN
    process.gates.on_gate_change(lambda key: told.set())

    async with asyncio.timeout(DEADLINE_S), running(process.keeper.run(), process.gates.run()):
        site.clock.set(NOON + MINUTE)
        process.gates.of_depot(ACME, NORTH)
        await told.wait()
        recorded = await site.recorded_after(len(opted_in()) + 1)

    assert [type(each.event) for each in recorded] == [events.AccessNarrowed]


@asynccontextmanager
async def running(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(each) for each in jobs]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
