"""The columns of a report on mode compliance, and how the transitions of a row add up to them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from math import ceil
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.application.queries.mode_transitions import Transition, TransitionOutcome
from access_policy.application.queries.report_columns import (
    ColumnType,
    ReportColumn,
    columns_of,
    instants,
    on_both_clocks,
)


class ComplianceGroup(StrEnum):
    DAY = "day"  # the depot's local day
    HOUR = "hour"  # hour of the depot's local day, 0 to 23
    WEEKDAY = "weekday"  # on the depot's clock, MO to SU
    DEPOT = "depot"
    CHARGER = "charger"


GROUP_IDS: Final = {ComplianceGroup.DEPOT: "depot_id", ComplianceGroup.CHARGER: "charger_id"}
_TYPES: Final = {ComplianceGroup.DAY: ColumnType.DATE, ComplianceGroup.HOUR: ColumnType.INTEGER}
LATENESS_BOUNDS_S: Final = (1, 10, 60, 300, 3600)
LATENESS: Final = (
    "applied_0_to_1_s",
    "applied_1_to_10_s",
    "applied_10_to_60_s",
    "applied_60_to_300_s",
    "applied_300_to_3600_s",
    "applied_after_3600_s",
)
_MEASURES: Final = (
    *columns_of(ColumnType.INTEGER, "transitions", "on_time", "late", "missed", "pending", "unreachable"),
    *columns_of(ColumnType.NUMBER, "on_time_share", "lateness_p50_s", "lateness_p95_s", "lateness_max_s"),
    *columns_of(ColumnType.NUMBER, "in_expected_mode_share", "expected_s", "in_expected_mode_s"),
    *columns_of(ColumnType.INTEGER, *LATENESS),
    *instants("first_due_at", "last_due_at"),
)


def compliance_columns(group_by: Sequence[ComplianceGroup]) -> tuple[ReportColumn, ...]:
    grouping = (ReportColumn(GROUP_IDS.get(each, each.value), _TYPES.get(each, ColumnType.TEXT)) for each in group_by)
    return (*grouping, *_MEASURES)


@dataclass(slots=True)
class Tally:
    outcomes: defaultdict[TransitionOutcome, int] = field(default_factory=lambda: defaultdict(int))
    lateness_s: list[float] = field(default_factory=list)
    unreachable: int = 0
    in_mode_s: float = 0.0
    expected_s: float = 0.0
    first: tuple[datetime, str] | None = None  # when the first transition was due, and the zone of its depot
    last: tuple[datetime, str] | None = None

    def add(self, transition: Transition, time_zone: str) -> None:
        due = (transition.due_at, time_zone)
        self.first = due if self.first is None else min(self.first, due)
        self.last = due if self.last is None else max(self.last, due)
        self.outcomes[transition.outcome] += 1
        self.unreachable += transition.unreachable
        if transition.lateness_s is not None:
            self.lateness_s.append(transition.lateness_s)

    def measures(self) -> dict[str, Any]:
        self.lateness_s.sort()
        counts = {each.value: self.outcomes[each] for each in TransitionOutcome}
        over = sum(counts.values()) - counts[TransitionOutcome.PENDING]
        return {
            "transitions": sum(counts.values()),
            **counts,
            "unreachable": self.unreachable,
            "on_time_share": None if not over else round(counts[TransitionOutcome.ON_TIME] / over, 4),
            "lateness_p50_s": self._percentile(50),
            "lateness_p95_s": self._percentile(95),
            "lateness_max_s": self._percentile(100),
            "in_expected_mode_share": None if not self.expected_s else round(self.in_mode_s / self.expected_s, 4),
            "expected_s": round(self.expected_s, 3),
            "in_expected_mode_s": round(self.in_mode_s, 3),
            **self._distribution(),
            **_instants("first_due_at", self.first),
            **_instants("last_due_at", self.last),
        }

    def _distribution(self) -> dict[str, int]:
        """Return the number of applied transitions by lateness; each class includes its upper bound."""
        edges = [0, *(bisect_right(self.lateness_s, bound) for bound in LATENESS_BOUNDS_S), len(self.lateness_s)]
        return {name: after - before for name, (before, after) in zip(LATENESS, pairwise(edges), strict=True)}

    def _percentile(self, percent: int) -> float | None:
        """Return the smallest lateness that the given share of transitions does not exceed."""
        if not self.lateness_s:
            return None
        return round(self.lateness_s[ceil(len(self.lateness_s) * percent / 100) - 1], 3)


def _instants(name: str, due: tuple[datetime, str] | None) -> dict[str, datetime | None]:
    return on_both_clocks(name, None if due is None else due[0], ZoneInfo("UTC" if due is None else due[1]))
