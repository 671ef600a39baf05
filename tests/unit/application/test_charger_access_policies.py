"""The policy as it was at an instant: a prefix of its stream, whatever the clocks of the processes that wrote it say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from access_policy.application.ports.event_store import Append
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import policy_stream
from access_policy.domain.ids import TenantId
from tests.support.builders import BAY, NOON, registered, retired, scheduled
from tests.support.stores import happened, memory_store

ACME = TenantId("acme")
SECOND = timedelta(seconds=1)
FAST = NOON + 2 * SECOND  # the clock of the process that registers the charger is two seconds ahead


@pytest.fixture
async def policies() -> ChargerAccessPolicies:
    store = memory_store()
    events = [
        happened(registered(), at=FAST),
        happened(scheduled(), at=NOON),
        happened(retired(NOON + 60 * SECOND), at=NOON + 60 * SECOND),
    ]
    await store.append([Append(policy_stream(ACME, BAY), 0, tuple(events))])
    return ChargerAccessPolicies(store)


@pytest.mark.parametrize(
    ("at", "version"),
    [(NOON, 2), (NOON + SECOND, 2), (FAST, 2), (NOON + 59 * SECOND, 2), (NOON + 60 * SECOND, 3)],
)
async def test_as_of_where_a_later_event_has_an_earlier_time_includes_the_events_before_it(
    policies: ChargerAccessPolicies, at: datetime, version: int
) -> None:
    policy = await policies.as_of(ACME, BAY, at)

    assert policy is not None
    assert policy.version == version


async def test_as_of_before_every_event_is_none(policies: ChargerAccessPolicies) -> None:
    assert await policies.as_of(ACME, BAY, NOON - SECOND) is None
