"""The transitions that were due at a charger, and when it was seen in their modes, from its own stream."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from access_policy.application.ports.event_store import Recorded
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import ModeApplied, ModeChangeRequested, ModeDriftDetected
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, evolve
from access_policy.domain.mode_schedule.timeline import ReservedWindow, timeline


class TransitionOutcome(StrEnum):
    ON_TIME = "on_time"
    LATE = "late"  # applied while the mode was still expected
    MISSED = "missed"  # not applied before another mode was expected
    PENDING = "pending"  # not applied yet, and still expected


@dataclass(frozen=True, slots=True)
class Expected:
    """The plan in force expected `mode` of the charger in `[start, end)`, at this depot."""

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
    """A charger's stream, read once. `plans` are its policies by the instant from which they applied; `seen` are the
    modes in which it was seen; `requested_at` are the instants of requests."""

    plans: list[tuple[datetime, ChargerAccessPolicy]] = field(default_factory=list)
    seen: list[tuple[datetime, AccessMode]] = field(default_factory=list)
    requested_at: list[datetime] = field(default_factory=list)

    @staticmethod
    def of(history: Sequence[Recorded], reserved: tuple[ReservedWindow, ...] = ()) -> ChargerPast:
        """Return the past of a charger with this history. `reserved` are the windows of the reservations that named the
        charger in the period, which are not in its stream (ADR 0048)."""
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
                past.plans.append((at, replace(policy, reserved=reserved)))
        past.seen.sort(key=lambda each: each[0])
        return past

    def expected(self, since: datetime, until: datetime) -> Iterator[Expected]:
        """Yield the expected modes in order, without overlap; neighbours may have the same mode. Nothing is expected of
        a retired charger."""
        for index, (begins, policy) in enumerate(self.plans):
            ends = self.plans[index + 1][0] if index + 1 < len(self.plans) else until
            start, end = max(begins, since), min(ends, until)
            if policy.retired_at is not None or start >= end:
                continue
            settings = policy.settings
            for each in timeline(policy.plan, start, end).segments:
                yield Expected(each.start, each.end, each.mode, settings.depot_id, settings.time_zone)

    def mode_at(self, at: datetime) -> AccessMode | None:
        """Return the last mode in which the charger was seen; None before the first."""
        index = bisect_right(self.seen, at, key=lambda each: each[0])
        return self.seen[index - 1][1] if index else None

    def seconds_in(self, mode: AccessMode, start: datetime, end: datetime) -> float:
        """Return the number of seconds in `[start, end)` during which the charger was last seen in `mode`."""
        begin, last = (bisect_right(self.seen, at, key=lambda each: each[0]) for at in (start, end))
        marks = [(start, self.mode_at(start)), *self.seen[begin:last], (end, None)]
        return sum(
            (marks[index + 1][0] - at).total_seconds() for index, (at, seen) in enumerate(marks[:-1]) if seen is mode
        )

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
    """Merge neighbours with the same mode; the merged run has the depot of the first."""
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
