"""New manual entries of the plan: two clicks from a free window in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response

from access_policy.application.commands.make_reservation import MakeReservation
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.application.plan.free_windows import FreeWindows, chargers_free
from access_policy.domain.ids import DepotId
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console import reservation_form
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.plan import PLAN, FreeOnes
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.vehicle_form import local_text
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.fields import Instant
from access_policy.entrypoints.http.v1.reservation_models import NewReservationBody

router: APIRouter = pages_router()

ENTRY: Final = "/console/reservations"
STEP: Final = timedelta(minutes=15)
LASTS: Final = timedelta(hours=2)


@router.get(PLAN + "/new", dependencies=visitors(OPERATORS))
async def new(
    here: Here,
    view: DecisionView,
    free_windows: FreeOnes,
    charger_id: Annotated[str, Query(max_length=64)] = "",
    start: Annotated[Instant | None, Query()] = None,
    end: Annotated[Instant | None, Query()] = None,
    day: Annotated[date | None, Query()] = None,
) -> Response:
    """Show the form. `charger_id`, `start` and `end`: a free window that was chosen in the picture."""
    here = here.at_one_depot()
    first = start or _next_quarter(here, day)
    last = end or first + LASTS
    blank = dict.fromkeys(("group_id", "connector_id", "holder/vehicle_id", "identifier_value", "note"), "")
    of_work = {f"assignment/{name}": "" for name in ("block_id", "departure", "needed_kwh", "needed_soc")}
    values: dict[str, str | list[str]] = {
        **blank,
        **of_work,
        "charger_id": charger_id,
        "identifier_kind": "rfid",
        "start": local_text(first, here.zone),
        "end": local_text(last, here.zone),
    }
    return await _page(here, view, free_windows, Form.of(values))


@router.post(PLAN + "/new", dependencies=visitors(OPERATORS))
async def make(
    here: Here,
    view: DecisionView,
    free_windows: FreeOnes,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.make_reservation)],
) -> Response:
    here = here.at_one_depot()
    try:
        body = reservation_form.body_of(sent, NewReservationBody, here.zone, depot_id=here.depot_id or "")
        done = await call(handler, MakeReservation(depot_id=DepotId(body.depot_id), draft=body.draft()))
    except REFUSALS as error:
        return await _page(here, view, free_windows, sent.refused(error), status=422)
    assert done.created_id is not None
    return here.done(href_of(here, done.created_id), "The entry is made.")


def href_of(here: Visit, reservation_id: str, part: str = "") -> str:
    return here.url(f"{ENTRY}/{quote(reservation_id, safe='')}{part}")


async def choices_of(
    here: Visit, view: View, free_windows: FreeWindows, form: Form
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the chargers and the groups of the depot, as values and labels. Chargers that are free in the form's
    window come first."""
    if here.depot_id is None:
        return [], []
    start, end = _typed(here, form)
    free: list[Any] = []
    if start is not None and end is not None and here.now < end and timedelta() < end - start <= timedelta(days=7):
        found = await free_windows(here.caller.tenant_id, here.depot_id, start, end)
        free = chargers_free(found, max(start, here.now), end)
    ids = sorted(await view.charger_ids(here.caller.tenant_id, here.depot_id))
    chargers = [(each, f"{each}, free then") for each in free]
    chargers += [(each, each if not free else f"{each}, promised then") for each in ids if each not in free]
    groups = view.book(here.caller.tenant_id, here.depot_id).groups.values()
    return [("", "–"), *chargers], [("", "–"), *((each.group_id, each.name) for each in groups)]


def _typed(here: Visit, form: Form) -> tuple[datetime | None, datetime | None]:
    try:
        return form.instant("start", here.zone), form.instant("end", here.zone)
    except REFUSALS:
        return None, None


def _next_quarter(here: Visit, day: date | None) -> datetime:
    """Return the next quarter of an hour; on another day, at the same local time."""
    local = here.now.astimezone(here.zone)
    at = local.replace(minute=local.minute // 15 * 15, second=0, microsecond=0) + STEP
    return at if day is None or day <= local.date() else at.replace(year=day.year, month=day.month, day=day.day)


async def _page(here: Visit, view: View, free_windows: FreeWindows, form: Form, *, status: int = 200) -> Response:
    chargers, groups = await choices_of(here, view, free_windows, form)
    return here.page(
        "reservation_form.html",
        status=status,
        form=form,
        title="New entry",
        action=here.url(PLAN + "/new"),
        back=here.url(PLAN),
        chargers=chargers,
        groups=groups,
        kinds=reservation_form.KINDS,
        vehicles=vehicle_ids(here, view),
    )


def vehicle_ids(here: Visit, view: View) -> Sequence[str]:
    """Return the vehicles that a field offers: at most a few hundred."""
    return sorted(view.registry(here.caller.tenant_id).vehicles)[:300]
