"""Operating days over clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from access_policy.domain.reservations.operating_days import begin_of, operating_day

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2027, 3, 28), date(2026, 10, 25)  # the clocks change at 02:00 and at 03:00


@pytest.mark.parametrize(
    ("day", "starts_at", "begins"),
    [
        (SPRING, time(3), datetime(2027, 3, 28, 1, tzinfo=UTC)),
        (SPRING, time(2, 30), datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        (AUTUMN, time(2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (AUTUMN, time(3), datetime(2026, 10, 25, 2, tzinfo=UTC)),
    ],
)
def test_operating_day_over_a_clock_change_begins_once(day: date, starts_at: time, begins: datetime) -> None:
    assert begin_of(day, BERLIN, starts_at) == begins
    assert operating_day(begins, BERLIN, starts_at) == day
    assert operating_day(begins - timedelta(seconds=1), BERLIN, starts_at) == day - timedelta(days=1)
