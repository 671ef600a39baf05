"""The attempts of the last days that a change of a schedule would have decided differently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.put_schedule import SchedulePutDone
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.identity import Identity
from access_policy.application.what_if.proposal import Proposal, ProposedSchedule
from access_policy.application.what_if.recent import RecentWhatIf
from access_policy.domain.ids import ScheduleId
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.v1.schedule_models import AttemptsCounted, FollowBody, ScheduleBody


@dataclass(frozen=True, slots=True)
class CountDifferent:
    recent: RecentWhatIf
    view: DecisionView

    async def of_put(self, caller: Identity, body: ScheduleBody, done: SchedulePutDone) -> AttemptsCounted | None:
        """Return the count, or None unless the body requests it. Raises `StoreUnavailable`."""
        if body.what_if_days is None:
            return None
        change = following(done.schedule.schedule_id, done.schedule, done.results)
        return await self._count(caller, change, body.what_if_days)

    async def of_following(
        self, caller: Identity, body: FollowBody, schedule_id: ScheduleId, results: Iterable[ChangedOne]
    ) -> AttemptsCounted | None:
        """Return the count, or None unless the body requests it. Raises `StoreUnavailable`."""
        if body.what_if_days is None:
            return None
        schedule = await self._schedule(caller, schedule_id) if body.follows else None
        return await self._count(caller, following(schedule_id, schedule, results), body.what_if_days)

    async def _schedule(self, caller: Identity, schedule_id: ScheduleId) -> Schedule | None:
        depot_id = await self.view.depot_of_schedule(caller.tenant_id, schedule_id)
        depot = None if depot_id is None else self.view.depot(caller.tenant_id, depot_id)
        return None if depot is None else depot.schedule(schedule_id)

    async def _count(self, caller: Identity, change: ProposedSchedule, days: int) -> AttemptsCounted:
        proposal = Proposal(schedules=(change,))
        return AttemptsCounted.of(await self.recent(caller.tenant_id, proposal, change.charger_ids, days=days))


def following(schedule_id: ScheduleId, schedule: Schedule | None, results: Iterable[ChangedOne]) -> ProposedSchedule:
    """Propose that the chargers that did not refuse have `schedule`, or leave it (None)."""
    concerned = frozenset(each.charger_id for each in results if each.refusal is None)
    return ProposedSchedule(schedule_id=schedule_id, charger_ids=concerned, schedule=schedule)


def _counting(request: Request) -> CountDifferent:
    container = container_of(request)
    return CountDifferent(container.queries.recent_what_if(), container.deciding.view())


Counting = Annotated[CountDifferent, Depends(_counting)]
