"""The access desk: decides attempts from memory, records each decision, and only then lets it be answered.

The decision depends on memory and an append, nothing else (design 3.7). The same attempt delivered twice is decided and
recorded once: its stream's name derives from what identifies it, and the stream's first version can be written once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempt_ids import derived_attempt_id
from access_policy.application.deciding.attempts import AccessAttempt, Decided, denial_at
from access_policy.application.decision_view.recent_activity import OpenAttempt, PinSource, RecentActivity
from access_policy.application.decision_view.view import ChargerView, DecisionView
from access_policy.application.measurements import Measurements
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, StoreUnavailable, Streams, VersionConflict
from access_policy.application.ports.secrets import Pseudonyms, refs_of
from access_policy.application.ports.unknown_identifiers import UnknownIdentifiers
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import attempt_stream, pin_lockout_stream
from access_policy.domain.access.decision import Decision, DecisionInputs, Step, decide, explain
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    DecisionLineage,
    DenialSignal,
    PinsLockedOut,
    Stage,
)
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access.refusals import is_enrollable, is_wrong_pin, row_of
from access_policy.domain.depots.depot import EXCLUSIVE_KINDS, Depot
from access_policy.domain.errors import Conflict
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef
from access_policy.domain.ids import AttemptId, ChargerKey, TenantId
from access_policy.domain.mode_schedule.timeline import Timeline
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

log = logging.getLogger(__name__)

REDELIVERED_WITHIN = timedelta(minutes=10)  # a charger that repeats its message ids within a connection: a new attempt

DecisionListener = Callable[[ChargerKey, AccessAllowed | AccessDenied], None]


class AttemptIdTaken(Conflict):
    """The asker chose the id of another attempt, which is left as it is."""

    code = "attempt-id-taken"


class AttemptDecider:
    def __init__(
        self,
        view: DecisionView,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        pseudonyms: Pseudonyms,
        clock: Clock,
        unknown: UnknownIdentifiers | None = None,
        decided: DecisionListener | None = None,
        measurements: Measurements | None = None,
    ) -> None:
        """`unknown` keeps the values of identifiers that nobody has, so that they can be enrolled; `decided` hears of each
        decision that a charger asked for, once it is recorded."""
        self.view = view
        self.live = live
        self._store = store
        self._commits = commits
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._unknown = unknown
        self._decided = decided
        self._measurements = measurements or Measurements()
        self._under_way: dict[tuple[TenantId, AttemptId], asyncio.Future[Decided]] = {}
        self._lockouts_to_record: dict[PinSource, Append] = {}

    # --- asking before a start ---------------------------------------------------------------------------------------

    async def authorize(self, ask: AccessAttempt, *, attempt_id: AttemptId | None = None) -> Decided:
        """Decide and record. `attempt_id` is given where the asker chose it; else it derives from the message.

        Raises `ChargerUnknown`, `ChargerRetired`, `AttemptIdTaken` where the chosen id names another question, or
        `StoreUnavailable`: then it is not known whether the decision was recorded, and the caller gets an error, never a
        denial.
        """
        began = time.perf_counter()
        try:
            decided = await self._authorize(ask, attempt_id)
        except StoreUnavailable:
            self._measurements.undecided += 1
            raise
        self._measurements.latency_s.observe(time.perf_counter() - began)
        return decided

    async def _authorize(self, ask: AccessAttempt, attempt_id: AttemptId | None) -> Decided:
        self.view.charger(ask.tenant_id, ask.charger_id).policy.must_be_in_service()
        ref = self.ref(ask)
        first = attempt_id or asked_attempt_id(ask, ref)
        question = (ask.tenant_id, first)  # tenants choose their attempt ids without regard to each other
        while (under_way := self._under_way.get(question)) is not None:
            await asyncio.wait((under_way,))
            if under_way.cancelled():
                continue  # the first caller went away: its answer may not be recorded
            earlier = under_way.result()
            _must_be_the_same_question(earlier.event, ask, ref)
            return replace(earlier, redelivered=True)
        self._under_way[question] = future = asyncio.get_running_loop().create_future()
        try:
            decided = await self._decide_once(ask, ref, first, may_renumber=attempt_id is None)
        except asyncio.CancelledError:
            future.cancel()
            raise
        except BaseException as failure:
            future.set_exception(failure)
            future.exception()  # nobody need be waiting
            raise
        else:
            future.set_result(decided)
            return decided
        finally:
            del self._under_way[question]

    async def _decide_once(
        self, ask: AccessAttempt, ref: IdentifierRef | None, first: AttemptId, *, may_renumber: bool
    ) -> Decided:
        attempt_id = first
        while True:
            now = self._clock.now()
            self.view.charger(ask.tenant_id, ask.charger_id).timeline_now(now)
            event = self.decision_event(ask, ref, attempt_id, at=now)
            try:
                position = await self._append_new(ask, attempt_id, event, now)
            except VersionConflict:
                earlier = await self._decided_before(ask, ref, attempt_id)
                if not may_renumber or is_redelivery(earlier, event, now):
                    self.remember(ask, ref, earlier, version=0, at=earlier.lineage.decided_for)
                    return Decided(attempt_id=attempt_id, event=earlier, redelivered=True)
                attempt_id = derived_attempt_id(ask.tenant_id, ask.charger_id, "again", attempt_id, ref)
            else:
                self.remember(ask, ref, event, version=1, at=now)
                self.tell(ask, event)
                await self.take_note(ask, event, at=now)
                return Decided(attempt_id=attempt_id, event=event, position=position)

    def tell(self, ask: AccessAttempt, event: AccessAllowed | AccessDenied) -> None:
        """Of a decision that is recorded, to who shows it to the driver."""
        if self._decided is not None and ask.signals is not None and ask.stage is not Stage.OFFLINE_START:
            self._decided((ask.tenant_id, ask.charger_id), event)

    async def _append_new(
        self, ask: AccessAttempt, attempt_id: AttemptId, event: AccessAllowed | AccessDenied, now: datetime
    ) -> int:
        events = enveloped(self.context(ask, attempt_id), (event,), now=now)
        return await self._commits.append(Append(attempt_stream(ask.tenant_id, attempt_id), 0, events))

    async def _decided_before(
        self, ask: AccessAttempt, ref: IdentifierRef | None, attempt_id: AttemptId
    ) -> AccessAllowed | AccessDenied:
        try:
            earlier = await self.recorded_decision(ask, attempt_id)
        except LookupError as nothing_decided:
            raise _id_taken(attempt_id) from nothing_decided
        _must_be_the_same_question(earlier, ask, ref)
        return earlier

    async def recorded_decision(self, ask: AccessAttempt, attempt_id: AttemptId) -> AccessAllowed | AccessDenied:
        """The latest decision in the attempt's stream. Raises `LookupError` when it holds none."""
        history = await self._store.load(attempt_stream(ask.tenant_id, attempt_id))
        decisions = [r.event for r in history if isinstance(r.event, AccessAllowed | AccessDenied)]
        if not decisions:
            raise LookupError(f"attempt {attempt_id} holds no decision")
        return decisions[-1]

    # --- the same without recording ----------------------------------------------------------------------------------

    def preview(self, ask: AccessAttempt, *, at: datetime) -> tuple[AccessAllowed | AccessDenied, tuple[Step, ...]]:
        """What would be decided at `at`, with the rows that were gone through; nothing is recorded. Raises
        `ChargerUnknown` or `ChargerRetired`."""
        charger = self.view.charger(ask.tenant_id, ask.charger_id)
        charger.policy.must_be_in_service()
        ref = self.ref(ask)
        facts = self.facts(ask, charger, ref, at, charger.timeline_at(at))
        return self.decision_event(ask, ref, AttemptId("dry-run"), at=at), explain(facts)

    # --- parts that starts share -------------------------------------------------------------------------------------

    def ref(self, ask: AccessAttempt) -> IdentifierRef | None:
        """The identifier as a vehicle holds it, by whichever reading of the tag. One that nobody has, and that may be a PIN
        typed at a depot that uses PINs, shows nothing of its digits."""
        if ask.identifier is None:
            return None
        ref = self.ref_of(ask.tenant_id, ask.identifier)
        if not ask.identifier.may_be_a_pin or self.view.registry(ask.tenant_id).holder_of(ref) is not None:
            return ref
        return ref.hidden() if self._uses_pins(ask) else ref

    def _uses_pins(self, ask: AccessAttempt) -> bool:
        settings = self.view.charger(ask.tenant_id, ask.charger_id).policy.settings
        depot = self.view.depot(ask.tenant_id, settings.depot_id)
        return uses_pins(depot, self.view.registry(ask.tenant_id))

    def ref_of(self, tenant_id: TenantId, presented: Identifier) -> IdentifierRef:
        """The identifier as a vehicle holds it, by whichever reading of the tag."""
        return self.view.registry(tenant_id).held_as(refs_of(self._pseudonyms, tenant_id, presented))

    def decision_event(
        self,
        ask: AccessAttempt,
        ref: IdentifierRef | None,
        attempt_id: AttemptId,
        *,
        at: datetime,
        charger: ChargerView | None = None,
    ) -> AccessAllowed | AccessDenied:
        """The decision for `at` as the event that records it. `charger` is given where a past policy is asked."""
        charger = charger or self.view.charger(ask.tenant_id, ask.charger_id)
        timeline = charger.timeline_at(at)
        facts = self.facts(ask, charger, ref, at, timeline)
        decision = decide(facts, timeline)
        lineage = _lineage(ask, ref, attempt_id, facts, charger, self.view.registry(ask.tenant_id).version, decision)
        if decision.allowed:
            assert decision.valid_until is not None
            return AccessAllowed(
                lineage=lineage,
                reason=decision.reason,
                would_deny=decision.would_deny,
                valid_until=decision.valid_until,
            )
        return AccessDenied(lineage=lineage, reason=decision.reason, signal=self._signal(ask, facts, decision, charger))

    def facts(
        self, ask: AccessAttempt, charger: ChargerView, ref: IdentifierRef | None, at: datetime, timeline: Timeline
    ) -> DecisionInputs:
        registry = self.view.registry(charger.tenant_id)
        depot = self.view.depot(charger.tenant_id, charger.policy.settings.depot_id)
        vehicle = None if ref is None else registry.holder_of(ref)
        agreement_id = None if vehicle is None else vehicle.description.agreement_id
        agreement = None if agreement_id is None else registry.agreements.get(agreement_id)
        key = (charger.tenant_id, charger.policy.charger_id)
        return DecisionInputs(
            at=at,
            charger_id=charger.policy.charger_id,
            depot_id=charger.policy.settings.depot_id,
            zone=charger.zone,
            expected=timeline.at(at),
            enforcement=charger.policy.enforcement,
            identifier=ref,
            vehicle=vehicle,
            agreement=agreement,
            kind_counts=ref is None or kind_counts(ref.kind, depot, agreement),
            pin_locked_out=self.live.pins_are_locked_out((key, ask.actor), at),
            in_use_elsewhere=ref is not None
            and is_exclusive(ref.kind, depot)
            and self.live.charges_elsewhere(key, ref, self._is_retired),
        )

    def _is_retired(self, key: ChargerKey) -> bool:
        policy = self.view.known_policy(*key)
        return policy is not None and policy.retired_at is not None

    def remember(
        self,
        ask: AccessAttempt,
        ref: IdentifierRef | None,
        event: AccessAllowed | AccessDenied,
        *,
        version: int,
        at: datetime,
    ) -> None:
        """Keep in mind what later messages of the same charger refer to."""
        key = (ask.tenant_id, ask.charger_id)
        self.live.opened(key, ref, OpenAttempt(event.lineage.attempt_id, event, version, at))
        self.remember_denial(key, event, at)  # also of one decided before, whose answer may have been lost

    def remember_denial(self, key: ChargerKey, event: AccessAllowed | AccessDenied, at: datetime) -> None:
        if isinstance(event, AccessAllowed):
            return
        lineage = event.lineage
        self.live.denied(key, lineage.connector_id, lineage.attempt_id, at)

    async def take_note(self, ask: AccessAttempt, event: AccessAllowed | AccessDenied, *, at: datetime) -> None:
        """Of what a recorded decision says beside its answer: an identifier to enrol, a wrong PIN."""
        ref = event.lineage.identifier
        if self._unknown is not None and ask.identifier is not None and ref is not None and is_enrollable(event):
            self._unknown.remember(ask.tenant_id, ref, ask.identifier, at=at)
        await self._count_wrong_pin(ask, event, at=at)

    async def _count_wrong_pin(self, ask: AccessAttempt, event: AccessAllowed | AccessDenied, *, at: datetime) -> None:
        """A wrong PIN counts, also where nobody is refused yet (`observe`); the one too many is recorded as such. A lock-out
        that the store did not take holds all the same, and is recorded with the next attempt."""
        source = ((ask.tenant_id, ask.charger_id), ask.actor)
        until = self.live.wrong_pin(source, at) if is_wrong_pin(event) else None
        if until is not None:
            self._lockouts_to_record[source] = self._lockout(ask, event, since=at, until=until)
        lockout = self._lockouts_to_record.get(source)
        if lockout is None:
            return
        try:
            await self._commits.append(lockout)
        except StoreUnavailable as outage:
            log.warning("the lock-out of PINs at charger %s is not recorded yet: %s", ask.charger_id, outage)
            return
        except VersionConflict:
            log.info("the lock-out of PINs at charger %s was recorded before", ask.charger_id)
        if self._lockouts_to_record.get(source) is lockout:
            del self._lockouts_to_record[source]

    def _lockout(
        self, ask: AccessAttempt, event: AccessAllowed | AccessDenied, *, since: datetime, until: datetime
    ) -> Append:
        lineage = event.lineage
        locked = PinsLockedOut(
            charger_id=lineage.charger_id,
            depot_id=lineage.depot_id,
            attempt_id=lineage.attempt_id,
            source=ask.actor,
            since=since,
            until=until,
        )
        events = enveloped(self.context(ask, lineage.attempt_id), (locked,), now=since)
        return Append(pin_lockout_stream(ask.tenant_id, lineage.attempt_id), 0, events)

    def context(self, ask: AccessAttempt, attempt_id: AttemptId) -> Context:
        return Context(
            tenant_id=ask.tenant_id, actor=ask.actor, correlation_id=attempt_id, causation_id=ask.message_id or None
        )

    def _signal(
        self, ask: AccessAttempt, facts: DecisionInputs, decision: Decision, charger: ChargerView
    ) -> DenialSignal | None:
        if ask.signals is None:
            return None
        return ask.signals.signal(denial_at(self.view, charger, decision.reason, facts.at))


