"""The effects of a recorded decision other than its answer: a message to the driver, an identifier to enrol, a PIN
lock-out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.deciding.entrance_attempts import EntranceAttempt
from access_policy.application.decision_view.recent_activity import PinSource, RecentActivity
from access_policy.application.ports.event_store import Append, StoreUnavailable, VersionConflict
from access_policy.application.ports.unknown_identifiers import UnknownIdentifiers
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import pin_lockout_stream
from access_policy.domain.access.events import AccessAllowed, AccessDenied, PinsLockedOut, Stage
from access_policy.domain.access.refusals import is_enrollable, is_wrong_pin
from access_policy.domain.ids import AttemptId, ChargerKey

log = logging.getLogger(__name__)

DecisionListener = Callable[[ChargerKey, AccessAllowed | AccessDenied], None]


class DecisionEffects:
    """`unknown` keeps the values of identifiers that no vehicle has, so that they can be enrolled. `listener` receives each
    decision on an attempt at a charger, once it is recorded."""

    def __init__(
        self,
        live: RecentActivity,
        commits: Commits,
        unknown: UnknownIdentifiers | None = None,
        listener: DecisionListener | None = None,
    ) -> None:
        self._live = live
        self._commits = commits
        self._unknown = unknown
        self._listener = listener
        self._lockouts_to_record: dict[PinSource, Append] = {}

    def follow(self, attempt: AccessAttempt, event: AccessAllowed | AccessDenied, *, at: datetime) -> PinSource | None:
        """Carry out the effects of a decision that was recorded at `at`. Returns the source of PINs whose lock-out must
        be recorded before the attempt is answered (`record_lockout`), or None."""
        if self._listener is not None and attempt.signals is not None and attempt.stage is not Stage.OFFLINE_START:
            self._listener((attempt.tenant_id, attempt.charger_id), event)
        ref = event.lineage.identifier
        if self._unknown is not None and attempt.identifier is not None and ref is not None and is_enrollable(event):
            self._unknown.remember(attempt.tenant_id, ref, attempt.identifier, at=at)
        if is_wrong_pin(event):
            self._count_wrong_pin(attempt, event, at=at)
        if not self._lockouts_to_record:
            return None
        source = ((attempt.tenant_id, attempt.charger_id), attempt.actor)
        return source if source in self._lockouts_to_record else None

    def _count_wrong_pin(self, attempt: AccessAttempt, event: AccessAllowed | AccessDenied, *, at: datetime) -> None:
        """Count a wrong PIN, under `observe` as well. One wrong PIN too many begins a lock-out."""
        source = ((attempt.tenant_id, attempt.charger_id), attempt.actor)
        until = self._live.wrong_pin(source, at)
        if until is not None:
            self._lockouts_to_record[source] = _lockout(attempt, event, since=at, until=until)

    async def record_lockout(self, source: PinSource) -> None:
        """Record the lock-out. If the store does not accept it, the lock-out is in force anyway, and the next attempt
        records it."""
        lockout = self._lockouts_to_record.get(source)
        if lockout is None:
            return
        try:
            await self._commits.append(lockout)
        except StoreUnavailable as outage:
            log.warning("the lock-out of PINs at charger %s is not recorded yet: %s", source[0][1], outage)
            return
        except VersionConflict:
            log.info("the lock-out of PINs at charger %s was recorded before", source[0][1])
        if self._lockouts_to_record.get(source) is lockout:
            del self._lockouts_to_record[source]


def attempt_context(attempt: AccessAttempt | EntranceAttempt, attempt_id: AttemptId) -> Context:
    """Return the context of the events that the attempt causes."""
    return Context(
        tenant_id=attempt.tenant_id,
        actor=attempt.actor,
        correlation_id=attempt_id,
        causation_id=attempt.message_id or None,
    )


def _lockout(
    attempt: AccessAttempt, event: AccessAllowed | AccessDenied, *, since: datetime, until: datetime
) -> Append:
    lineage = event.lineage
    locked = PinsLockedOut(
        charger_id=lineage.charger_id,
        depot_id=lineage.depot_id,
        attempt_id=lineage.attempt_id,
        source=attempt.actor,
        since=since,
        until=until,
    )
    events = enveloped(attempt_context(attempt, lineage.attempt_id), (locked,), now=since)
    return Append(pin_lockout_stream(attempt.tenant_id, lineage.attempt_id), 0, events)
