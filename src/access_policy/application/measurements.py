"""Counters and histograms of the decision path in one process, kept as plain integers.

An observation costs a fraction of a microsecond, because it runs beside every attempt;
`entrypoints/processes/metrics.py` turns the numbers into Prometheus metrics when Prometheus scrapes them. Labels are
enums and never name a tenant, a charger or a vehicle. All methods run on the event loop.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from access_policy.application.ports.event_store import Append, StreamId
from access_policy.domain.access.events import AccessAllowed, AccessDenied, EntranceAllowed, EntranceDenied
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.charger_access_policy.events import ModeApplied
from access_policy.domain.charger_condition.events import ChargerReservationReported, ReservationState

LATENCY_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
LATENESS_S: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
COMMIT_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Histogram:
    """`counts[i]` is the number of values that are at most `bounds[i]` and greater than the previous bound; the last
    count is of the values above all bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return cumulative counts by upper bound, the last one `+Inf`, in the form that Prometheus uses."""
        bounds = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self.counts)), strict=True))


class Measurements:
    """`allowed` and `denied` count recorded decisions at chargers and entrances by reason; `undecided` counts attempts
    that ended in an error."""

    def __init__(self) -> None:
        self.allowed = {reason: 0 for reason in Reason if reason in ALLOWING}
        self.denied = {reason: 0 for reason in Reason if reason not in ALLOWING}
        self.undecided = 0
        self.reserved = dict.fromkeys(ReservationState, 0)  # reports about reservations on chargers
        self.latency_s = Histogram(LATENCY_S)  # of attempts, from their arrival at the decider to the recorded answer
        self.lateness_s = Histogram(LATENESS_S)  # of switches, from the due time to the first verification of the mode
        self.commit_size = Histogram(COMMIT_SIZES)  # appends
        self._applied: dict[StreamId, int] = {}  # the last generation that was seen applied, by the policy's stream

    def committed(self, appends: Sequence[Append]) -> None:
        """Count one commit and the decisions and switches that it made durable."""
        self.commit_size.observe(len(appends))
        for append in appends:
            for new in append.events:
                self._recorded(append.stream, new.event)

    def _recorded(self, stream: StreamId, event: Any) -> None:
        kind = type(event)
        if kind is AccessAllowed:
            self.allowed[event.reason] += 1
        elif kind is AccessDenied:
            self.denied[event.reason] += 1
        elif kind is EntranceAllowed:
            self.allowed[event.reason] += 1
        elif kind is EntranceDenied:
            self.denied[event.reason] += 1
        elif kind is ChargerReservationReported:
            self.reserved[event.reported.state] += 1
        elif kind is ModeApplied and self._applied.get(stream) != event.generation:
            self._applied[stream] = event.generation
            self.lateness_s.observe(event.late_s)
