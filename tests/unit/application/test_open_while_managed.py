"""How many chargers should be managed and are open, by the reason."""

from __future__ import annotations

import pytest

from access_policy.application.queries.charger_sync import Sync
from access_policy.application.queries.open_while_managed import OpenWhileManaged
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import ChargerRetired, ModeDriftDetected
from tests.support.depot_in_memory import BAY, DAY, NIGHT, OTHER_BAY, TENANT, DepotInMemory, SettableClock
from tests.support.stores import memory_store
from tests.support.switching import applied, failed, requested

ASKED = requested(charger_id=BAY)
RETIRED = ChargerRetired(charger_id=BAY, retired_at=DAY)
DRIFTED = ModeDriftDetected(
    charger_id=BAY, expected=AccessMode.MANAGED, found=AccessMode.FREEVEND, evidence="read", detected_at=NIGHT
)


async def counted(*events: object, connected: bool = True, clock: SettableClock | None = None) -> dict[Sync, int]:
    """Counts other than zero. The events are recorded of one charger; the other one is verified to be managed."""
    store = memory_store()
    depot = await DepotInMemory(store, clock or SettableClock(NIGHT)).opened()
    if events:
        await depot.record(policy_stream(TENANT, BAY), 2, events)
    other = (requested(charger_id=OTHER_BAY), applied(charger_id=OTHER_BAY))
    await depot.record(policy_stream(TENANT, OTHER_BAY), 2, other)

    counts = await OpenWhileManaged(depot.view, depot.profiles, lambda key: connected, depot.clock)()

    await store.close()
    return {sync: count for sync, count in counts.items() if count}


@pytest.mark.parametrize(
    ("events", "connected", "counts"),
    [
        ((ASKED, applied(charger_id=BAY)), True, {}),
        ((ASKED, applied(charger_id=BAY)), False, {}),
        ((), True, {Sync.PENDING: 1}),
        ((ASKED,), False, {Sync.UNREACHABLE: 1}),
        ((ASKED, failed(charger_id=BAY)), True, {Sync.FAILED: 1}),
        ((ASKED, applied(charger_id=BAY), DRIFTED), True, {Sync.DRIFTED: 1}),
        ((RETIRED,), True, {}),
    ],
)
async def test_open_while_managed_counts_chargers_that_are_not_verified(
    events: tuple[object, ...], connected: bool, counts: dict[Sync, int]
) -> None:
    assert await counted(*events, connected=connected) == counts


async def test_open_while_managed_counts_nothing_in_freevend() -> None:
    assert await counted(clock=SettableClock(DAY)) == {}
