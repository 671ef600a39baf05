"""Mode control in the window of a reservation that names the charger: freevend to managed and back, the cache, the offline
settings, and the instants at which the controller looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from access_policy.application.streams import policy_stream, reservation_book_stream
from access_policy.domain.access_mode import AccessMode, CauseKind, OfflineStarts
from access_policy.domain.charger_access_policy.events import ChargerAmended, ModeApplied, ModeOverridden
from access_policy.domain.ids import OverrideId
from access_policy.domain.reservations.reservation import Reservation
from tests.support import reservations
from tests.support.builders import ANNA
from tests.support.depot_in_memory import BAY, DAY, DEPOT, NIGHT, TENANT, DepotInMemory, settings_of
from tests.support.reservations import HOUR, terms
from tests.unit.mode_control.test_controller import KEY, Looks, controlling, until
from tests.unit.mode_control.test_mode_control import FREEVEND, MANAGED, Yard, yard_of

AFTERNOON = DAY + 2 * HOUR
MINUTES = timedelta(minutes=1)


async def reserve(depot: DepotInMemory, reservation: Reservation) -> None:
    version = depot.view.book(TENANT, DEPOT).version
    await depot.record(reservation_book_stream(TENANT, DEPOT), version, [reservations.made(reservation, at=DAY)])


async def at(yard: Yard, instant: Any) -> AccessMode | None:
    yard.depot.clock.set(instant)
    await yard.check()
    return yard.charger.mode


async def test_freevend_charger_is_managed_in_the_window_because_of_the_reservation_and_free_again_afterwards() -> None:
    async with yard_of("microocpp-1.6") as yard:
        await reserve(yard.depot, reservations.reservation(start=AFTERNOON))

        modes = [await at(yard, each) for each in (DAY, AFTERNOON, AFTERNOON + HOUR, AFTERNOON + 2 * HOUR)]

        assert modes == [FREEVEND, MANAGED, MANAGED, FREEVEND]
        applied = [each for each in await yard.facts() if isinstance(each, ModeApplied)]
        assert [each.cause.kind for each in applied][-2:] == [CauseKind.RESERVATION, CauseKind.BASELINE]
        assert [each.late_s for each in applied][-2:] == [0, 0]


async def test_operator_s_override_to_freevend_wins_over_a_reservation() -> None:
    async with yard_of("microocpp-1.6") as yard:
        await reserve(yard.depot, reservations.reservation(start=AFTERNOON))
        override = ModeOverridden(
            charger_id=BAY,
            override_id=OverrideId("o1"),
            mode=FREEVEND,
            starts_at=AFTERNOON + 10 * MINUTES,
            ends_at=AFTERNOON + 20 * MINUTES,
            reason="a visit",
            made_by=ANNA,
        )
        version = yard.depot.view.charger(*KEY).policy.version
        await yard.depot.record(policy_stream(*KEY), version, (override,))

        modes = [await at(yard, AFTERNOON + minutes * MINUTES) for minutes in (0, 10, 20)]

        assert modes == [MANAGED, FREEVEND, MANAGED]


async def test_cache_is_cleared_when_a_reserved_window_begins_in_managed_access_and_not_when_it_ends() -> None:
    async with yard_of("ocpp16-central") as yard:
        await reserve(yard.depot, reservations.reservation(start=NIGHT + HOUR))
        await at(yard, NIGHT)
        before = yard.charger.cache_cleared

        cleared = []
        for minutes in (59, 60, 61, 179, 180, 181):
            await at(yard, NIGHT + minutes * MINUTES)
            cleared.append(yard.charger.cache_cleared - before)

        assert cleared == [0, 1, 1, 1, 1, 1]


async def test_charger_that_starts_anyone_offline_starts_only_listed_vehicles_in_a_reserved_window() -> None:
    async with yard_of("ocpp16-central") as yard:
        settings = replace(settings_of(BAY), profile="ocpp16-central", offline_starts=OfflineStarts.OPEN)
        version = yard.depot.view.charger(*KEY).policy.version
        await yard.depot.record(policy_stream(*KEY), version, (ChargerAmended(charger_id=BAY, settings=settings),))
        await reserve(yard.depot, reservations.reservation(start=NIGHT + HOUR))

        for hour in (0, 1, 3):
            await at(yard, NIGHT + hour * HOUR)

        assert yard.charger.made_safe == [OfflineStarts.OPEN, OfflineStarts.LIST, OfflineStarts.OPEN]


async def test_charger_for_reservations_only_starts_only_listed_holders_offline_under_managed_access() -> None:
    async with yard_of("ocpp16-central") as yard:
        settings = replace(
            settings_of(BAY), profile="ocpp16-central", offline_starts=OfflineStarts.OPEN, reservation_only=True
        )
        version = yard.depot.view.charger(*KEY).policy.version
        await yard.depot.record(policy_stream(*KEY), version, (ChargerAmended(charger_id=BAY, settings=settings),))

        for instant in (DAY, NIGHT):
            await at(yard, instant)

        assert yard.charger.made_safe == [OfflineStarts.OPEN, OfflineStarts.LIST]


async def test_controller_looks_at_once_when_a_reservation_is_made() -> None:
    looks = Looks()
    async with controlling(looks) as (depot, _):
        await until(lambda: looks.times(KEY) == 1)

        await reserve(depot, reservations.reservation(start=AFTERNOON))

        await until(lambda: (KEY, "policy changed") in looks.seen)


async def test_controller_looks_at_the_start_the_loss_and_the_end_of_a_window_also_in_managed_access() -> None:
    looks = Looks()
    async with controlling(looks) as (depot, _):
        await until(lambda: looks.times(KEY) == 1)
        await reserve(
            depot, reservations.reservation(start=NIGHT + HOUR, terms=terms(no_show_after_min=30, late_stop_min=0))
        )
        await until(lambda: (KEY, "policy changed") in looks.seen)

        for number, minutes in enumerate((60, 90, 180), start=1):
            depot.clock.set(NIGHT + minutes * MINUTES)
            await until(lambda: looks.seen.count((KEY, "transition")) == number)  # noqa: B023
