"""Counters and histograms of the decision path, without Prometheus."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from access_policy.application.measurements import Histogram, Measurements
from access_policy.application.ports.event_store import Append, StreamId
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Cause, CauseKind
from access_policy.domain.charger_access_policy.events import ModeApplied
from tests.support.attempts import allowed, denied, started
from tests.support.builders import BAY, NOON
from tests.support.stores import happened


def appended(*events: Any, stream: str = "acme/charger/bay-1") -> Append:
    return Append(StreamId(stream), 0, tuple(happened(event) for event in events))


def applied(generation: int, late_s: float) -> ModeApplied:
    return ModeApplied(
        charger_id=BAY,
        generation=generation,
        mode=AccessMode.MANAGED,
        cause=Cause(CauseKind.BASELINE, "", ""),
        due_at=NOON,
        applied_at=NOON + timedelta(seconds=late_s),
        late_s=late_s,
        evidence="read back",
    )


def test_histogram_counts_a_value_at_its_bound_and_below_it() -> None:
    histogram = Histogram((1, 5))

    for value in (0.5, 1, 1.1, 5, 6):
        histogram.observe(value)

    assert histogram.buckets() == [("1.0", 2), ("5.0", 4), ("+Inf", 5)]
    assert histogram.total == 13.6


def test_committed_counts_decisions_by_reason_and_observes_one_commit() -> None:
    measurements = Measurements()

    measurements.committed([appended(allowed(), started()), appended(denied()), appended(denied())])

    assert measurements.allowed[Reason.OWN_VEHICLE] == 1
    assert measurements.denied[Reason.UNKNOWN_IDENTIFIER] == 2
    assert sum(measurements.allowed.values()) + sum(measurements.denied.values()) == 3
    assert (sum(measurements.commit_size.counts), measurements.commit_size.total) == (1, 3)


def test_committed_observes_the_lateness_of_the_first_verification_of_each_switch() -> None:
    measurements = Measurements()

    measurements.committed([appended(applied(1, 2.0))])
    measurements.committed([appended(applied(1, 900.0))])  # the same switch, seen again after a drift
    measurements.committed([appended(applied(2, 3.0)), appended(applied(1, 4.0), stream="acme/charger/bay-2")])

    assert (sum(measurements.lateness_s.counts), measurements.lateness_s.total) == (3, 9.0)
