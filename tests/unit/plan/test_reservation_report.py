"""How a reservation counts in the report: early, late, over its time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.application.queries.reservation_report import COUNTS, count
from access_policy.domain.reservations.entry import Entry, Outcome
from tests.support.builders import HOUR, MINUTE, NOON
from tests.support.reservations import EVENING, R2, reservation


def counts(
    now: datetime = EVENING + 3 * HOUR, charge_ended_at: datetime | None = None, **changes: Any
) -> dict[str, int]:
    found = dict.fromkeys(COUNTS, 0)
    count(found, Entry(reservation=reservation(), made_at=NOON, changed_at=1, **changes), charge_ended_at, now)
    return {name: number for name, number in found.items() if number and name != "reservations"}


@pytest.mark.parametrize(
    ("came", "found"),
    [
        (timedelta(), {"kept": 1}),
        (timedelta(seconds=59), {"kept": 1}),
        (5 * MINUTE, {"kept": 1, "late": 1, "late_min": 5}),
        (-5 * MINUTE, {"kept": 1, "early": 1, "early_min": 5}),
    ],
)
def test_report_counts_a_start_a_minute_off_as_early_or_late(came: timedelta, found: dict[str, int]) -> None:
    assert counts(fulfilled_at=EVENING + came) == found


def test_report_counts_the_minutes_of_a_charge_that_went_on() -> None:
    over = {"outcome": Outcome.ENDED, "over_at": EVENING + 2 * HOUR, "charges_on": True, "fulfilled_at": EVENING}
    ended = counts(charge_ended_at=EVENING + 2 * HOUR + 12 * MINUTE, **over)

    assert ended == {"kept": 1, "overtime": 1, "overtime_min": 12}


def test_report_counts_missed_open_cancelled_and_replaced_ones_apart() -> None:
    over: dict[str, Any] = {"outcome": Outcome.CANCELLED, "over_at": NOON}

    assert [counts(), counts(NOON), counts(**over), counts(**over, replaced_by=R2)] == [
        {"missed": 1},
        {"open": 1},
        {"cancelled": 1},
        {"replaced": 1},
    ]
