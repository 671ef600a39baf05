"""Recorded attempts at a depot under a proposed gate policy or operating envelope: which would have been refused for energy.

The site is replayed from its stream. Measurements and charges stay as they were recorded: a start that is refused here would
have left its power to others, so that the count is the greatest possible one.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.ports.views import PAGE_MAX, AttemptFilter, Row, Views
from access_policy.application.streams import site_energy_stream
from access_policy.application.what_if.replay import SPAN_MAX, WhatIfInvalid
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.ids import ChargerId, DepotId, TenantId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.events import (
    EnergyPolicyPut,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
    SiteEnergyEvent,
)
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.levels import Held
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.domain.vehicle_registry.events import AccessClass

LOOK_BACK: Final = timedelta(hours=1)  # before an attempt its gate is followed for so long, and for the minimum dwell
CHARGED_FOR: Final = timedelta(days=3)  # a charge that began earlier is not looked for
ATTEMPTS_MAX: Final = 50_000
EXAMPLES_MAX: Final = 20
_NEVER_FOR_ENERGY: Final = frozenset({Reason.OWN_VEHICLE, Reason.RESERVATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyProposal:
    """`policy` holds from the start of the period instead of those recorded; `envelope` is received then, beside
    those recorded."""

    since: datetime
    until: datetime
    policy: EnergyPolicy | None = None
    envelope: OperatingEnvelope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAttempt:
    """`was_refused`, `is_refused`: for energy, as recorded and under the proposal."""

    row: Row
    level: GateLevel
    was_refused: bool
    is_refused: bool


@dataclass(slots=True)
class EnergyAnswer:
    """`complete`: all attempts of the period, not only `ATTEMPTS_MAX` of them. `by_level` counts attempts by the
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
    store: EventStore
    views: Views

    async def __call__(self, tenant_id: TenantId, depot_id: DepotId, proposal: EnergyProposal) -> EnergyAnswer:
        """Raises `WhatIfInvalid`, the refusals of the policy or the envelope, or `StoreUnavailable`."""
        _check(proposal)
        rows, complete = await self._attempts(tenant_id, depot_id, proposal)
        recorded = await self.store.load(site_energy_stream(tenant_id, depot_id))
        replay = GateReplay(SiteEnergy(depot_id=depot_id), proposed(recorded, depot_id, proposal), rows)
        answer = EnergyAnswer(complete=complete)
        wanted = [row for row in rows if row["occurred_at"] >= proposal.since]
        for row in wanted:
            answer.note(judged(row, await replay.level(ChargerId(row["charger_id"]), row["occurred_at"])))
        return answer

    async def _attempts(
        self, tenant_id: TenantId, depot_id: DepotId, proposal: EnergyProposal
    ) -> tuple[list[Row], bool]:
        """Oldest first, also those before the period whose charges may run in it."""
        wanted = AttemptFilter(depot_id=depot_id, since=proposal.since - CHARGED_FOR, until=proposal.until)
        rows: list[Row] = []
        cursor: str | None = None
        while len(rows) < ATTEMPTS_MAX:
            page = await self.views.attempts(tenant_id, wanted, cursor=cursor, limit=PAGE_MAX)
            rows += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return rows[::-1], cursor is None


def proposed(
    recorded: Sequence[Recorded], depot_id: DepotId, proposal: EnergyProposal
) -> list[tuple[datetime, SiteEnergyEvent]]:
    """The site's events by their instants, with those of the proposal among them."""
    made: list[SiteEnergyEvent] = []
    if proposal.policy is not None:
        made.append(EnergyPolicyPut(depot_id=depot_id, policy=proposal.policy))
    if proposal.envelope is not None:
        envelope = proposal.envelope
        made.append(OperatingEnvelopeReceived(depot_id=depot_id, envelope=envelope, received_at=proposal.since))
    events = [(each.envelope.recorded_at, each.event) for each in recorded]
    before = [each for each in events if each[0] < proposal.since]
    after = [each for each in events if each[0] >= proposal.since]
    if proposal.policy is not None:
        after = [each for each in after if not isinstance(each[1], EnergyPolicyPut)]
    return [*before, *((proposal.since, each) for each in made), *after]


