"""Readiness in the reports: on time, later, or short of the target."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from access_policy.application.plan.status import PlanStatus
from access_policy.entrypoints.http.console.reservations_reported import Readiness, readiness_of

END = datetime(2026, 11, 26, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def row(status: PlanStatus, ready: datetime | None, departure: datetime | None = None) -> Any:
    charge = SimpleNamespace(ended_at=ready, measured_at=None)
    return SimpleNamespace(status=status, end=END, assignment=SimpleNamespace(departure=departure), charge=charge)


@pytest.mark.parametrize(
    ("ready", "departure", "counted"),
    [
        (END, None, Readiness(1, 0, 0)),
        (END + MINUTE, None, Readiness(0, 1, 0)),
        (END + MINUTE, END + MINUTE, Readiness(1, 0, 0)),
        (END, END - MINUTE, Readiness(0, 1, 0)),
        (None, None, Readiness(0, 1, 0)),
    ],
)
def test_readiness_is_on_time_up_to_the_departure_and_without_one_up_to_the_end(
    ready: datetime | None, departure: datetime | None, counted: Readiness
) -> None:
    assert readiness_of([row(PlanStatus.READY, ready, departure)]) == counted


def test_readiness_of_a_charge_short_of_its_target_is_short_whenever_it_ended() -> None:
    assert readiness_of([row(PlanStatus.SHORT, END - MINUTE), row(PlanStatus.READY, END)]) == Readiness(1, 0, 1)
