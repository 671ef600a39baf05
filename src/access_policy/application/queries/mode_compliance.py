"""Mode compliance: did chargers enter their expected modes at the scheduled times?

The due modes are the timeline of the plan in force at each instant, from the charger's own stream; the applied modes
are events of the same stream. A transition for which the charger was unreachable leaves no event and still counts as
missed.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.ports.identity import DepotScope
from access_policy.application.ports.views import PAGE_MAX, Views
from access_policy.application.queries.access_report import ReportInvalid
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import ControlWithoutSwitch
from access_policy.domain.charger_access_policy.events import ModeApplied, ModeChangeRequested, ModeDriftDetected
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, evolve
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.mode_schedule.timeline import HORIZON_MAX, timeline

ON_TIME_S = 60  # unless the caller says otherwise
_AROUND = timedelta(
    days=4
)  # margin before and after the period: the mode at its start, and modes applied after its end


class ComplianceGroup(StrEnum):
    DAY = "day"  # the depot's local day
    DEPOT = "depot"
    CHARGER = "charger"


COLUMNS = {ComplianceGroup.DAY: "day", ComplianceGroup.DEPOT: "depot_id", ComplianceGroup.CHARGER: "charger_id"}
MEASURES = (
    "transitions",
    "on_time",
    "late",
    "missed",
    "pending",
    "unreachable",
    "on_time_share",
    "lateness_p50_s",
    "lateness_p95_s",
    "lateness_max_s",
    "in_expected_mode_share",
)


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


class TransitionOutcome(StrEnum):
    ON_TIME = "on_time"
    LATE = "late"  # applied while the mode was still expected
    MISSED = "missed"  # not applied before another mode was expected
    PENDING = "pending"  # not applied yet, and still expected


@dataclass(frozen=True, slots=True)
class Expected:
    """In `[start, end)` the plan in force expected `mode` of the charger, at this depot."""

    start: datetime
    end: datetime
    mode: AccessMode
    depot_id: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Transition:
    """`lateness_s` is set once applied. `unreachable`: the charger was offline when the mode was due."""

    due_at: datetime
    outcome: TransitionOutcome
    lateness_s: float | None
    unreachable: bool


@dataclass(slots=True)
class ChargerPast:
    """A charger's stream, read once. `plans` are its policies by the instant from which they applied; `seen` the
    modes it was seen in; `requested_at` the instants of requests.
    """

    plans: list[tuple[datetime, ChargerAccessPolicy]] = field(default_factory=list)
    seen: list[tuple[datetime, AccessMode]] = field(default_factory=list)
    requested_at: list[datetime] = field(default_factory=list)

    @staticmethod
    def of(history: Sequence[Recorded]) -> ChargerPast:
        past = ChargerPast()
        policy: ChargerAccessPolicy | None = None
        at = datetime.min.replace(tzinfo=UTC)
        for recorded in history:
            at = max(at, recorded.envelope.recorded_at)  # clocks of processes differ; the stream's order counts
            changed_before = None if policy is None else policy.changed_at
            policy = evolve(policy, recorded.event)
            match recorded.event:
                case ModeApplied(mode=mode, applied_at=applied_at):
                    past.seen.append((applied_at, mode))
                case ModeDriftDetected(found=found, detected_at=detected_at):
                    past.seen.append((detected_at, found))
                case ModeChangeRequested():
                    past.requested_at.append(at)
            if policy.changed_at != changed_before:
                past.plans.append((at, policy))
        past.seen.sort(key=lambda each: each[0])
        return past

    def expected(self, since: datetime, until: datetime) -> Iterator[Expected]:
        """In order, without overlap; neighbours may have the same mode. Nothing after the charger was retired."""
        for index, (begins, policy) in enumerate(self.plans):
            ends = self.plans[index + 1][0] if index + 1 < len(self.plans) else until
            start, end = max(begins, since), min(ends, until)
            if policy.retired_at is not None or start >= end:
                continue
            settings = policy.settings
            for each in timeline(policy.plan, start, end).segments:
                yield Expected(each.start, each.end, each.mode, settings.depot_id, settings.time_zone)

    def mode_at(self, at: datetime) -> AccessMode | None:
        """The last mode it was seen in; None before the first."""
        index = bisect_right(self.seen, at, key=lambda each: each[0])
        return self.seen[index - 1][1] if index else None

    def first_seen_in(self, mode: AccessMode, after: datetime, before: datetime) -> datetime | None:
        for at, seen in self.seen[bisect_left(self.seen, after, key=lambda each: each[0]) :]:
            if at >= before:
                return None
            if seen is mode:
                return at
        return None

    def was_requested(self, after: datetime, before: datetime) -> bool:
        index = bisect_left(self.requested_at, after)
        return index < len(self.requested_at) and self.requested_at[index] < before


def runs_of(pieces: Sequence[Expected]) -> list[Expected]:
    """Merge neighbours with the same mode; the depot is that of the first."""
    runs: list[Expected] = []
    for each in pieces:
        last = runs[-1] if runs else None
        if last is not None and last.mode is each.mode and last.end == each.start:
            runs[-1] = Expected(last.start, each.end, last.mode, last.depot_id, last.time_zone)
        else:
            runs.append(each)
    return runs


def transition_to(run: Expected, past: ChargerPast, *, on_time_s: int, now: datetime) -> Transition:
    on_time_until = run.start + timedelta(seconds=on_time_s)
    if past.mode_at(run.start) is run.mode:
        return Transition(run.start, TransitionOutcome.ON_TIME, 0.0, unreachable=False)
    applied_at = past.first_seen_in(run.mode, run.start, run.end)
    reached = past.was_requested(run.start, min(run.end, on_time_until))
    if applied_at is None:
        outcome = TransitionOutcome.PENDING if run.end >= now else TransitionOutcome.MISSED
        return Transition(run.start, outcome, None, unreachable=not reached)
    outcome = TransitionOutcome.ON_TIME if applied_at <= on_time_until else TransitionOutcome.LATE
    unreachable = outcome is TransitionOutcome.LATE and not reached
    return Transition(run.start, outcome, (applied_at - run.start).total_seconds(), unreachable)


@dataclass(slots=True)
class _Tally:
    outcomes: defaultdict[TransitionOutcome, int] = field(default_factory=lambda: defaultdict(int))
    lateness_s: list[float] = field(default_factory=list)
    unreachable: int = 0
    in_mode_s: float = 0.0
    expected_s: float = 0.0

    def add(self, transition: Transition) -> None:
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
        }

    def _percentile(self, percent: int) -> float | None:
        """The smallest lateness that the given share of transitions does not exceed."""
        if not self.lateness_s:
            return None
        return round(self.lateness_s[ceil(len(self.lateness_s) * percent / 100) - 1], 3)


_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModeCompliance:
    """Excludes chargers whose profile cannot switch at all. Raises `ReportInvalid`, `StoreUnavailable`."""

    store: EventStore
    views: Views
    profiles: CapabilityProfiles
    clock: Clock

    async def __call__(
        self, tenant_id: TenantId, group_by: Sequence[ComplianceGroup], question: ComplianceQuestion
    ) -> list[dict[str, Any]]:
        """One row per group, ascending; each has the grouping columns and `MEASURES`."""
        if question.until <= question.since or question.until - question.since > HORIZON_MAX:
            raise ReportInvalid(
                f"'until' must be later than 'from', by at most {HORIZON_MAX.days} days.", pointer="/until"
            )
        tallies: defaultdict[_Key, _Tally] = defaultdict(_Tally)
        now = self.clock.now()
        async for charger_id in self._chargers(tenant_id, question):
            history = await self.store.load(policy_stream(tenant_id, charger_id))
            await asyncio.to_thread(self._count, tenant_id, charger_id, history, question, group_by, tallies, now)
        names = [COLUMNS[each] for each in group_by]
        return [{**dict(zip(names, key, strict=True)), **tallies[key].measures()} for key in sorted(tallies)]

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
            values = {
                ComplianceGroup.DAY: at.astimezone(ZoneInfo(of.time_zone)).date().isoformat(),
                ComplianceGroup.DEPOT: of.depot_id,
                ComplianceGroup.CHARGER: charger_id,
            }
            return tallies[tuple(values[each] for each in group_by)]

        for run in runs_of(pieces)[1:]:  # the first one started before the period
            if question.since <= run.start < until and question.covers(run.depot_id):
                tally(run.start, run).add(transition_to(run, past, on_time_s=question.on_time_s, now=now))
        for piece in pieces:
            if question.covers(piece.depot_id):
                for start, end in _within_days(piece, question.since, until):
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


def _seconds_in(mode: AccessMode, past: ChargerPast, start: datetime, end: datetime) -> float:
    """The number of seconds in `[start, end)` during which the charger's last seen mode was `mode`."""
    begin, last = (bisect_right(past.seen, at, key=lambda each: each[0]) for at in (start, end))
    marks = [(start, past.mode_at(start)), *past.seen[begin:last], (end, None)]
    return sum(
        (marks[index + 1][0] - at).total_seconds() for index, (at, seen) in enumerate(marks[:-1]) if seen is mode
    )
