"""The energy of a node from its measurements of power."""

from __future__ import annotations

from datetime import timedelta

from access_policy.application.oscp_providers.metering import Meter
from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.site_energy.measurements import Demand
from tests.support.builders import NOON

MINUTE = timedelta(minutes=1)
FRESH = 2 * MINUTE


def demand(minute: float, watts: int) -> Demand:
    return Demand(node_id=EnergyNodeId("grid"), observed_at=NOON + minute * MINUTE, demand_w=watts)


def test_measurement_counts_until_the_next_one() -> None:
    meter = Meter()
    meter.take(demand(0, 60_000), FRESH)
    assert meter.reading() is None
    meter.take(demand(1, 6_000), FRESH)
    meter.take(demand(1, 9_999), FRESH)
    meter.take(demand(2, 0), FRESH)

    assert meter.reading() == (NOON, NOON + 2 * MINUTE, 1_100.0)


def test_reading_after_a_gap_begins_behind_it_and_a_begun_one_where_the_last_ended() -> None:
    meter = Meter()
    meter.take(demand(0, 60_000), FRESH)
    meter.take(demand(5, 60_000), FRESH)
    assert meter.reading() is None
    meter.take(demand(6, 60_000), FRESH)
    first = meter.reading()
    meter.begin()
    assert meter.reading() is None
    meter.take(None, FRESH)
    meter.take(demand(7, 0), FRESH)

    assert first == (NOON + 5 * MINUTE, NOON + 6 * MINUTE, 1_000.0)
    assert meter.reading() == (NOON + 6 * MINUTE, NOON + 7 * MINUTE, 1_000.0)