class GateReplay:
    """Levels of chargers at ascending instants, from nothing but the events, the charges and the instants."""

    def __init__(
        self, site: SiteEnergy, events: Sequence[tuple[datetime, SiteEnergyEvent]], attempts: Sequence[Row]
    ) -> None:
        self._site = site
        self._events = deque(events)
        self._charges = RunningCharges(attempts)
        self._ahead = deque((row["occurred_at"], ChargerId(row["charger_id"])) for row in attempts)
        self._last_attempts = {charger_id: at for at, charger_id in self._ahead}
        self._watched: dict[ChargerId, tuple[Held, datetime]] = {}

    async def level(self, charger_id: ChargerId, at: datetime) -> GateLevel:
        """At `at`, which is no earlier than that of the call before. `open` without a gate. One turn of the loop per event."""
        while self._events and self._events[0][0] <= at:
            instant, event = self._events.popleft()
            self._watch(instant)
            if self._is_of_a_forgotten_envelope(event):
                continue
            self._site.apply(event)
            self._step(list(self._watched), instant)
            await asyncio.sleep(0)
        self._watched.setdefault(charger_id, (Held(), at))
        self._step([charger_id], at)
        return self._watched[charger_id][0].level

    def _is_of_a_forgotten_envelope(self, event: SiteEnergyEvent) -> bool:
        """A policy that holds gates shorter than the recorded one forgets envelopes sooner."""
        return isinstance(event, OperatingEnvelopeWithdrawn) and event.envelope_id not in self._site.envelopes.by_id

    def _watch(self, instant: datetime) -> None:
        """Follow the chargers whose next attempt comes soon, and let go of those whose last one is over."""
        policy = self._site.policy
        look_back = LOOK_BACK if policy is None else LOOK_BACK + policy.minimum_dwell
        while self._ahead and self._ahead[0][0] <= instant + look_back:
            _, charger_id = self._ahead.popleft()
            self._watched.setdefault(charger_id, (Held(), instant))
        for charger_id in [each for each in self._watched if self._last_attempts[each] < instant]:
            del self._watched[charger_id]

    def _step(self, charger_ids: Sequence[ChargerId], at: datetime) -> None:
        if not charger_ids:
            return
        below = self._site.tree.running_below(self._charges.running(at))
        for charger_id in charger_ids:
            held, since = self._watched[charger_id]
            path = self._site.path_of(charger_id, below)
            if path is None:
                self._watched[charger_id] = Held(), at
                continue
            advanced = path.advanced(held, since, at) if since < at else held
            self._watched[charger_id] = path.stepped(advanced, at), at


class RunningCharges:
    """The chargers at which charges run, at ascending instants. A charge that starts at the instant itself does not count: its
    start is the one that is judged."""

    def __init__(self, attempts: Sequence[Row]) -> None:
        sessions = [row for row in attempts if row["session_started_at"] is not None]
        self._starts = deque(sorted((row["session_started_at"], row["charger_id"]) for row in sessions))
        ended = (row for row in sessions if row["session_ended_at"] is not None)
        self._ends = deque(sorted((row["session_ended_at"], row["charger_id"]) for row in ended))
        self._counts: Counter[str] = Counter()

    def running(self, at: datetime) -> Collection[ChargerId]:
        while self._starts and self._starts[0][0] < at:
            self._counts[self._starts.popleft()[1]] += 1
        while self._ends and self._ends[0][0] <= at:
            self._counts[self._ends.popleft()[1]] -= 1
        return [ChargerId(charger_id) for charger_id, count in self._counts.items() if count > 0]


def judged(row: Row, level: GateLevel) -> JudgedAttempt:
    reason = Reason(row["would_deny"] or row["reason"]) if row["reason"] is not None else None
    was_refused = reason is Reason.ENERGY_RESTRICTED
    return JudgedAttempt(row=row, level=level, was_refused=was_refused, is_refused=_refuses(row, reason, level))


def _refuses(row: Row, reason: Reason | None, level: GateLevel) -> bool:
    """Whether an energy gate at this level refuses the start, which the other rules admit."""
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
