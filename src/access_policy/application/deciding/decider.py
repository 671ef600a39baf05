"""Decide attempts from memory, record each decision, and only then answer.

The decision depends only on memory and an append (design 3.7). The same attempt delivered twice is decided and recorded
once: the name of its stream derives from its identifying content, and the stream's first version can be written only
once.

Attempts come by the thousand, so a normal one uses neither a task nor a coroutine: it is decided at once and queued for
the next commit, and its future is resolved when the commit is durable. Tasks run only for attempts that need more than
one commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from access_policy.application.background_tasks import BackgroundTasks
from access_policy.application.context import enveloped
from access_policy.application.deciding.attempt_ids import attempt_id_of, derived_attempt_id
from access_policy.application.deciding.attempts import AccessAttempt, RecordedDecision
from access_policy.application.deciding.decision_maker import Decides
from access_policy.application.deciding.effects import DecisionEffects, attempt_context
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.deciding.redelivery import (
    attempt_id_taken,
    is_redelivery,
    must_be_the_same_attempt,
)
from access_policy.application.decision_view.recent_activity import OpenAttempt, PinSource, RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.log_fields import with_log_fields
from access_policy.application.measurements import Measurements
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, StoreUnavailable, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import attempt_stream
from access_policy.application.trace_context import current_traceparent, within_trace
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId, TenantId

_AttemptKey = tuple[TenantId, AttemptId]  # tenants choose their attempt ids independently of each other


class AttemptDecider:
    def __init__(
        self,
        view: DecisionView,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        identifiers: IdentifierResolver,
        decisions: Decides,
        effects: DecisionEffects,
        clock: Clock,
        measurements: Measurements | None = None,
    ) -> None:
        self._view = view
        self._live = live
        self._store = store
        self._commits = commits
        self._identifiers = identifiers
        self._decisions = decisions
        self._effects = effects
        self._clock = clock
        self._measurements = measurements or Measurements()
        self._under_way: dict[_AttemptKey, asyncio.Future[RecordedDecision]] = {}
        self._tasks = BackgroundTasks()

    async def authorize(self, attempt: AccessAttempt, *, attempt_id: AttemptId | None = None) -> RecordedDecision:
        """Decide and record the attempt. `attempt_id` is given if the caller chose it; otherwise it derives from the
        message.

        Raises `ChargerUnknown`, `ChargerRetired`, `AttemptIdTaken` if the chosen id belongs to another attempt, or
        `StoreUnavailable`: then it is not known whether the decision was recorded, and the caller answers with an
        error, never with a denial.
        """
        return await asyncio.shield(self.authorize_soon(attempt, attempt_id=attempt_id))

    def authorize_soon(
        self, attempt: AccessAttempt, *, attempt_id: AttemptId | None = None
    ) -> asyncio.Future[RecordedDecision]:
        """Like `authorize`, but raises `ChargerUnknown` and `ChargerRetired` at once and the other errors in the
        future. The attempt is decided and recorded whether or not the caller waits; the caller must not cancel the
        future."""
        began = time.perf_counter()
        self._view.charger(attempt.tenant_id, attempt.charger_id).policy.must_be_in_service()
        ref = self._identifiers.of_attempt(attempt)
        first_id = attempt_id or attempt_id_of(attempt, ref)
        key = (attempt.tenant_id, first_id)
        if (under_way := self._under_way.get(key)) is not None:
            return asyncio.ensure_future(_delivered_again(under_way, attempt, ref))
        answer = self._under_way[key] = asyncio.get_running_loop().create_future()
        self._decide(_Deciding(attempt, ref, key, first_id, attempt_id is None, began, answer, current_traceparent()))
        return answer

    def _decide(self, deciding: _Deciding) -> None:
        attempt, attempt_id = deciding.attempt, deciding.attempt_id
        try:
            now = self._clock.now()
            charger = self._view.charger(attempt.tenant_id, attempt.charger_id)
            charger.timeline_now(now)
            event = self._decisions.decide(attempt, deciding.ref, attempt_id, at=now, charger=charger)
            events = enveloped(attempt_context(attempt, attempt_id), (event,), now=now)
            append = Append(attempt_stream(attempt.tenant_id, attempt_id), 0, events)
            self._commits.append_soon(append, partial(self._settled, deciding, event, now))
        except Exception as failure:  # noqa: BLE001  the caller's, which waits for the future
            self._failed(deciding, failure)

    def _settled(
        self, deciding: _Deciding, event: AccessAllowed | AccessDenied, at: datetime, outcome: int | Exception
    ) -> None:
        """Handle the end of the append: the decision is recorded at a log position, or the append failed."""
        if isinstance(outcome, VersionConflict):
            self._begin(deciding, self._decided_twice(deciding, event, at))
        elif isinstance(outcome, Exception):
            self._failed(deciding, outcome)
        else:
            try:
                self._recorded(deciding, event, at, position=outcome)
            except Exception as failure:  # noqa: BLE001  the caller's, which waits for the future
                self._failed(deciding, failure)

    def _recorded(
        self, deciding: _Deciding, event: AccessAllowed | AccessDenied, at: datetime, *, position: int
    ) -> None:
        self._remember(deciding, event, version=1, at=at)
        decision = RecordedDecision(attempt_id=deciding.attempt_id, event=event, position=position)
        locked_out = self._effects.follow(deciding.attempt, event, at=at)
        if locked_out is None:
            self._answer(deciding, decision)
        else:
            self._begin(deciding, self._record_lockout(deciding, decision, locked_out))

    def _answer(self, deciding: _Deciding, decision: RecordedDecision) -> None:
        del self._under_way[deciding.key]
        self._measurements.latency_s.observe(time.perf_counter() - deciding.began)
        deciding.answer.set_result(decision)

    def _failed(self, deciding: _Deciding, failure: Exception) -> None:
        del self._under_way[deciding.key]
        if isinstance(failure, StoreUnavailable):
            self._measurements.undecided += 1
        deciding.answer.set_exception(failure)
        deciding.answer.exception()  # mark it as retrieved: the caller may have gone away

    # --- attempts that take more than one commit
    # -------------------------------------------------------------------------

    def _begin(self, deciding: _Deciding, work: Coroutine[None, None, None]) -> None:
        async def work_or_fail() -> None:
            try:
                with with_log_fields(attempt=deciding.attempt_id), within_trace(deciding.traceparent):
                    await work
            except Exception as failure:  # noqa: BLE001  the caller's, which waits for the future
                self._failed(deciding, failure)

        self._tasks.begin(work_or_fail(), f"attempt {deciding.attempt_id}")

    async def _record_lockout(self, deciding: _Deciding, decision: RecordedDecision, locked_out: PinSource) -> None:
        await self._effects.record_lockout(locked_out)
        self._answer(deciding, decision)

    async def _decided_twice(self, deciding: _Deciding, event: AccessAllowed | AccessDenied, now: datetime) -> None:
        """Answer with the decision that the stream already has; if it belongs to another attempt, decide under another id."""
        attempt, attempt_id, ref = deciding.attempt, deciding.attempt_id, deciding.ref
        earlier = await self._decided_before(attempt, ref, attempt_id)
        if not deciding.may_renumber or is_redelivery(earlier, event, now):
            self._remember(deciding, earlier, version=0, at=earlier.lineage.decided_for)
            self._answer(deciding, RecordedDecision(attempt_id=attempt_id, event=earlier, redelivered=True))
        else:
            deciding.attempt_id = derived_attempt_id(attempt.tenant_id, attempt.charger_id, "again", attempt_id, ref)
            self._decide(deciding)

    async def _decided_before(
        self, attempt: AccessAttempt, ref: IdentifierRef | None, attempt_id: AttemptId
    ) -> AccessAllowed | AccessDenied:
        """Return the latest decision in the attempt's stream. Raises `AttemptIdTaken`."""
        history = await self._store.load(attempt_stream(attempt.tenant_id, attempt_id))
        decisions = [each.event for each in history if isinstance(each.event, AccessAllowed | AccessDenied)]
        if not decisions:
            raise attempt_id_taken(attempt_id)
        must_be_the_same_attempt(decisions[-1], attempt, ref)
        return decisions[-1]

    def _remember(
        self, deciding: _Deciding, event: AccessAllowed | AccessDenied, *, version: int, at: datetime
    ) -> None:
        """Remember the attempt for later messages of the charger, even for a redelivery, whose first answer may have
        been lost."""
        key = (deciding.attempt.tenant_id, deciding.attempt.charger_id)
        self._live.opened(key, deciding.ref, OpenAttempt(event.lineage.attempt_id, event, version, at))
        self._live.decided(key, event, at)


@dataclass(slots=True, eq=False)
class _Deciding:
    """An attempt that is being decided. `may_renumber`: its id derives from the message, so that it may get another id."""

    attempt: AccessAttempt
    ref: IdentifierRef | None
    key: _AttemptKey
    attempt_id: AttemptId
    may_renumber: bool
    began: float  # by `time.perf_counter`
    answer: asyncio.Future[RecordedDecision]
    traceparent: str | None


async def _delivered_again(
    under_way: asyncio.Future[RecordedDecision], attempt: AccessAttempt, ref: IdentifierRef | None
) -> RecordedDecision:
    """Return the decision in progress for another delivery of the attempt."""
    earlier = await asyncio.shield(under_way)
    must_be_the_same_attempt(earlier.event, attempt, ref)
    return replace(earlier, redelivered=True)
