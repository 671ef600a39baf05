"""Mode compliance: did chargers enter their expected modes at the scheduled times?

The due modes are the timeline of the plan in force at each instant, from the charger's own stream; the applied modes
are events of the same stream. A transition for which the charger was unreachable leaves no event and still counts as
missed.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from math import ceil
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.ports.identity import DepotScope
from access_policy.application.ports.views import PAGE_MAX, Views
from access_policy.application.queries.mode_transitions import (
    ChargerPast,
    Expected,
    Transition,
    TransitionOutcome,
    runs_of,
    transition_to,
)
from access_policy.application.queries.report_columns import (
    ColumnType,
    Report,
    ReportColumn,
    ReportInvalid,
    check_rows,
    columns_of,
    instants,
    local_values,
    on_both_clocks,
    row_order,
)
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import ControlWithoutSwitch
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.mode_schedule.timeline import HORIZON_MAX

ON_TIME_S = 60  # unless the caller says otherwise
_AROUND = timedelta(
    days=4
)  # margin before and after the period: the mode at its start, and modes applied after its end


class ComplianceGroup(StrEnum):
    DAY = "day"  # the depot's local day
    HOUR = "hour"  # of the depot's local day, 0 to 23
    WEEKDAY = "weekday"  # on the depot's clock, MO to SU
    DEPOT = "depot"
    CHARGER = "charger"


_IDS: Final = {ComplianceGroup.DEPOT: "depot_id", ComplianceGroup.CHARGER: "charger_id"}
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
    grouping = (ReportColumn(_IDS.get(each, each.value), _TYPES.get(each, ColumnType.TEXT)) for each in group_by)
    return (*grouping, *_MEASURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceQuestion:
    """Transitions due in `[since, until)`; a transition applied within `on_time_s` seconds counts as on time."""

    since: datetime
    until: datetime
    depot_id: str | None = None
    charger_id: str | None = None
    depots: DepotScope = None
    on_time_s: int = ON_TIME_S

    def covers(self, depot_id: str) -> bool:
        return self.depot_id in (None, depot_id) and (self.depots is None or depot_id in self.depots)


@dataclass(slots=True)
class _Tally:
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
        """The number of applied transitions by lateness; each class includes its upper bound."""
        edges = [0, *(bisect_right(self.lateness_s, bound) for bound in LATENESS_BOUNDS_S), len(self.lateness_s)]
        return {name: after - before for name, (before, after) in zip(LATENESS, pairwise(edges), strict=True)}

    def _percentile(self, percent: int) -> float | None:
        """The smallest lateness that the given share of transitions does not exceed."""
        if not self.lateness_s:
            return None
        return round(self.lateness_s[ceil(len(self.lateness_s) * percent / 100) - 1], 3)


def _instants(name: str, due: tuple[datetime, str] | None) -> dict[str, datetime | None]:
    return on_both_clocks(name, None if due is None else due[0], ZoneInfo("UTC" if due is None else due[1]))


_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ModeCompliance:
    """Excludes chargers whose profile cannot switch at all. Raises `ReportInvalid`, `StoreUnavailable`."""

    store: EventStore
    views: Views
    profiles: CapabilityProfiles
    clock: Clock

    async def __call__(
        self, tenant_id: TenantId, group_by: Sequence[ComplianceGroup], question: ComplianceQuestion
    ) -> Report:
        """One row per group, ascending."""
        if question.until <= question.since or question.until - question.since > HORIZON_MAX:
            raise ReportInvalid(
                f"'until' must be later than 'from', by at most {HORIZON_MAX.days} days.", pointer="/until"
            )
        tallies: defaultdict[_Key, _Tally] = defaultdict(_Tally)
        now = self.clock.now()
        async for charger_id in self._chargers(tenant_id, question):
            history = await self.store.load(policy_stream(tenant_id, charger_id))
            await asyncio.to_thread(self._count, tenant_id, charger_id, history, question, group_by, tallies, now)
            check_rows(len(tallies))
        return Report(compliance_columns(group_by), await asyncio.to_thread(_rows, group_by, tallies))

    async def _chargers(self, tenant_id: TenantId, question: ComplianceQuestion) -> Any:
        if question.charger_id is not None:
            yield ChargerId(question.charger_id)
            return
        cursor: str | None = None
        while True:  # all of them: a charger may have been at the depot then and be at another now
            page = await self.views.chargers(tenant_id, depot_id=None, cursor=cursor, limit=PAGE_MAX)
            for row in page.items:
                yield ChargerId(row["charger_id"])
            cursor = page.next_cursor
            if cursor is None:
                return

    def _count(
        self,
        tenant_id: TenantId,
        charger_id: ChargerId,
        history: Sequence[Recorded],
        question: ComplianceQuestion,
        group_by: Sequence[ComplianceGroup],
        tallies: defaultdict[_Key, _Tally],
        now: datetime,
    ) -> None:
        past = ChargerPast.of(history)
        if not past.plans or self._is_unsupported(tenant_id, past.plans[-1][1]):
            return
        until = min(question.until, now)
        pieces = list(past.expected(question.since - _AROUND, min(question.until + _AROUND, now)))

        def tally(at: datetime, of: Expected) -> _Tally:
            values = {**local_values(at, ZoneInfo(of.time_zone)), "depot": of.depot_id, "charger": charger_id}
            return tallies[tuple(values[each] for each in group_by)]

        for run in runs_of(pieces)[1:]:  # the first one started before the period
            if question.since <= run.start < until and question.covers(run.depot_id):
                transition = transition_to(run, past, on_time_s=question.on_time_s, now=now)
                tally(run.start, run).add(transition, run.time_zone)
        divide = _within_hours if ComplianceGroup.HOUR in group_by else _within_days
        for piece in pieces:
            if question.covers(piece.depot_id):
                for start, end in divide(piece, question.since, until):
                    of_day = tally(start, piece)
                    of_day.expected_s += (end - start).total_seconds()
                    of_day.in_mode_s += _seconds_in(piece.mode, past, start, end)

    def _is_unsupported(self, tenant_id: TenantId, policy: ChargerAccessPolicy) -> bool:
        profile = self.profiles.get(tenant_id, policy.settings.profile)
        return profile is None or profile.mode_control is ControlWithoutSwitch.UNSUPPORTED


def _within_days(piece: Expected, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The part within `[since, until)`, split at local midnights."""
    zone = ZoneInfo(piece.time_zone)
    start, end = max(piece.start, since), min(piece.end, until)
    while start < end:
        next_day = start.astimezone(zone).date() + timedelta(days=1)
        midnight = datetime.combine(next_day, time.min, zone).astimezone(start.tzinfo)
        part_end = min(end, max(midnight, start + timedelta(minutes=1)))
        yield start, part_end
        start = part_end


def _within_hours(piece: Expected, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The part within `[since, until)`, split where an hour of the local clock begins."""
    zone = ZoneInfo(piece.time_zone)
    start, end = max(piece.start, since), min(piece.end, until)
    while start < end:
        local = start.astimezone(zone)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        part_end = min(end, start + timedelta(hours=1) - into)
        yield start, part_end
        start = part_end


def _rows(group_by: Sequence[ComplianceGroup], tallies: Mapping[_Key, _Tally]) -> list[dict[str, Any]]:
    names = [_IDS.get(each, each.value) for each in group_by]
    order = row_order(names)
    return [{**dict(zip(names, key, strict=True)), **tallies[key].measures()} for key in sorted(tallies, key=order)]


def _seconds_in(mode: AccessMode, past: ChargerPast, start: datetime, end: datetime) -> float:
    """The number of seconds in `[start, end)` during which the charger's last seen mode was `mode`."""
    begin, last = (bisect_right(past.seen, at, key=lambda each: each[0]) for at in (start, end))
    marks = [(start, past.mode_at(start)), *past.seen[begin:last], (end, None)]
    return sum(
        (marks[index + 1][0] - at).total_seconds() for index, (at, seen) in enumerate(marks[:-1]) if seen is mode
    )
