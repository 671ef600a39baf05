"""The common part of all pages about one schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends

from access_policy.application.commands.follow_schedule import depot_of
from access_policy.domain.depots.depot import Depot, DepotUnknown
from access_policy.domain.ids import ChargerId, ScheduleId
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.dependencies import DecisionView

SCHEDULES: Final = "/console/schedules"


@dataclass(frozen=True, slots=True)
class AtSchedule:
    """The visit on the clock of the schedule's depot. `followers` maps each charger to the schedule as the charger has
    it."""

    here: Visit
    depot: Depot
    stored: Schedule
    followers: dict[ChargerId, Schedule]

    @property
    def version(self) -> int:
        return self.depot.schedule_changed_at[self.stored.schedule_id]

    def url(self, below: str = "", **parameters: Any) -> str:
        """Return the page of the schedule, or one below it such as `/withdraw`."""
        return self.here.url(f"{SCHEDULES}/{quote(self.stored.schedule_id, safe='')}{below}", **parameters)


async def _at(here: Here, schedule_id: str, view: DecisionView) -> AtSchedule:
    """Find the schedule of the path. Raises `ScheduleUnknown`."""
    tenant_id, this = here.caller.tenant_id, ScheduleId(schedule_id)
    depot_id = await depot_of(view, tenant_id, this)
    depot = view.depot(tenant_id, depot_id)
    if depot is None:
        raise DepotUnknown.named(depot_id)
    at_depot = replace(here, depot=depot).in_depot(depot)
    return AtSchedule(at_depot, depot, depot.schedule(this), dict(view.followers_of(tenant_id, this)))


At = Annotated[AtSchedule, Depends(_at)]