def kind_counts(kind: IdentifierKind, depot: Depot | None, agreement: Agreement | None) -> bool:
    """An identifier of this kind identifies a vehicle at the depot and, where it has one, for its agreement."""
    here = depot is None or not depot.settings.identifier_kinds or kind in depot.settings.identifier_kinds
    return here and (agreement is None or agreement.counts(kind))


def uses_pins(depot: Depot | None, registry: VehicleRegistry) -> bool:
    """Drivers type PINs at the depot: it says so, or PINs count there as all kinds do and a vehicle has one."""
    kinds = frozenset() if depot is None else depot.settings.identifier_kinds
    return IdentifierKind.PIN in kinds or (not kinds and registry.uses_pins())


def is_exclusive(kind: IdentifierKind, depot: Depot | None) -> bool:
    """An identifier of this kind charges at one charger at a time."""
    return kind in (EXCLUSIVE_KINDS if depot is None else depot.settings.exclusive_kinds)


def asked_attempt_id(ask: AccessAttempt, ref: IdentifierRef | None) -> AttemptId:
    """The same for a message that the charger sends again on the same connection, and for no other."""
    message = f"{ask.connection} {ask.message_id}"
    return derived_attempt_id(ask.tenant_id, ask.charger_id, "ask", message, ref)


def _must_be_the_same_question(
    earlier: AccessAllowed | AccessDenied, ask: AccessAttempt, ref: IdentifierRef | None
) -> None:
    """Another identifier must not be answered with, nor remembered under, a decision that was not about it."""
    if (earlier.lineage.charger_id, earlier.lineage.identifier) != (ask.charger_id, ref):
        raise _id_taken(earlier.lineage.attempt_id)


