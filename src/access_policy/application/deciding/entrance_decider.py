"""Decide attempts at entrances, record each decision, and only then answer.

An attempt delivered twice is decided and recorded once, as at a charger: its stream's first version can be written only
once. Attempts at entrances are few, so each runs as a coroutine of its own, outside the hot path of `AttemptDecider`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime

from access_policy.application.context import enveloped
from access_policy.application.deciding.effects import attempt_context
from access_policy.application.deciding.entrance_attempts import EntranceAttempt, RecordedEntry
from access_policy.application.deciding.entrance_decisions import EntranceDecisions
from access_policy.application.deciding.redelivery import attempt_id_taken
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.measurements import Measurements
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, StoreUnavailable, Streams, VersionConflict
from access_policy.application.ports.unknown_identifiers import UnknownIdentifiers
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import attempt_stream, pin_lockout_stream
from access_policy.domain.access.events import EntranceAllowed, EntranceDenied, EntrancePinsLockedOut
from access_policy.domain.access.refusals import AtEntrance, is_enrollable, is_wrong_pin
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId

log = logging.getLogger(__name__)


class EntranceDecider:
    def __init__(
        self,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        decisions: EntranceDecisions,
        unknown: UnknownIdentifiers,
        clock: Clock,
        measurements: Measurements,
    ) -> None:
        self._live = live
        self._store = store
        self._commits = commits
        self._decisions = decisions
        self._unknown = unknown
        self._clock = clock
        self._measurements = measurements

    async def decide(self, attempt: EntranceAttempt, attempt_id: AttemptId) -> RecordedEntry:
        """Decide and record the attempt, even if the caller stops waiting. Raises what `EntranceDecisions.decide`
        raises, `AttemptIdTaken` if the id belongs to another attempt, or `StoreUnavailable`: then it is not known
        whether the decision was recorded, and the caller answers with an error, never with a denial."""
        return await asyncio.shield(asyncio.ensure_future(self._decided(attempt, attempt_id)))

    async def _decided(self, attempt: EntranceAttempt, attempt_id: AttemptId) -> RecordedEntry:
        began = time.perf_counter()
        await self._decisions.prepare(attempt, at=self._clock.now())
        now = self._clock.now()
        event = self._decisions.decide(attempt, attempt_id, at=now)
        events = enveloped(attempt_context(attempt, attempt_id), (event,), now=now)
        try:
            position = await self._commits.append(Append(attempt_stream(attempt.tenant_id, attempt_id), 0, events))
        except VersionConflict:
            return await self._decided_before(attempt, attempt_id, event.lineage.identifier)
        except StoreUnavailable:
            self._measurements.undecided += 1
            raise
        await self._follow(attempt, event, now)
        self._measurements.latency_s.observe(time.perf_counter() - began)
        return RecordedEntry(attempt_id=attempt_id, event=event, position=position)

    async def _decided_before(
        self, attempt: EntranceAttempt, attempt_id: AttemptId, ref: IdentifierRef | None
    ) -> RecordedEntry:
        """Return the decision in the attempt's stream. Raises `AttemptIdTaken`, including for the id of an attempt at a
        charger."""
        history = await self._store.load(attempt_stream(attempt.tenant_id, attempt_id))
        for each in history:
            earlier = each.event
            if isinstance(earlier, EntranceAllowed | EntranceDenied):
                if (earlier.entrance_id, earlier.lineage.identifier) == (attempt.entrance_id, ref):
                    return RecordedEntry(attempt_id=attempt_id, event=earlier, redelivered=True)
                break
        raise attempt_id_taken(attempt_id)

    async def _follow(self, attempt: EntranceAttempt, event: AtEntrance, at: datetime) -> None:
        """Carry out the effects of a decision that was recorded at `at`: an identifier to enrol, and a wrong PIN."""
        ref = event.lineage.identifier
        if attempt.identifier is not None and ref is not None and is_enrollable(event):
            self._unknown.remember(attempt.tenant_id, ref, attempt.identifier, at=at)
        if is_wrong_pin(event):
            source = ((attempt.tenant_id, event.lineage.depot_id, attempt.entrance_id), attempt.actor)
            if (until := self._live.wrong_pin(source, at)) is not None:
                await self._record_lockout(attempt, event, since=at, until=until)

    async def _record_lockout(
        self, attempt: EntranceAttempt, event: AtEntrance, *, since: datetime, until: datetime
    ) -> None:
        """Record the lock-out; if the store does not accept it, it is in force anyway."""
        lineage = event.lineage
        locked = EntrancePinsLockedOut(
            entrance_id=attempt.entrance_id,
            depot_id=lineage.depot_id,
            attempt_id=lineage.attempt_id,
            source=attempt.actor,
            since=since,
            until=until,
        )
        events = enveloped(attempt_context(attempt, lineage.attempt_id), (locked,), now=since)
        try:
            await self._commits.append(Append(pin_lockout_stream(attempt.tenant_id, lineage.attempt_id), 0, events))
        except (StoreUnavailable, VersionConflict) as failure:
            log.warning("the lock-out of PINs at entrance %s is not recorded: %s", attempt.entrance_id, failure)
