"""The plan of one depot's operating day: a picture of all chargers, and the arrivals as a list for a phone."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.event_loop import cooperatively
from access_policy.application.plan.free_windows import FreeWindows
from access_policy.domain.ids import ChargerId
from access_policy.domain.reservations.availability import Window
from access_policy.domain.reservations.operating_days import bounds_of, operating_day
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console import plan_pictures, plan_words
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.plan_asked import EVERY_GROUP, AskedFor, lines_shown
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, provided
from access_policy.entrypoints.http.v1.plan_reader import Plan, of_period

router: APIRouter = pages_router()

PLAN: Final = "/console/plan"
FreeOnes = Annotated[FreeWindows, provided(lambda c: c.queries.free_windows)]


@router.get(PLAN, dependencies=visitors(READERS))
async def plan_of_day(
    here: Here,
    view: DecisionView,
    plan: Plan,
    free_windows: FreeOnes,
    asked: AskedFor,
) -> Response:
    here = here.at_one_depot()
    if here.depot_id is None:
        return here.page("plan.html", day=None)
    book = view.book(here.caller.tenant_id, here.depot_id)
    shown = day_shown(here, asked.day, book.settings.day_starts_at)
    page = await plan.all(here.caller, of_period(here.depot_id, shown.start, shown.end))
    ids = frozenset(await view.charger_ids(here.caller.tenant_id, here.depot_id))
    chargers = await plan.reader.gather.chargers(here.caller.tenant_id, ids, plan.connected, here.now)
    free: dict[ChargerId, list[Window]] = {}
    if here.operates and shown.end > here.now:
        found = await free_windows(here.caller.tenant_id, here.depot_id, shown.start, shown.end)
        free = {each.place.charger_id: each.windows for each in found if each.place.charger_id is not None}
    groups = sorted(((each.group_id, each.name) for each in book.groups.values()), key=lambda each: each[1])
    rows = [each for each in page.items if asked.has(each)]
    pictured = lines_shown(asked, plan_pictures.lines_of(shown, rows, chargers, groups, free, here.now))
    return await here.page_cooperatively(
        "plan.html",
        day=shown,
        today=operating_day(here.now, here.zone, book.settings.day_starts_at),
        asked=asked,
        count=len(page.items),
        lines=[line async for line in cooperatively(pictured.lines)],
        pictured=pictured,
        every_group=EVERY_GROUP,
        arrivals=plan_words.arrivals_of(rows),
        computed_at=page.computed_at,
        at_risk=[each for each in rows if each.status == "at_risk"],
        now_x=shown.x(here.now) if shown.start <= here.now < shown.end else None,
        names=dict(groups),
        words=plan_words,
        pictures=plan_pictures,
    )


def day_shown(here: Visit, on: date | None, starts_at: time) -> plan_pictures.PlanDay:
    """Return the operating day of `on`, or the present one if `on` is None."""
    chosen = on or operating_day(here.now, here.zone, starts_at)
    start, end = bounds_of(chosen, here.zone, starts_at)
    return plan_pictures.PlanDay(chosen, start, end, here.zone)
