"""Mode control where energy narrows freevend: to managed and back because of the envelope, the cache, and when it looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import AccessMode, CauseKind, OfflineStarts
from access_policy.domain.charger_access_policy.events import ChargerAmended, ModeApplied, ModeOverridden
from access_policy.domain.ids import OverrideId
from access_policy.domain.site_energy.gate import GateLevel
from tests.support.builders import ANNA
from tests.support.depot_in_memory import BAY, DAY, NIGHT, settings_of
from tests.support.energy import GivenGates, a_window
from tests.unit.mode_control.test_controller import KEY, Looks, controlling, until
from tests.unit.mode_control.test_mode_control import FREEVEND, MANAGED, Yard, yard_of

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OWN_AND_AGREEMENT, OWN_ONLY = GateLevel.OWN_AND_AGREEMENT, GateLevel.OWN_ONLY


async def at(yard: Yard, instant: datetime) -> AccessMode | None:
    yard.depot.clock.set(instant)
    await yard.check()
    return yard.charger.mode


async def test_freevend_charger_is_managed_in_a_planned_narrowing_because_of_the_envelope_and_free_afterwards() -> None:
    gates = GivenGates()
    async with yard_of("microocpp-1.6", gates=gates) as yard:
        yard.depot.clock.set(DAY)
        gates.give(KEY, a_window(DAY + HOUR, DAY + 2 * HOUR, OWN_AND_AGREEMENT))

        modes = [await at(yard, each) for each in (DAY, DAY + HOUR, DAY + 2 * HOUR)]

        assert modes == [FREEVEND, MANAGED, FREEVEND]
        applied = [each for each in await yard.facts() if isinstance(each, ModeApplied)]
        assert [(each.cause.kind, each.cause.id) for each in applied][-2:] == [
            (CauseKind.ENVELOPE, "e-1"),
            (CauseKind.BASELINE, None),
        ]
        assert [each.late_s for each in applied][-2:] == [0, 0]


async def test_narrowing_that_an_event_begins_and_ends_is_applied_without_lateness() -> None:
    gates = GivenGates()
    async with yard_of("microocpp-1.6", gates=gates) as yard:
        await at(yard, DAY)
        yard.depot.clock.set(DAY + HOUR)
        gates.give(KEY, a_window(DAY + HOUR, DAY + 40 * HOUR, OWN_ONLY))
        narrowed = await at(yard, DAY + HOUR)
        yard.depot.clock.set(DAY + 2 * HOUR)
        gates.give(KEY)
        widened = await at(yard, DAY + 2 * HOUR)

        assert (narrowed, widened) == (MANAGED, FREEVEND)
        applied = [each for each in await yard.facts() if isinstance(each, ModeApplied)]
        assert [each.late_s for each in applied][-2:] == [0, 0]


async def test_advisory_gate_switches_no_charger() -> None:
    gates = GivenGates(is_advisory=True)
    async with yard_of("microocpp-1.6", gates=gates) as yard:
        yard.depot.clock.set(DAY)
        gates.give(KEY, a_window(DAY, DAY + 2 * HOUR, OWN_ONLY))

        assert await at(yard, DAY + HOUR) is FREEVEND


async def test_override_to_freevend_does_not_open_a_narrowed_charger() -> None:
    gates = GivenGates()
    async with yard_of("microocpp-1.6", gates=gates) as yard:
        yard.depot.clock.set(DAY)
        gates.give(KEY, a_window(DAY + HOUR, DAY + 3 * HOUR, OWN_ONLY))
        override = ModeOverridden(
            charger_id=BAY,
            override_id=OverrideId("o1"),
            mode=FREEVEND,
            starts_at=DAY + HOUR,
            ends_at=DAY + 4 * HOUR,
            reason="a visit",
            made_by=ANNA,
        )
        version = yard.depot.view.charger(*KEY).policy.version
        await yard.depot.record(policy_stream(*KEY), version, (override,))

        modes = [await at(yard, DAY + hours * HOUR) for hours in (1, 2, 3)]

        assert modes == [MANAGED, MANAGED, FREEVEND]


async def test_cache_is_cleared_when_managed_access_is_narrowed_further_and_not_when_it_widens() -> None:
    gates = GivenGates()
    async with yard_of("ocpp16-central", gates=gates) as yard:
        begins = NIGHT + 10 * MINUTE
        gates.give(
            KEY,
            a_window(begins, begins + 10 * MINUTE, OWN_AND_AGREEMENT),
            a_window(begins + 10 * MINUTE, begins + 20 * MINUTE, OWN_ONLY),
        )
        await at(yard, NIGHT)
        before = yard.charger.cache_cleared

        cleared = []
        for minutes in (9, 10, 19, 20, 29, 30):
            await at(yard, NIGHT + minutes * MINUTE)
            cleared.append(yard.charger.cache_cleared - before)

        assert cleared == [0, 1, 1, 2, 2, 2]


async def test_charger_that_starts_anyone_offline_starts_only_listed_vehicles_while_it_is_narrowed() -> None:
    gates = GivenGates()
    async with yard_of("ocpp16-central", gates=gates) as yard:
        settings = replace(settings_of(BAY), profile="ocpp16-central", offline_starts=OfflineStarts.OPEN)
        version = yard.depot.view.charger(*KEY).policy.version
        await yard.depot.record(policy_stream(*KEY), version, (ChargerAmended(charger_id=BAY, settings=settings),))
        yard.depot.clock.set(DAY)
        gates.give(KEY, a_window(DAY + HOUR, DAY + 2 * HOUR, OWN_AND_AGREEMENT))

        for hour in (0, 1, 2):
            await at(yard, DAY + hour * HOUR)

        assert yard.charger.made_safe == [OfflineStarts.OPEN, OfflineStarts.LIST, OfflineStarts.OPEN]


async def test_controller_looks_at_once_when_energy_narrows_a_charger_and_at_the_edges_of_the_window() -> None:
    looks, gates = Looks(), GivenGates()
    async with controlling(looks, gates=gates) as (depot, _):
        await until(lambda: looks.times(KEY) == 1)
        begins = depot.clock.now() + 10 * MINUTE

        gates.give(KEY, a_window(begins, begins + 10 * MINUTE, OWN_ONLY))

        await until(lambda: (KEY, "energy") in looks.seen)
        for number, instant in enumerate((begins, begins + 10 * MINUTE), start=1):
            depot.clock.set(instant)
            await until(lambda: looks.seen.count((KEY, "transition")) == number)  # noqa: B023


async def test_controller_looks_when_the_gate_narrows_by_the_time_alone_and_other_than_planned() -> None:
    looks, gates = Looks(), GivenGates()
    async with controlling(looks, gates=gates) as (depot, _):
        await until(lambda: looks.times(KEY) == 1)
        now = depot.clock.now()
        stale = a_window(now + 15 * MINUTE, now + 30 * MINUTE, OWN_ONLY)
        gates.give(KEY, stale)
        await until(lambda: (KEY, "energy") in looks.seen)
        gates.windows = (replace(stale, level=OWN_AND_AGREEMENT),)  # telemetry has become stale, and no event says so

        before = looks.times(KEY)
        depot.clock.set(now + 15 * MINUTE)

        await until(lambda: depot.view.charger(*KEY).level_at(now + 16 * MINUTE) is OWN_AND_AGREEMENT)
        await until(lambda: looks.times(KEY) > before)
