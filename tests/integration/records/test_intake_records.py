"""What is remembered of the events that were taken in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from access_policy.adapters.event_intake.messages import read
from access_policy.adapters.records.intake import SqlIntakeRecords
from access_policy.application.ports.event_intake import Standing
from access_policy.application.ports.incoming_events import IncomingEvent
from access_policy.domain.ids import TenantId
from tests.support.incoming import commissioned, recorded_fate
from tests.support.places import Place
from tests.support.records import inside
from tests.support.stores import NOON


def event(message: dict[str, Any]) -> IncomingEvent:
    return read(json.dumps(message))


async def test_sources_and_tenants_count_their_own_versions(records_location: Place) -> None:
    records = SqlIntakeRecords(inside(records_location, "intake"))
    first = event(commissioned("bus-7", 9))
    await records.begin(first, now=NOON)

    standings = [
        await records.begin(event(commissioned("bus-7", 8)), now=NOON),
        await records.begin(replace(event(commissioned("bus-7", 8)), source="elsewhere"), now=NOON),
        await records.begin(replace(event(commissioned("bus-7", 8)), tenant_id=TenantId("rival")), now=NOON),
        await records.begin(event(commissioned("bus-8", 8)), now=NOON),
    ]
    await records.close()

    assert standings == [Standing.OUTDATED, Standing.NEW, Standing.NEW, Standing.NEW]


async def test_records_outlive_the_process(records_location: Place) -> None:
    told = event(commissioned("bus-7", 9))
    records = SqlIntakeRecords(inside(records_location, "intake"))
    await records.begin(told, now=NOON)
    await records.close()

    again = SqlIntakeRecords(inside(records_location, "intake"))

    assert await recorded_fate(again, told) == "begun"
    assert await recorded_fate(again, event(commissioned("bus-7", 9))) is None
    await again.close()
