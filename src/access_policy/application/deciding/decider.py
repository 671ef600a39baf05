"""Decide attempts from memory, record each decision, and only then answer.

The decision depends on memory and an append, nothing else (design 3.7). The same attempt delivered twice is decided and
recorded once: its stream's name derives from what identifies it, and the stream's first version can be written once.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import datetime

from access_policy.application.context import enveloped
from access_policy.application.deciding.attempt_ids import attempt_id_of, derived_attempt_id
from access_policy.application.deciding.attempts import AccessAttempt, RecordedDecision
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.effects import DecisionEffects, attempt_context
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.deciding.redelivery import (
    attempt_id_taken,
    is_redelivery,
    must_be_the_same_attempt,
)
from access_policy.application.decision_view.recent_activity import OpenAttempt, RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.log_fields import with_log_fields
from access_policy.application.measurements import Measurements
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, StoreUnavailable, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import attempt_stream
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
        decisions: DecisionMaker,
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
        self._under_way: dict[_AttemptKey, _UnderWay] = {}

    async def authorize(self, attempt: AccessAttempt, *, attempt_id: AttemptId | None = None) -> RecordedDecision:
        """Decide and record the attempt. `attempt_id` is given where the caller chose it; else it derives from the message.

        Raises `ChargerUnknown`, `ChargerRetired`, `AttemptIdTaken` where the chosen id belongs to another attempt, or
        `StoreUnavailable`: then it is not known whether the decision was recorded, and the caller answers with an error,
        never with a denial.
        """
        began = time.perf_counter()
        try:
            decision = await self._authorize_once(attempt, attempt_id)
        except StoreUnavailable:
            self._measurements.undecided += 1
            raise
        self._measurements.latency_s.observe(time.perf_counter() - began)
        return decision

    async def _authorize_once(self, attempt: AccessAttempt, chosen_id: AttemptId | None) -> RecordedDecision:
        """Deliveries of an attempt that is being decided wait for its decision."""
        self._view.charger(attempt.tenant_id, attempt.charger_id).policy.must_be_in_service()
        ref = self._identifiers.of_attempt(attempt)
        attempt_id = chosen_id or attempt_id_of(attempt, ref)
        key = (attempt.tenant_id, attempt_id)
        while (under_way := self._under_way.get(key)) is not None:
            earlier = await under_way.decision()
            if earlier is not None:
                must_be_the_same_attempt(earlier.event, attempt, ref)
                return replace(earlier, redelivered=True)
        self._under_way[key] = under_way = _UnderWay()
        try:
            with with_log_fields(attempt=attempt_id):
                decision = await self._decide_once(attempt, ref, attempt_id, may_renumber=chosen_id is None)
        except BaseException as failure:
            under_way.failed(failure)
            raise
        else:
            under_way.decided(decision)
            return decision
        finally:
            del self._under_way[key]

    async def _decide_once(
        self, attempt: AccessAttempt, ref: IdentifierRef | None, first_id: AttemptId, *, may_renumber: bool
    ) -> RecordedDecision:
        attempt_id = first_id
        while True:
            now = self._clock.now()
            charger = self._view.charger(attempt.tenant_id, attempt.charger_id)
            charger.timeline_now(now)
            event = self._decisions.decide(attempt, ref, attempt_id, at=now, charger=charger)
            try:
                position = await self._append_new(attempt, attempt_id, event, now)
            except VersionConflict:
                earlier = await self._decided_before(attempt, ref, attempt_id)
                if not may_renumber or is_redelivery(earlier, event, now):
                    self._remember(attempt, ref, earlier, version=0, at=earlier.lineage.decided_for)
                    return RecordedDecision(attempt_id=attempt_id, event=earlier, redelivered=True)
                attempt_id = derived_attempt_id(attempt.tenant_id, attempt.charger_id, "again", attempt_id, ref)
            else:
                self._remember(attempt, ref, event, version=1, at=now)
                await self._effects.follow(attempt, event, at=now)
                return RecordedDecision(attempt_id=attempt_id, event=event, position=position)

    async def _append_new(
        self, attempt: AccessAttempt, attempt_id: AttemptId, event: AccessAllowed | AccessDenied, now: datetime
    ) -> int:
        events = enveloped(attempt_context(attempt, attempt_id), (event,), now=now)
        return await self._commits.append(Append(attempt_stream(attempt.tenant_id, attempt_id), 0, events))

    async def _decided_before(
        self, attempt: AccessAttempt, ref: IdentifierRef | None, attempt_id: AttemptId
    ) -> AccessAllowed | AccessDenied:
        """The latest decision in the attempt's stream. Raises `AttemptIdTaken`."""
        history = await self._store.load(attempt_stream(attempt.tenant_id, attempt_id))
        decisions = [each.event for each in history if isinstance(each.event, AccessAllowed | AccessDenied)]
        if not decisions:
            raise attempt_id_taken(attempt_id)
        must_be_the_same_attempt(decisions[-1], attempt, ref)
        return decisions[-1]

    def _remember(
        self,
        attempt: AccessAttempt,
        ref: IdentifierRef | None,
        event: AccessAllowed | AccessDenied,
        *,
        version: int,
        at: datetime,
    ) -> None:
        """Keep what later messages of the charger refer to; also for a redelivery, whose first answer may have been lost."""
        key = (attempt.tenant_id, attempt.charger_id)
        self._live.opened(key, ref, OpenAttempt(event.lineage.attempt_id, event, version, at))
        self._live.decided(key, event, at)


class _UnderWay:
    """An attempt that is being decided. Its future is made only when the attempt is delivered again meanwhile."""

    __slots__ = ("_repeats",)

    def __init__(self) -> None:
        self._repeats: asyncio.Future[RecordedDecision | None] | None = None

    async def decision(self) -> RecordedDecision | None:
        """The decision once it is recorded; None if the first caller went away: its decision may not be recorded."""
        if self._repeats is None:
            self._repeats = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._repeats,))  # a caller that is cancelled leaves the future to the others
        return self._repeats.result()

    def decided(self, decision: RecordedDecision) -> None:
        if self._repeats is not None:
            self._repeats.set_result(decision)

    def failed(self, failure: BaseException) -> None:
        if self._repeats is None:
            return
        if isinstance(failure, asyncio.CancelledError):
            self._repeats.set_result(None)
        else:
            self._repeats.set_exception(failure)
            self._repeats.exception()  # the repeats may have gone away
