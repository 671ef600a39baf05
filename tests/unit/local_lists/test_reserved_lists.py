"""Local lists of reserved chargers: no entry extends into another holder's reservation, and in the window only the holder is
listed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.application.local_lists.desired import Entry, desired_entries
from access_policy.application.local_lists.wanted_lists import WantedLists, digest_of
from access_policy.application.ports.secrets import vault_key
from access_policy.application.streams import policy_stream, reservation_book_stream
from access_policy.domain.access.decision import decide, reason_for
from access_policy.domain.access.reasons import ALLOWING
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, OfflineStarts
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ReservationId, VehicleId
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.domain.reservations.events import ReservationEvent
from access_policy.domain.reservations.reservation import Holder, HolderIdentifier, Place, Reservation
from tests.support import reservations
from tests.support.depot_in_memory import (
    BAY,
    BUS,
    DAY,
    DEPOT,
    NIGHT,
    OTHER_BAY,
    TENANT,
    DepotInMemory,
    HashedPseudonyms,
    rfid,
    settings_of,
)
from tests.support.local_lists import SealedValues
from tests.support.reservations import FAST, HOUR, R1, terms
from tests.support.stores import memory_store

pytestmark = pytest.mark.virtual_time

GUEST = rfid("04AAAAAAAAAAAA")
GUEST_REF, BUS_REF = HashedPseudonyms().ref(TENANT, GUEST), HashedPseudonyms().ref(TENANT, BUS)
START = NIGHT + HOUR
END = START + 2 * HOUR
MINUTES = timedelta(minutes=1)
OF_GUEST = Holder(identifiers=(HolderIdentifier(ref=GUEST_REF, sealed="sealed"),))
OF_BUS = Holder(vehicle_id=VehicleId("bus-7"))
BUS_LISTED = Entry(VehicleId("bus-7"), BUS_REF)


def reserved(**changes: Any) -> Reservation:
    return reservations.reservation(**({"start": START, "holder": OF_GUEST} | changes))


@pytest.fixture
async def depot() -> DepotInMemory:
    depot = await DepotInMemory(memory_store()).opened()
    depot.clock.set(DAY)
    for charger in (BAY, OTHER_BAY):
        settings = replace(settings_of(charger), offline_starts=OfflineStarts.LIST)
        await depot.record(policy_stream(TENANT, charger), 2, [ChargerAmended(charger_id=charger, settings=settings)])
    return depot


async def recorded(depot: DepotInMemory, *events: ReservationEvent) -> None:
    version = depot.view.book(TENANT, DEPOT).version
    await depot.record(reservation_book_stream(TENANT, DEPOT), version, events)


async def listed(depot: DepotInMemory, at: datetime, charger: Any = BAY) -> list[Entry]:
    view = depot.view
    return await desired_entries(
        view.charger(TENANT, charger),
        view.depot(TENANT, DEPOT),
        view.registry(TENANT),
        view.book(TENANT, DEPOT),
        capacity=10,
        now=at,
    )


async def test_list_before_a_reservation_of_another_ends_with_its_beginning(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(terms=terms(early_start_min=15)), at=DAY))

    assert await listed(depot, NIGHT) == [replace_until(BUS_LISTED, START - 15 * MINUTES)]
    assert await listed(depot, NIGHT, OTHER_BAY) == [BUS_LISTED]


async def test_list_in_the_window_holds_only_the_holder_up_to_the_end(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(), at=DAY))

    assert await listed(depot, START) == [Entry(vault_key(R1), GUEST_REF, END, "sealed")]
    assert await listed(depot, END) == [BUS_LISTED]


async def test_list_after_a_lost_or_cancelled_reservation_is_as_without_it(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(terms=terms(no_show_after_min=30)), at=DAY))
    assert await listed(depot, START + 30 * MINUTES) == [BUS_LISTED]

    await recorded(depot, reservations.cancelled(at=NIGHT))
    assert await listed(depot, START) == [BUS_LISTED]


async def test_own_vehicle_that_holds_the_reservation_stays_on_the_list_all_the_time(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(holder=OF_BUS), at=DAY))

    for at in (NIGHT, START, END):
        assert await listed(depot, at) == [BUS_LISTED]


async def test_group_lists_its_holders_in_their_window_and_keeps_the_others(depot: DepotInMemory) -> None:
    at_fast = reserved(place=Place(group_id=FAST))
    await recorded(depot, reservations.group_put(BAY, OTHER_BAY), reservations.made(at_fast, at=DAY))

    assert await listed(depot, NIGHT) == [BUS_LISTED]
    assert await listed(depot, START) == [Entry(vault_key(R1), GUEST_REF, END, "sealed"), BUS_LISTED]


async def test_reservation_of_the_only_connector_is_one_of_the_charger(depot: DepotInMemory) -> None:
    on_connector = reserved(place=Place(charger_id=BAY, connector_id=1))
    await recorded(depot, reservations.made(on_connector, at=DAY))

    assert await listed(depot, START) == [Entry(vault_key(R1), GUEST_REF, END, "sealed")]


async def test_charger_for_reservations_only_lists_holders_only(depot: DepotInMemory) -> None:
    settings = replace(settings_of(BAY), offline_starts=OfflineStarts.LIST, reservation_only=True)
    version = depot.view.charger(TENANT, BAY).policy.version
    await depot.record(policy_stream(TENANT, BAY), version, [ChargerAmended(charger_id=BAY, settings=settings)])
    assert await listed(depot, START) == []

    await recorded(depot, reservations.made(reserved(), at=DAY))

    assert await listed(depot, NIGHT) == []
    assert await listed(depot, START) == [Entry(vault_key(R1), GUEST_REF, END, "sealed")]


async def test_reserved_list_is_the_charger_s_own_and_others_stay_shared(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(), at=DAY))
    depot.clock.set(START)
    sealed = SealedValues({BUS_REF.pseudonym: BUS})
    lists = WantedLists(depot.view, sealed, sealed, depot.clock)  # type: ignore[arg-type]

    mine, other = await asyncio.gather(lists.of((TENANT, BAY), 10), lists.of((TENANT, OTHER_BAY), 10))

    assert mine.alike != other.alike
    assert {each.value for each in (await lists.values(mine)).values()} == {"sealed"}
    assert {each.value for each in (await lists.values(other)).values()} == {BUS.value}
    assert lists.changes_at((TENANT, BAY)) == END
    assert lists.changes_at((TENANT, OTHER_BAY)) is None


def test_digest_of_entries_without_an_end_is_as_in_earlier_releases() -> None:
    without = digest_of("one", [BUS_LISTED])

    before = ["one", ["bus-7", "rfid", BUS_REF.pseudonym]]
    assert without == hashlib.sha256(json.dumps(before).encode()).hexdigest()
    assert digest_of("one", [replace_until(BUS_LISTED, END)]) != without


def replace_until(entry: Entry, until: datetime) -> Entry:
    return entry._replace(until=until)


@given(
    windows=st.lists(
        st.tuples(
            st.integers(0, 20),
            st.integers(1, 6),
            st.sampled_from([OF_GUEST, OF_BUS]),
            st.integers(0, 1),
            st.none() | st.integers(0, 60),
        ),
        max_size=3,
    ),
    at=st.integers(0, 30),
)
def test_every_instant_of_a_kept_permission_is_one_at_which_the_decision_admits(
    windows: list[tuple[int, int, Holder, int, int | None]], at: int
) -> None:
    asyncio.run(check_entries(windows, NIGHT + at * HOUR))


async def check_entries(windows: list[tuple[int, int, Holder, int, int | None]], now: datetime) -> None:
    depot = await DepotInMemory(memory_store()).opened()
    depot.clock.set(DAY)
    start = NIGHT
    for number, (gap, lasts, holder, early, no_show) in enumerate(windows):
        start += gap * HOUR + early * HOUR
        made = reserved(
            reservation_id=ReservationId(f"r{number}"),
            start=start,
            end=start + lasts * HOUR,
            holder=holder,
            terms=terms(early_start_min=early * 60, no_show_after_min=no_show),
        )
        await recorded(depot, reservations.made(made, at=DAY))
        start += lasts * HOUR
    depot.clock.set(now)
    for card in (BUS, GUEST):
        check_permission(depot, HashedPseudonyms().ref(TENANT, card), now)
    for entry in await listed(depot, now):
        instant, until = now, min(entry.until or now + 23 * HOUR, now + 23 * HOUR)
        while instant < until:
            reason = decided(depot, entry.ref, instant)
            assert reason in ALLOWING, f"{entry.ref.masked} at {instant} of {entry.until}: {reason}"
            instant += 15 * MINUTES
        if entry.until is not None:
            assert decided(depot, entry.ref, entry.until) not in ALLOWING


def check_permission(depot: DepotInMemory, ref: IdentifierRef, now: datetime) -> None:
    """The permission that a charger may keep, by the charger's own plan."""
    charger = depot.view.charger(TENANT, BAY)
    timeline = charger.timeline_at(now)
    inputs = depot.decisions.inputs.gather(charger, ref, now, timeline, connector_id=None, actor=None)
    decision = decide(inputs, timeline)
    instant = now
    while decision.valid_until is not None and instant < decision.valid_until:
        then = depot.decisions.inputs.gather(charger, ref, instant, timeline, connector_id=None, actor=None)
        assert reason_for(then) in ALLOWING, f"{ref.masked} at {instant} of {decision.valid_until}"
        instant += 15 * MINUTES


def decided(depot: DepotInMemory, ref: IdentifierRef, at: datetime) -> Any:
    """By the decision itself, as if the charger were managed at all hours."""
    charger = depot.view.charger(TENANT, BAY)
    inputs = depot.decisions.inputs.gather(charger, ref, at, charger.timeline_at(at), connector_id=None, actor=None)
    return reason_for(replace(inputs, expected=Segment(at, at, AccessMode.MANAGED, BASELINE_CAUSE)))
