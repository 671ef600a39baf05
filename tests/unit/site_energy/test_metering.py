"""Metering: chargers' meter values become measurements of their nodes, and of those above them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from access_policy.application.charging_sessions.reports import EnergyReport
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import Append, Envelope, NewEvent
from access_policy.application.repositories.site_energies import SiteEnergies
from access_policy.application.site_energy.metering import Metering
from access_policy.application.streams import site_energy_stream
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.ids import AttemptId, ChargerId, EnergyNodeId
from access_policy.domain.site_energy.events import SiteEnergyEvent
from tests.support.builders import BAY, HOUR, MINUTE, NOON, NORTH
from tests.support.depot_in_memory import SettableClock
from tests.support.office import ACME
from tests.support.rows import envelope as enveloped
from tests.support.site_energy import BAY_2, CIRCUIT, GRID, KW, NODE_1, NODE_2, demand, measured, opted_in
from tests.support.stores import memory_store

STREAM = site_energy_stream(ACME, NORTH)
SECOND = MINUTE / 60


class Gateway:
    """A gateway with two chargers of a depot that has opted in."""

    def __init__(self) -> None:
        self.store = memory_store()
        self.clock = SettableClock(NOON)
        self.live = RecentActivity()
        self.view = DecisionView()
        self.metering = Metering(self.view, self.live, SiteEnergies(self.store, self.view), self.clock)
        self.recorded = 0

    async def opened(self) -> Gateway:
        await self.append(*opted_in())
        return self

    async def append(self, *events: SiteEnergyEvent) -> None:
        version = len(await self.store.load(STREAM))
        await self.store.append([Append(STREAM, version, [NewEvent(each, self._envelope()) for each in events])])

    def _envelope(self) -> Envelope:
        self.recorded += 1
        return replace(enveloped(event_id=f"{self.recorded:032x}", tenant=ACME), recorded_at=self.clock.now())

    def start(self, charger_id: ChargerId = BAY) -> None:
        session = Session(
            attempt_id=AttemptId("a"),
            transaction_id="t",
            connector_id=1,
            identifier=None,
            vehicle_id=None,
            decision=SessionDecision.NONE,
            started_at=self.clock.now(),
            meter_start_wh=None,
        )
        self.live.started((ACME, charger_id), session)

    async def report(
        self,
        charger_id: ChargerId = BAY,
        *,
        power_w: int | None = None,
        energy_wh: int | None = None,
        connector_id: int = 1,
        transaction_id: str | None = "t",
        read_at: datetime | None = None,
    ) -> None:
        await self.metering.energy(
            EnergyReport(
                tenant_id=ACME,
                charger_id=charger_id,
                connector_id=connector_id,
                transaction_id=transaction_id,
                energy_wh=energy_wh,
                charging=True,
                at=self.clock.now(),
                power_w=power_w,
                read_at=read_at,
            )
        )

    async def restarted(self) -> Gateway:
        """Another process with the same stream and the charges under way, and without readings."""
        other = Gateway()
        other.store, other.clock, other.live = self.store, self.clock, self.live
        other.metering = Metering(other.view, other.live, SiteEnergies(self.store, other.view), self.clock)
        return other

    async def measured(self) -> dict[EnergyNodeId, tuple[int, datetime]]:
        """What this turn records."""
        version = len(await self.store.load(STREAM))
        await self.metering.record((ACME, NORTH))
        found = await self.store.load(STREAM, after_version=version)
        return {item.node_id: (item.demand_w, item.observed_at) for each in found for item in each.event.items}


async def test_powers_are_summed_up_the_tree_in_one_event() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    gateway.start(BAY_2)
    await gateway.report(BAY, power_w=100 * KW)
    gateway.clock.set(NOON + 10 * SECOND)
    await gateway.report(BAY_2, power_w=40 * KW)

    assert await gateway.measured() == {
        NODE_1: (100 * KW, NOON),
        NODE_2: (40 * KW, NOON + 10 * SECOND),
        CIRCUIT: (140 * KW, NOON),
        GRID: (140 * KW, NOON),
    }
    assert await gateway.measured() == {}  # nothing new


async def test_readings_of_an_hour_offline_that_arrive_within_seconds_are_the_power_of_that_hour() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    for minute in range(61):
        gateway.clock.set(NOON + minute * SECOND / 10)
        await gateway.report(BAY, energy_wh=minute * 1_000, read_at=NOON + (minute - 120) * MINUTE)

    assert (await gateway.measured())[NODE_1] == (60 * KW, NOON + 6 * SECOND)


async def test_a_reading_after_the_chargers_clock_was_set_back_begins_anew() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    for after_s, energy_wh, read_at in ((0, 0, NOON + HOUR), (60, 1_000, NOON), (120, 2_000, NOON + MINUTE)):
        gateway.clock.set(NOON + after_s * SECOND)
        await gateway.report(BAY, energy_wh=energy_wh, read_at=read_at)

    assert (await gateway.measured())[NODE_1] == (60 * KW, NOON + 120 * SECOND)


async def test_a_charge_without_a_fresh_reading_counts_above_with_what_it_may_draw() -> None:
    """In a busy depot a charge has always just begun: the nodes above would hardly ever be measured."""
    gateway = await Gateway().opened()
    gateway.start(BAY)
    gateway.start(BAY_2)
    await gateway.report(BAY_2, power_w=40 * KW)
    async with gateway.metering.sites.locked(ACME, NORTH) as site:
        at_most = site.tree.draw_w(BAY)
    assert at_most

    together = (40 * KW + at_most, NOON)
    assert await gateway.measured() == {NODE_2: (40 * KW, NOON), CIRCUIT: together, GRID: together}
    gateway.clock.set(NOON + MINUTE)
    await gateway.report(BAY, power_w=10 * KW)
    found = await gateway.measured()
    assert found[NODE_1] == (10 * KW, NOON + MINUTE)
    assert NODE_2 not in found


async def test_charges_without_any_reading_are_no_measurement() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    gateway.start(BAY_2)

    assert await gateway.measured() == {}


async def test_power_follows_from_two_readings_of_the_register() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    await gateway.report(energy_wh=1_000)
    assert await gateway.measured() == {}
    gateway.clock.set(NOON + 36 * SECOND)
    await gateway.report(energy_wh=2_000)

    assert (await gateway.measured())[NODE_1] == (100 * KW, NOON + 36 * SECOND)


async def test_the_end_of_a_charge_is_measured_once_as_nothing() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    await gateway.report(power_w=100 * KW)
    await gateway.measured()
    gateway.clock.set(NOON + 20 * SECOND)
    gateway.live.ended((ACME, BAY), "t")

    at = NOON + 20 * SECOND
    assert await gateway.measured() == {NODE_1: (0, at), CIRCUIT: (0, at), GRID: (0, at)}
    gateway.clock.set(NOON + 40 * SECOND)
    assert await gateway.measured() == {}


async def test_a_node_that_another_meter_measures_is_left_to_it() -> None:
    gateway = await Gateway().opened()
    await gateway.append(measured(demand(300 * KW)))
    gateway.start(BAY)
    gateway.clock.set(NOON + SECOND)
    await gateway.report(power_w=100 * KW)

    assert set(await gateway.measured()) == {NODE_1, CIRCUIT}
    gateway.clock.set(NOON + 16 * MINUTE)
    await gateway.report(power_w=100 * KW)
    assert set(await gateway.measured()) == {NODE_1, CIRCUIT, GRID}


async def test_measurement_of_a_predecessor_is_continued_and_not_taken_for_another_meters() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    await gateway.report(power_w=100 * KW)
    await gateway.measured()

    successor = await gateway.restarted()
    gateway.clock.set(NOON + 40 * SECOND)
    await successor.report(power_w=60 * KW)

    assert set(await successor.measured()) == {NODE_1, CIRCUIT, GRID}


async def test_end_of_a_charge_that_a_predecessor_measured_is_measured_as_nothing() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    await gateway.report(power_w=100 * KW)
    await gateway.measured()
    gateway.live.ended((ACME, BAY), "t")

    successor = await gateway.restarted()
    gateway.clock.set(NOON + 40 * SECOND)

    assert await successor.measured() == dict.fromkeys((NODE_1, CIRCUIT, GRID), (0, NOON + 40 * SECOND))


async def test_measurement_of_a_gateway_that_goes_on_is_left_to_it() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    await gateway.report(power_w=100 * KW)
    await gateway.measured()

    beside = await gateway.restarted()
    gateway.clock.set(NOON + 20 * SECOND)
    await beside.report(power_w=60 * KW)

    assert await beside.measured() == {}


async def test_reading_without_a_transaction_is_demand_although_no_charge_is_known() -> None:
    gateway = await Gateway().opened()
    await gateway.report(power_w=7 * KW, transaction_id=None)

    assert await gateway.measured() == dict.fromkeys((NODE_1, CIRCUIT, GRID), (7 * KW, NOON))


async def test_main_meter_of_a_charger_stands_for_all_its_connectors() -> None:
    gateway = await Gateway().opened()
    gateway.start(BAY)
    await gateway.report(power_w=20 * KW)
    await gateway.report(power_w=22 * KW, connector_id=0, transaction_id=None)

    assert (await gateway.measured())[NODE_1] == (22 * KW, NOON)


async def test_reading_from_before_a_charge_says_nothing_about_it() -> None:
    gateway = await Gateway().opened()
    await gateway.report(power_w=0, transaction_id=None)
    await gateway.report(power_w=0, connector_id=0, transaction_id=None)
    gateway.clock.set(NOON + 20 * SECOND)
    gateway.start(BAY)

    assert await gateway.measured() == {}
