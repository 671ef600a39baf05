"""The attempts of the last days that a change of a schedule would have decided differently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request

from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.put_schedule import SchedulePutDone
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.identity import Identity
from access_policy.application.what_if.proposal import Proposal, ProposedSchedule
from access_policy.application.what_if.replay import Question, WhatIf
from access_policy.domain.ids import ScheduleId
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.v1.schedule_models import AttemptsCounted, FollowBody, ScheduleBody


@dataclass(frozen=True, slots=True)
class CountDifferent:
    what_if: WhatIf
    clock: Clock

    async def of_put(self, caller: Identity, body: ScheduleBody, done: SchedulePutDone) -> AttemptsCounted | None:
        """None unless the body asks for it. Raises `StoreUnavailable`."""
        if body.what_if_days is None:
            return None
        return await self._count(caller, done.schedule.schedule_id, done.schedule, done.results, body.what_if_days)

    async def of_following(
        self, caller: Identity, body: FollowBody, schedule_id: ScheduleId, results: Iterable[ChangedOne]
    ) -> AttemptsCounted | None:
        """None unless the body asks for it. Raises `StoreUnavailable`."""
        if body.what_if_days is None:
            return None
        schedule = await self._schedule(caller, schedule_id) if body.follows else None
        return await self._count(caller, schedule_id, schedule, results, body.what_if_days)

    async def _schedule(self, caller: Identity, schedule_id: ScheduleId) -> Schedule | None:
        view = self.what_if.view
        depot_id = await view.depot_of_schedule(caller.tenant_id, schedule_id)
        depot = None if depot_id is None else view.depot(caller.tenant_id, depot_id)
        return None if depot is None else depot.schedule(schedule_id)

    async def _count(
        self,
        caller: Identity,
        schedule_id: ScheduleId,
        schedule: Schedule | None,
        results: Iterable[ChangedOne],
        days: int,
    ) -> AttemptsCounted:
        concerned = frozenset(each.charger_id for each in results if each.refusal is None)
        until = self.clock.now()
        since = until - timedelta(days=days)
        change = ProposedSchedule(schedule_id=schedule_id, charger_ids=concerned, schedule=schedule)
        question = Question(since=since, until=until, charger_ids=concerned, proposal=Proposal(schedules=(change,)))
        found = await self.what_if(caller.tenant_id, question)
        return AttemptsCounted(
            from_=since,
            until=until,
            attempts=found.attempts,
            complete=found.complete,
            different=found.different,
            newly_denied=found.count_where(lambda each: each.before.allowed and not each.after.allowed),
            newly_allowed=found.count_where(lambda each: each.after.allowed and not each.before.allowed),
        )


def _counting(request: Request) -> CountDifferent:
    container = container_of(request)
    return CountDifferent(container.queries.what_if(), container.clock())


Counting = Annotated[CountDifferent, Depends(_counting)]
