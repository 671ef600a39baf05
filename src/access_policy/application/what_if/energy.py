"""Recorded attempts at a depot under a proposed gate policy or operating envelope: which of them energy would have
refused.

The site is replayed from the rows of its changes and of its demand by the minute. Measurements and charges stay as
recorded, although a start that is refused here would have left its power to others, so the count is an upper bound.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.views import PAGE_MAX, AttemptFilter, Row, Views
from access_policy.application.queries.energy_past import Change, site_changes
from access_policy.application.site_energy.one_connector import one_at_a_time
from access_policy.application.what_if.energy_feeds import ChangesAhead, PastFeeds
from access_policy.application.what_if.gate_replay import GateReplay, Watch, charges_of, watches_of
from access_policy.application.what_if.replay import SPAN_MAX, WhatIfInvalid
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.events import EnergyPolicyPut, OperatingEnvelopeReceived, SiteEnergyEvent
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.domain.vehicle_registry.events import AccessClass

# an attempt's gate is followed from this long, plus the minimum dwell, before the attempt
LOOK_BACK: Final = timedelta(hours=1)
CHARGED_FOR: Final = timedelta(days=3)  # charges that began earlier than this are not considered
ATTEMPTS_MAX: Final = 50_000
FOLLOWED_MAX_H: Final = 5_000  # hours of all gates together
PART: Final = timedelta(days=1)  # of the period, followed at a time
EXAMPLES_MAX: Final = 20
_NEVER_FOR_ENERGY: Final = frozenset({Reason.OWN_VEHICLE, Reason.RESERVATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyProposal:
    """`policy` is in force from the start of the period, instead of the recorded policies. `envelope` is received at
    the start, in addition to the recorded envelopes."""

    since: datetime
    until: datetime
    policy: EnergyPolicy | None = None
    envelope: OperatingEnvelope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAttempt:
    """`was_refused` and `is_refused`: because of energy, as recorded and under the proposal."""

    row: Row
    level: GateLevel
    was_refused: bool
    is_refused: bool


@dataclass(slots=True)
class EnergyAnswer:
    """`complete`: covers all attempts of the period, not only `ATTEMPTS_MAX` of them. `by_level` counts attempts by the
    proposed level."""

    attempts: int = 0
    complete: bool = True
    refused_before: int = 0
    refused_after: int = 0
    newly_refused: int = 0
    newly_admitted: int = 0
    by_level: Counter[GateLevel] = field(default_factory=Counter)
    examples: list[JudgedAttempt] = field(default_factory=list)

    def note(self, judged: JudgedAttempt) -> None:
        self.attempts += 1
        self.refused_before += judged.was_refused
        self.refused_after += judged.is_refused
        self.newly_refused += judged.is_refused and not judged.was_refused
        self.newly_admitted += judged.was_refused and not judged.is_refused
        self.by_level[judged.level] += 1
        if judged.is_refused is not judged.was_refused and len(self.examples) < EXAMPLES_MAX:
            self.examples.append(judged)


@dataclass(frozen=True, slots=True)
class EnergyWhatIf:
    views: Views
    view: DecisionView

    async def __call__(self, tenant_id: TenantId, depot_id: DepotId, proposal: EnergyProposal) -> EnergyAnswer:
        """Replay the attempts under the proposal. Raises `WhatIfInvalid`, the refusals of the policy or the envelope,
        or `StoreUnavailable`."""
        _check(proposal)
        rows, complete = await self._attempts(tenant_id, depot_id, proposal)
        wanted = [row for row in rows if row["occurred_at"] >= proposal.since]
        site = self.view.site_energy(tenant_id, depot_id)
        policy = proposal.policy or site.policy or EnergyPolicy()
        watches = await asyncio.to_thread(watches_of, wanted, LOOK_BACK + policy.minimum_dwell)
        check_work(watches)
        alone = one_at_a_time(self.view, tenant_id, site)
        replay = await asyncio.to_thread(
            lambda: GateReplay(SiteEnergy(depot_id=depot_id), wanted, watches, charges_of(rows), alone)
        )
        if watches:
            past = PastFeeds(self.views, tenant_id, depot_id, site.tree, alone)
            await self._follow(replay, past, watches, proposal)
        return await asyncio.to_thread(_answer, replay.judged, complete)

    async def _follow(
        self, replay: GateReplay, past: PastFeeds, watches: Sequence[Watch], proposal: EnergyProposal
    ) -> None:
        """Replay day by day, which limits both the rows in memory and the work on the thread."""
        begin = min(min(each.start for each in watches), proposal.since)
        changes = ChangesAhead(site_changes(self.views, past.tenant_id, past.depot_id, begin, proposal.until))
        await asyncio.to_thread(replay.follow, await changes.before(begin), begin)
        for start, end in _parts(begin, proposal):
            of_part = await changes.before(end)
            if proposal.policy is not None and start >= proposal.since:
                of_part = [each for each in of_part if not isinstance(each[1], EnergyPolicyPut)]
            if start == proposal.since:
                of_part = [*((start, each) for each in _made(past.depot_id, proposal)), *of_part]
            demand = await past.demand(replay.site.tree, watches, start, end)
            merged = await asyncio.to_thread(_in_order, of_part, demand)
            await asyncio.to_thread(replay.follow, merged, end)

    async def _attempts(
        self, tenant_id: TenantId, depot_id: DepotId, proposal: EnergyProposal
    ) -> tuple[list[Row], bool]:
        """Return attempts at chargers (no power is drawn at an entrance), oldest first, including attempts before the
        period whose charges may run in it."""
        wanted = AttemptFilter(depot_id=depot_id, since=proposal.since - CHARGED_FOR, until=proposal.until)
        rows: list[Row] = []
        cursor: str | None = None
        while len(rows) < ATTEMPTS_MAX:
            page = await self.views.attempts(tenant_id, wanted, cursor=cursor, limit=PAGE_MAX)
            rows += [row for row in page.items if row["charger_id"] is not None]
            cursor = page.next_cursor
            if cursor is None:
                break
        return rows[::-1], cursor is None


def check_work(watches: Sequence[Watch]) -> None:
    """Check the amount of work. Raises `WhatIfInvalid`."""
    hours = round(sum((each.end - each.start for each in watches), timedelta()) / timedelta(hours=1))
    if hours > FOLLOWED_MAX_H:
        raise WhatIfInvalid(
            f"The gates of this period's attempts would have to be followed for {hours:,} hours, and a what-if covers "
            f"{FOLLOWED_MAX_H:,}; choose a shorter period.",
            pointer="/from",
        )


def _parts(begin: datetime, proposal: EnergyProposal) -> Iterator[tuple[datetime, datetime]]:
    """Yield `[begin, until)` in days, split at the start of the period."""
    start = begin
    while start < proposal.until:
        end = min(start + PART, proposal.until)
        if start < proposal.since < end:
            end = proposal.since
        yield start, end
        start = end


def _made(depot_id: DepotId, proposal: EnergyProposal) -> Iterator[SiteEnergyEvent]:
    """Yield the events of the proposal at the start of the period."""
    if proposal.policy is not None:
        yield EnergyPolicyPut(depot_id=depot_id, policy=proposal.policy)
    if proposal.envelope is not None:
        yield OperatingEnvelopeReceived(depot_id=depot_id, envelope=proposal.envelope, received_at=proposal.since)


def _in_order(changes: Sequence[Change], demand: Sequence[Change]) -> list[Change]:
    return sorted([*changes, *demand], key=lambda each: each[0])


def _answer(found: Sequence[tuple[Row, GateLevel]], complete: bool) -> EnergyAnswer:
    answer = EnergyAnswer(complete=complete)
    for row, level in found:
        answer.note(judged(row, level))
    return answer


def judged(row: Row, level: GateLevel) -> JudgedAttempt:
    reason = Reason(row["would_deny"] or row["reason"]) if row["reason"] is not None else None
    was_refused = reason is Reason.ENERGY_RESTRICTED
    return JudgedAttempt(row=row, level=level, was_refused=was_refused, is_refused=_refuses(row, reason, level))


def _refuses(row: Row, reason: Reason | None, level: GateLevel) -> bool:
    """Return whether an energy gate at this level refuses a start that the other rules admit."""
    admitted = reason is None or reason in ALLOWING or reason is Reason.ENERGY_RESTRICTED
    if level is GateLevel.OPEN or not admitted or reason in _NEVER_FOR_ENERGY:
        return False
    match AccessClass(row["access_class"] or AccessClass.UNKNOWN):
        case AccessClass.OWN:
            return False
        case AccessClass.AGREEMENT:
            return level is GateLevel.OWN_ONLY
        case AccessClass.UNKNOWN:
            return True


def _check(proposal: EnergyProposal) -> None:
    if proposal.until <= proposal.since:
        raise WhatIfInvalid("'until' must be later than 'from'.", pointer="/until")
    if proposal.until - proposal.since > SPAN_MAX:
        raise WhatIfInvalid(f"A what-if covers at most {SPAN_MAX.days} days; choose a later 'from'.", pointer="/from")
    if proposal.policy is None and proposal.envelope is None:
        raise WhatIfInvalid("Give a policy or an envelope; without one nothing would differ.", pointer="")
    if proposal.policy is not None:
        proposal.policy.check()
    if proposal.envelope is not None:
        proposal.envelope.check()