def _id_taken(attempt_id: AttemptId) -> AttemptIdTaken:
    return AttemptIdTaken(
        f"attempt_id {attempt_id} belongs to another attempt; take a new one for each attempt, or leave it out.",
        pointer="/attempt_id",
    )


def is_redelivery(earlier: AccessAllowed | AccessDenied, again: AccessAllowed | AccessDenied, now: datetime) -> bool:
    """The message came before: not long ago, and nothing has changed since that would decide it otherwise, but for the
    lock that the attempt itself began as the last of too many wrong PINs.

    A charger that uses a message id twice within a connection must not be answered with a permission that was revoked.
    """
    recent = now - earlier.lineage.decided_for <= REDELIVERED_WITHIN
    locked_by_itself = (row_of(earlier), row_of(again)) == (Reason.UNKNOWN_IDENTIFIER, Reason.PIN_LOCKED_OUT)
    return recent and type(earlier) is type(again) and (row_of(earlier) is row_of(again) or locked_by_itself)


def _lineage(
    ask: AccessAttempt,
    ref: IdentifierRef | None,
    attempt_id: AttemptId,
    facts: DecisionInputs,
    charger: ChargerView,
    registry_version: int,
    decision: Decision,
) -> DecisionLineage:
    return DecisionLineage(
        attempt_id=attempt_id,
        charger_id=facts.charger_id,
        depot_id=facts.depot_id,
        connector_id=ask.connector_id,
        decided_for=facts.at,
        stage=ask.stage,
        protocol=ask.protocol,
        message_id=ask.message_id,
        identifier=ref,
        expected_mode=facts.expected.mode,
        cause=facts.expected.cause,
        enforcement=facts.enforcement,
        policy_version=charger.policy.version,
        registry_version=registry_version,
        access_class=decision.access_class,
        vehicle_id=decision.vehicle_id,
        agreement_id=decision.agreement_id,
    )
