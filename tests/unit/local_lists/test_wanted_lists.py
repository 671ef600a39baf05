"""The lists that chargers should have: worked out once for chargers with equal inputs, and anew after `forget`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from access_policy.application.local_lists.wanted_lists import WantedLists, digest_of
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.ids import ChargerId
from tests.support.depot_in_memory import BAY, BUS, OTHER_BAY, TENANT, DepotInMemory, HashedPseudonyms, settings_of
from tests.support.local_lists import SealedValues
from tests.support.stores import memory_store

REF = HashedPseudonyms().ref(TENANT, BUS)


@pytest.fixture
async def depot() -> DepotInMemory:
    depot = await DepotInMemory(memory_store()).opened()
    await set_offline_starts(depot, OfflineStarts.LIST, BAY, OTHER_BAY)
    return depot


async def set_offline_starts(depot: DepotInMemory, offline: OfflineStarts, *chargers: ChargerId) -> None:
    for charger in chargers:
        settings = replace(settings_of(charger), offline_starts=offline)
        version = depot.view.charger(TENANT, charger).policy.version
        await depot.record(
            policy_stream(TENANT, charger), version, [ChargerAmended(charger_id=charger, settings=settings)]
        )


def lists_of(depot: DepotInMemory, sealed: SealedValues) -> WantedLists:
    return WantedLists(depot.view, sealed, sealed, depot.clock)  # type: ignore[arg-type]


async def test_wanted_lists_of_two_chargers_with_equal_inputs_are_one(depot: DepotInMemory) -> None:
    lists = lists_of(depot, SealedValues({REF.pseudonym: BUS}))

    one, other = await asyncio.gather(lists.of((TENANT, BAY), 10), lists.of((TENANT, OTHER_BAY), 10))

    assert one.entries is other.entries
    assert [entry.ref for entry in one.entries] == [REF]


async def test_wanted_lists_read_the_values_of_chargers_alike_once_until_forgotten(depot: DepotInMemory) -> None:
    sealed = SealedValues({REF.pseudonym: BUS})
    lists = lists_of(depot, sealed)
    wanted = await lists.of((TENANT, BAY), 10)

    answers = await asyncio.gather(*(lists.values(wanted) for _ in range(5)))
    assert (sealed.asked, [list(each.values()) for each in answers]) == (1, [[BUS]] * 5)

    lists.forget()
    await lists.values(wanted)
    assert sealed.asked == 2


async def test_wanted_lists_of_a_charger_that_is_closed_offline_are_empty(depot: DepotInMemory) -> None:
    await set_offline_starts(depot, OfflineStarts.CLOSED, BAY)
    lists = lists_of(depot, SealedValues({REF.pseudonym: BUS}))

    assert (await lists.of((TENANT, BAY), 10)).entries == ()
    assert (await lists.of((TENANT, OTHER_BAY), 10)).entries != ()


async def test_wanted_lists_hold_at_most_the_capacity(depot: DepotInMemory) -> None:
    lists = lists_of(depot, SealedValues())

    assert (await lists.of((TENANT, BAY), 0)).entries == ()


async def test_wanted_lists_leave_out_values_that_cannot_be_read(depot: DepotInMemory) -> None:
    lists = lists_of(depot, SealedValues({REF.pseudonym: BUS}, hidden={REF.pseudonym}))
    wanted = await lists.of((TENANT, BAY), 10)

    assert await lists.values(wanted) == {}
    assert await lists.values_of(TENANT, wanted.entries) == {}


async def test_wanted_lists_give_prefixes_of_a_list_and_its_forms_digests_of_their_own(depot: DepotInMemory) -> None:
    lists = lists_of(depot, SealedValues({REF.pseudonym: BUS}))
    wanted = await lists.of((TENANT, BAY), 10)

    whole = await lists.digest(wanted, "one", wanted.entries)

    assert whole == digest_of("one", wanted.entries)
    assert len({whole, await lists.digest(wanted, "one", ()), await lists.digest(wanted, "other", wanted.entries)}) == 3
