"""Spans around the stages of an attempt: decision, commit, projection, bus. Each wraps a component that knows nothing
of traces; the containers add them if a trace endpoint is configured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.deciding.decision_maker import Decides
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.follower import Handle
from access_policy.application.ports.event_bus import Entry, EventBus, PublishResult, PublishStatus
from access_policy.application.ports.event_store import Append, Recorded, name_of
from access_policy.application.ports.traces import Attributes, Span, SpanKind, Traces
from access_policy.application.recording.group_commit import Commits, Settled
from access_policy.application.trace_context import current_traceparent
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId


class Refused(Exception):
    """The bus did not accept an entry."""


class TracedDecisions:
    """Opens a span for each decision."""

    def __init__(self, decisions: Decides, traces: Traces) -> None:
        self._decisions = decisions
        self._traces = traces

    def decide(
        self,
        attempt: AccessAttempt,
        ref: IdentifierRef | None,
        attempt_id: AttemptId,
        *,
        at: datetime,
        charger: ChargerView,
    ) -> AccessAllowed | AccessDenied:
        about: Attributes = {"access_policy.charger_id": attempt.charger_id, "access_policy.attempt_id": attempt_id}
        span = self._traces.begin("decide", SpanKind.INTERNAL, about, parent=current_traceparent())
        try:
            event = self._decisions.decide(attempt, ref, attempt_id, at=at, charger=charger)
        except Exception as failure:
            span.end(failure)
            raise
        allowed = isinstance(event, AccessAllowed)
        span.end(attributes={"access_policy.allowed": allowed, "access_policy.reason": event.reason.value})
        return event


class TracedCommits:
    """Opens a span for each append, from its arrival to its durable commit."""

    def __init__(self, commits: Commits, traces: Traces) -> None:
        self._commits = commits
        self._traces = traces

    async def append(self, *appends: Append) -> int:
        span = self._begin(len(appends))
        try:
            position = await self._commits.append(*appends)
        except BaseException as failure:
            span.end(failure)
            raise
        span.end(attributes={"access_policy.log_position": position})
        return position

    def append_soon(self, append: Append, settled: Settled) -> None:
        span = self._begin(1)

        def ended(outcome: int | Exception) -> None:
            if isinstance(outcome, int):
                span.end(attributes={"access_policy.log_position": outcome})
            else:
                span.end(outcome)
            settled(outcome)

        self._commits.append_soon(append, ended)

    def _begin(self, appends: int) -> Span:
        about: Attributes = {"db.operation.name": "append", "db.operation.batch.size": appends}
        return self._traces.begin("record", SpanKind.INTERNAL, about, parent=current_traceparent())


def traced_decisions(decisions: Decides, traces: Traces | None) -> Decides:
    return decisions if traces is None else TracedDecisions(decisions, traces)


def traced_commits(commits: Commits, traces: Traces | None) -> Commits:
    return commits if traces is None else TracedCommits(commits, traces)


def traced_bus(bus: EventBus, traces: Traces | None, destination: str) -> EventBus:
    return bus if traces is None else TracedBus(bus, traces, destination)


def traced_projection(handle: Handle, traces: Traces | None, projection: str) -> Handle:
    """Open a span for each event of a trace that the projection processes; events without a trace get no span."""
    if traces is None:
        return handle

    async def traced(batch: Sequence[Recorded], reached: int) -> None:
        spans = [_begun(recorded, traces, projection) for recorded in batch if recorded.envelope.traceparent]
        failure: BaseException | None = None
        try:
            await handle(batch, reached)
        except BaseException as raised:
            failure = raised
            raise
        finally:
            for span in spans:
                span.end(failure)

    return traced


def _begun(recorded: Recorded, traces: Traces, projection: str) -> Span:
    about: Attributes = {
        "messaging.operation.type": "process",
        "messaging.destination.name": projection,
        "messaging.message.id": recorded.envelope.event_id,
        "access_policy.event": name_of(recorded),
        "access_policy.log_position": recorded.position,
    }
    return traces.begin(f"process {projection}", SpanKind.CONSUMER, about, parent=recorded.envelope.traceparent)


class TracedBus:
    """Opens a span for each published entry that belongs to a trace."""

    def __init__(self, bus: EventBus, traces: Traces, destination: str) -> None:
        self._bus = bus
        self._traces = traces
        self._destination = destination

    async def publish(self, entries: Sequence[Entry]) -> list[PublishResult]:
        spans = [None if entry.traceparent is None else self._begin(entry) for entry in entries]
        try:
            results = await self._bus.publish(entries)
        except BaseException as failure:
            for span in spans:
                if span is not None:
                    span.end(failure)
            raise
        for span, result in zip(spans, results, strict=True):
            if span is not None:
                span.end(None if result.status is PublishStatus.ACCEPTED else Refused(result.reason))
        return results

    async def close(self) -> None:
        await self._bus.close()

    def _begin(self, entry: Entry) -> Span:
        about = {
            "messaging.system": "eventbridge",
            "messaging.operation.type": "send",
            "messaging.destination.name": self._destination,
            "messaging.message.id": entry.event_id,
            "access_policy.event": entry.detail_type,
        }
        return self._traces.begin(f"send {self._destination}", SpanKind.PRODUCER, about, parent=entry.traceparent)
