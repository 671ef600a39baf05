"""Warnings about reservations at risk: shown on the board, on a charger's page, and in the form of an override."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from access_policy.application.commands.override_many import OverriddenOne
from access_policy.application.plan.reader import PlanFilter
from access_policy.application.plan.status import PlanStatus
from access_policy.application.ports.views import ReservationFilter
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console import plan_pictures
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.plan import PLAN
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.v1.plan_reader import Plan, PlanShown
from access_policy.entrypoints.http.v1.reservation_models import Reservation

router: APIRouter = pages_router()

AT_RISK: Final = PLAN + "/at-risk"
SOON: Final = timedelta(hours=24)
TO_COME: Final = frozenset({PlanStatus.PLANNED, PlanStatus.AT_RISK, PlanStatus.DUE})


@router.get(AT_RISK, dependencies=visitors(READERS))
async def at_risk(here: Here, plan: Plan, charger_id: Annotated[str | None, Query(max_length=64)] = None) -> Response:
    """Return a part of a page: the entries of the next 24 hours that are at risk. It is empty if none is."""
    where = ReservationFilter(
        since=here.now, until=here.now + SOON, depot_id=here.depot_id, charger_id=charger_id or None
    )
    found = await plan.all(here.caller, PlanFilter(where=where, statuses=frozenset({PlanStatus.AT_RISK})))
    return here.page("plan_at_risk.html", rows=found.items, charger_id=charger_id, pictures=plan_pictures)


async def overtaken(here: Visit, plan: PlanShown, results: Iterable[OverriddenOne]) -> list[Reservation]:
    """Return the future reservations whose chargers the previewed overrides would open to everyone."""
    opened = {
        each.charger_id: each.effect.override
        for each in results
        if each.effect is not None and each.effect.override.mode is AccessMode.FREEVEND
    }
    if not opened:
        return []
    until = max(each.ends_at for each in opened.values())
    where = ReservationFilter(since=here.now, until=until, depot_id=here.depot_id)
    found = await plan.all(here.caller, PlanFilter(where=where, statuses=TO_COME))
    return [
        row
        for row in found.items
        if (override := opened.get(ChargerId(row.charger_id or ""))) is not None
        and row.start < override.ends_at
        and override.starts_at < row.end
    ]
