"""Recorded attempts, decided by the current rules and by the proposed ones.

Both sides are decided again, so that every difference comes from the proposal. Circumstances that no rule determines,
such as a charge at another charger or a PIN lock-out, come from the record. So do attempts that a reservation decided
or that energy refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively, release
from access_policy.application.freevend_tags import FreevendTags
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.secrets import Pseudonyms
from access_policy.application.ports.views import AttemptFilter, Row, Views
from access_policy.application.what_if.notes import Note, notes_on
from access_policy.application.what_if.proposal import Proposal, proposed_policy, proposed_registry
from access_policy.application.what_if.schedules import ScheduleChange, proposed_schedule
from access_policy.domain.access.decision import DecisionInputs, reason_for
from access_policy.domain.access.identifier_rules import kind_counts
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Invalid, Refused
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.mode_schedule.timeline import Timeline, timeline
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

SPAN_MAX = timedelta(days=92)
ATTEMPTS_MAX = 200_000
PAGE = 500
AT_A_TIME = 50  # attempts decided twice in one iteration of the event loop
FREED_AT_A_TIME = 50  # chargers whose timelines of up to 92 days are freed in one iteration
BY_ANOTHER_RULE = frozenset(  # reasons of rules that a proposal cannot change
    {
        Reason.ENERGY_RESTRICTED,
        Reason.RESERVATION,
        Reason.RESERVED_FOR_OTHER,
        Reason.RESERVATION_REQUIRED,
        Reason.RESERVATION_NOT_STARTED,
        Reason.RESERVATION_ENDED,
    }
)
EXAMPLES_MAX = 10  # of each kind of difference


class WhatIfInvalid(Invalid):
    code = "what-if-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Attempts in `[since, until)`; `charger_ids` None: at all chargers of the tenant. `schedules` are part of the
    proposal, and are completed when it is replayed."""

    since: datetime
    until: datetime
    charger_ids: frozenset[ChargerId] | None
    proposal: Proposal
    schedules: tuple[ScheduleChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayedDecision:
    """`would_deny` is the reason for which enforcement would have refused; None if allowed or actually denied."""

    allowed: bool
    reason: Reason
    would_deny: Reason | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    before: ReplayedDecision
    after: ReplayedDecision


@dataclass(frozen=True, slots=True)
class Example:
    attempt: Row
    difference: Difference


@dataclass(slots=True)
class Answer:
    """`complete`: covers all attempts of the period, not only the newest `ATTEMPTS_MAX`."""

    attempts: int = 0
    complete: bool = True
    counts: Counter[Difference] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    notes: tuple[Note, ...] = ()

    @property
    def different(self) -> int:
        return self.counts.total()

    @property
    def newly_denied(self) -> int:
        return sum(count for each, count in self.counts.items() if each.before.allowed and not each.after.allowed)

    @property
    def newly_allowed(self) -> int:
        return sum(count for each, count in self.counts.items() if each.after.allowed and not each.before.allowed)


@dataclass(frozen=True, slots=True)
class _Side:
    """One charger under the current rules or under the proposal."""

    policy: ChargerAccessPolicy
    timeline: Timeline
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class WhatIf:
    view: DecisionView
    views: Views
    pseudonyms: Pseudonyms
    clock: Clock
    profiles: CapabilityProfiles | None = None

    async def __call__(self, tenant_id: TenantId, question: Question) -> Answer:
        """Replay the attempts. Raises `WhatIfInvalid`, `ChargerUnknown`, the refusals of the proposal's parts, or
        `StoreUnavailable`."""
        _check_span(question)
        now = self.clock.now()
        question = await self._with_schedules(tenant_id, question, now)
        today = self.view.registry(
            tenant_id
        ).copy()  # both sides are decided with one version, regardless of the duration
        await asyncio.sleep(0)  # copying a large registry takes an iteration of the event loop by itself
        _check_tags(question.proposal, FreevendTags(self.profiles).check(tenant_id))
        proposed = proposed_registry(today, question.proposal, self.pseudonyms, tenant_id, now=now)
        sides = await self._sides(tenant_id, question)
        policies = (before.policy for before, _ in sides.values())
        answer = Answer(notes=notes_on(question.proposal, policies, self.profiles, tenant_id))
        async for row in self._attempts(tenant_id, question, answer):
            pair = sides.get(ChargerId(row["charger_id"]))
            if pair is None:
                continue  # retired since, or not selected
            answer.attempts += 1
            if _is_by_another_rule(row):
                continue
            before, after = (
                self._decided(tenant_id, row, side, registry)
                for side, registry in zip(pair, (today, proposed), strict=True)
            )
            if before != after:
                _note(answer, row, Difference(before, after))
        compiled = list(sides.values())
        sides.clear()
        await release(compiled, at_a_time=FREED_AT_A_TIME)
        return answer

    async def _with_schedules(self, tenant_id: TenantId, question: Question, now: datetime) -> Question:
        completed = []
        async for index, change in cooperatively(list(enumerate(question.schedules))):
            try:
                completed.append(await proposed_schedule(self.view, tenant_id, change, now=now))
            except Refused as refusal:
                refusal.pointer = f"/changes/schedules/{index}{refusal.pointer or ''}"
                raise
        schedules = (*question.proposal.schedules, *completed)
        return replace(question, proposal=replace(question.proposal, schedules=schedules))

    async def _sides(self, tenant_id: TenantId, question: Question) -> dict[ChargerId, tuple[_Side, _Side]]:
        """Return both sides of each charger. All policies are checked before the first attempt is read, one charger per
        iteration of the event loop."""
        if question.charger_ids is None:
            views = list(self.view.chargers_of(tenant_id))
        else:
            views = [self.view.charger(tenant_id, charger_id) for charger_id in sorted(question.charger_ids)]
        in_service = [each.policy for each in views if each.policy.retired_at is None]
        sides = {}
        async for policy in cooperatively(in_service):
            before = after = _side(policy, question)
            if question.proposal.concerns_chargers:
                after = _side(proposed_policy(policy, question.proposal, since=question.since), question)
            sides[policy.charger_id] = (before, after)
        return sides

    async def _attempts(self, tenant_id: TenantId, question: Question, answer: Answer) -> AsyncIterator[Row]:
        """Yield the attempts, newest first."""
        only = next(iter(question.charger_ids)) if question.charger_ids and len(question.charger_ids) == 1 else None
        wanted = AttemptFilter(charger_id=only, since=question.since, until=question.until)
        cursor: str | None = None
        read = 0
        while True:
            page = await self.views.attempts(tenant_id, wanted, cursor=cursor, limit=PAGE)
            async for row in cooperatively(page.items, at_a_time=AT_A_TIME):
                yield row
            read += len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return
            if read >= ATTEMPTS_MAX:
                answer.complete = False
                return

    def _decided(self, tenant_id: TenantId, row: Row, side: _Side, registry: VehicleRegistry) -> ReplayedDecision:
        settings = side.policy.settings
        ref = _ref(row)
        vehicle = None if ref is None else registry.holder_of(ref)
        agreement_id = None if vehicle is None else vehicle.description.agreement_id
        agreement = None if agreement_id is None else registry.agreements.get(agreement_id)
        recorded_reason = row["would_deny"] or row["reason"]
        depot = self.view.depot(tenant_id, settings.depot_id)
        reason = reason_for(
            DecisionInputs(
                at=row["occurred_at"],
                charger_id=side.policy.charger_id,
                depot_id=settings.depot_id,
                zone=side.zone,
                expected=side.timeline.at(row["occurred_at"]),
                enforcement=side.policy.enforcement,
                identifier=ref,
                vehicle=vehicle,
                agreement=agreement,
                kind_counts=ref is None or kind_counts(ref.kind, depot, agreement),
                pin_locked_out=recorded_reason == Reason.PIN_LOCKED_OUT,
                in_use_at_another=recorded_reason == Reason.IDENTIFIER_IN_USE,
                ad_hoc=registry.permitted(settings.depot_id, ref, vehicle),
            )
        )
        if reason in ALLOWING:
            return ReplayedDecision(True, reason)
        if side.policy.enforcement is Enforcement.OBSERVE:
            return ReplayedDecision(True, Reason.OBSERVED, reason)
        return ReplayedDecision(False, reason)


def _side(policy: ChargerAccessPolicy, question: Question) -> _Side:
    planned = timeline(policy.plan_without_energy, question.since, question.until)
    return _Side(policy, planned, ZoneInfo(policy.settings.time_zone))


def _is_by_another_rule(row: Row) -> bool:
    """Return whether a reservation or energy decided the attempt, and not the rules that a proposal changes: the
    attempt then counts as unchanged."""
    return (row["would_deny"] or row["reason"]) in BY_ANOTHER_RULE


def _check_tags(proposal: Proposal, check: Callable[[Identifier], None]) -> None:
    for index, vehicle in enumerate(proposal.vehicles):
        for place, value in enumerate(vehicle.identifiers):
            try:
                check(value)
            except Refused as refusal:
                refusal.pointer = f"/changes/vehicles/{index}/vehicle/identifiers/{place}/value"
                raise


def _check_span(question: Question) -> None:
    if question.until <= question.since:
        raise WhatIfInvalid("'until' must be later than 'from'.", pointer="/until")
    if question.until - question.since > SPAN_MAX:
        raise WhatIfInvalid(f"A what-if covers at most {SPAN_MAX.days} days; choose a later 'from'.", pointer="/from")


def _note(answer: Answer, row: Row, difference: Difference) -> None:
    answer.counts[difference] += 1
    if answer.counts[difference] <= EXAMPLES_MAX:
        answer.examples.append(Example(row, difference))


def _ref(row: Row) -> IdentifierRef | None:
    if row["identifier_kind"] is None:
        return None
    return IdentifierRef(IdentifierKind(row["identifier_kind"]), row["identifier_pseudonym"], row["identifier_masked"])
