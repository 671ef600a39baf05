"""The attempts of the last days that a change would have decided differently, counted before the change is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from access_policy.application.ports.clock import Clock
from access_policy.application.what_if.proposal import Proposal
from access_policy.application.what_if.replay import Question, WhatIf
from access_policy.domain.ids import ChargerId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Attempts in `[since, until)`. `different` includes those with the same outcome for another reason. `complete`:
    see `replay.Answer`."""

    since: datetime
    until: datetime
    attempts: int
    complete: bool
    different: int
    newly_denied: int
    newly_allowed: int


@dataclass(frozen=True, slots=True)
class RecentWhatIf:
    what_if: WhatIf
    clock: Clock

    async def __call__(
        self, tenant_id: TenantId, proposal: Proposal, charger_ids: frozenset[ChargerId] | None, *, days: int
    ) -> Counted:
        """Count the attempts; `charger_ids` None: at all chargers of the tenant. Raises what `WhatIf` raises."""
        until = self.clock.now()
        since = until - timedelta(days=days)
        question = Question(since=since, until=until, charger_ids=charger_ids, proposal=proposal)
        found = await self.what_if(tenant_id, question)
        return Counted(
            since=since,
            until=until,
            attempts=found.attempts,
            complete=found.complete,
            different=found.different,
            newly_denied=found.newly_denied,
            newly_allowed=found.newly_allowed,
        )
