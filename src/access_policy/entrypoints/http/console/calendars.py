"""Holiday calendars of a depot: their days, another day, and files in the iCalendar format with a report of what was read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.adapters.calendars.ics import IcsCalendar, read_ics
from access_policy.application.commands.put_calendar import PutCalendar
from access_policy.application.commands.remove_calendar import RemoveCalendar
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.application.turns import in_turns
from access_policy.domain.depots.depot import Depot, DepotUnknown
from access_policy.domain.ids import CalendarId, DepotId
from access_policy.domain.mode_schedule.calendars import Holiday, HolidayCalendar
from access_policy.domain.plurals import counted
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.v1.calendar_bodies import HolidayBody
from access_policy.entrypoints.http.v1.calendars import YEARS_AHEAD

router: APIRouter = pages_router()

CALENDARS: Final = "/console/calendars"
FILE_MAX: Final = 2_000_000  # bytes
UPCOMING_SHOWN: Final = 8

Put = Annotated[Handler, provided(lambda c: c.commands.put_calendar)]


@dataclass(frozen=True, slots=True)
class Shown:
    """`upcoming` are the days from yesterday on; `users` the chargers with a rule or an exception that names it."""

    calendar: HolidayCalendar
    upcoming: list[Holiday]
    users: list[str]


@router.get(CALENDARS, dependencies=visitors(READERS))
async def calendars(here: Here, view: DecisionView) -> Response:
    here = here.at_one_depot()
    return await _drawn(here, view, Form(), Form())


async def _drawn(
    here: Visit, view: View, day: Form, file: Form, *, of: str = "", read: IcsCalendar | None = None, status: int = 200
) -> Response:
    """`day` is the form of the calendar `of`, `file` that of a file; `read`: what the file had."""
    return here.page(
        "calendars.html",
        status=status,
        calendars=await _shown(here, view) if here.depot else [],
        day=day,
        blank=Form(),
        file=file,
        of=of,
        read=read,
        shown=UPCOMING_SHOWN,
    )


async def _shown(here: Visit, view: View) -> list[Shown]:
    tenant_id, depot = here.caller.tenant_id, _depot(here, view)
    users: dict[str, list[str]] = {each: [] for each in depot.calendars}
    async for charger_id in in_turns(sorted(await view.charger_ids(tenant_id, depot.depot_id))):
        for calendar_id in view.charger(tenant_id, charger_id).policy.plan.calendars_in_use:
            users.setdefault(calendar_id, []).append(charger_id)
    first = here.now.astimezone(here.zone).date() - timedelta(days=1)
    found = [
        Shown(each, [day for day in each.days if day.last >= first], users[each.calendar_id])
        for each in depot.calendars.values()
    ]
    return sorted(found, key=lambda each: each.calendar.name.casefold())


def _depot(here: Visit, view: View) -> Depot:
    """As it is after a change of this request. Raises `DepotUnknown`."""
    depot = None if here.depot_id is None else view.depot(here.caller.tenant_id, here.depot_id)
    if depot is None:
        raise DepotUnknown("There is no depot yet.")
    return depot


@router.post(CALENDARS + "/{calendar_id}/days", dependencies=visitors(OPERATORS))
async def add_day(
    here: Here, calendar_id: str, sent: Sent, view: DecisionView, call: CommandCall, put: Put
) -> Response:
    """Add one holiday. It is added to what others have saved meanwhile."""
    here = here.at_one_depot()
    calendar = _depot(here, view).calendar(CalendarId(calendar_id))
    try:
        day = sent.body(HolidayBody).holiday()
        await call(put, _changed(here, calendar, [*calendar.days, day]))
    except REFUSALS as error:
        return await _drawn(here, view, sent.refused(error), Form(), of=calendar_id, status=422)
    users = next(each.users for each in await _shown(here, view) if each.calendar.calendar_id == calendar_id)
    text = f"{day.reason} is added to {calendar.name}; {counted(len(users), 'charger')} follow it."
    return here.done(here.url(CALENDARS), text)


@router.post(CALENDARS + "/{calendar_id}/days/remove", dependencies=visitors(OPERATORS))
async def remove_day(
    here: Here, calendar_id: str, sent: Sent, view: DecisionView, call: CommandCall, put: Put
) -> Response:
    here = here.at_one_depot()
    calendar = _depot(here, view).calendar(CalendarId(calendar_id))
    day = sent.body(HolidayBody).holiday()
    left = [each for each in calendar.days if each != day]
    try:
        await call(put, _changed(here, calendar, left))
    except REFUSALS as error:
        return await _drawn(here, view, Form().refused(error), Form(), of=calendar_id, status=422)
    return here.done(here.url(CALENDARS), f"{day.reason} is taken out of {calendar.name}.")


def _changed(here: Visit, calendar: HolidayCalendar, days: Iterable[Holiday]) -> PutCalendar:
    return PutCalendar(
        depot_id=here.depot_id or DepotId(""), calendar_id=calendar.calendar_id, name=calendar.name, days=tuple(days)
    )


@router.post(CALENDARS, dependencies=visitors(OPERATORS))
async def upload(here: Here, sent: Sent, view: DecisionView, call: CommandCall, put: Put) -> Response:
    """A calendar from a file: a new one, or the new content of the calendar with the same name."""
    here = here.at_one_depot()
    try:
        read, command = await _read(here, sent, view)
        await call(put, command)
    except REFUSALS as error:
        return await _drawn(here, view, Form(), sent.refused(error), status=422)
    return await _drawn(here, view, Form(), Form(), read=read)


async def _read(here: Visit, sent: Form, view: View) -> tuple[IcsCalendar, PutCalendar]:
    file = sent.files.get("file")
    if file is None:
        raise invalid({"file": "Choose an .ics file."})
    content = await file.read(FILE_MAX + 1)
    await file.close()
    if len(content) > FILE_MAX:
        raise invalid({"file": f"The file is larger than {FILE_MAX // 1_000_000} MB; export fewer years."})
    year = here.now.astimezone(here.zone).year
    timed = bool(sent.text("timed"))
    read = await asyncio.to_thread(read_ics, content, here.zone, year, year + YEARS_AHEAD, with_timed=timed)
    name = sent.text("name") or read.name
    if not name:
        raise invalid({"name": "The file has no name of its own; enter one."})
    known = next((each.calendar_id for each in _depot(here, view).calendars.values() if each.name == name), None)
    command = PutCalendar(
        depot_id=here.depot_id or DepotId(""),
        calendar_id=known or CalendarId(_id_for(name)),
        name=name,
        days=read.days,
    )
    return read, command


def _id_for(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:64] or "calendar"


@router.post(CALENDARS + "/{calendar_id}/remove", dependencies=visitors(OPERATORS))
async def remove(
    here: Here,
    calendar_id: str,
    view: DecisionView,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_calendar)],
) -> Response:
    """Refused while a charger or a schedule uses it."""
    here = here.at_one_depot()
    calendar = _depot(here, view).calendar(CalendarId(calendar_id))
    command = RemoveCalendar(depot_id=here.depot_id or DepotId(""), calendar_id=calendar.calendar_id)
    try:
        await call(handler, command)
    except REFUSALS as error:
        return await _drawn(here, view, Form().refused(error), Form(), of=calendar_id, status=422)
    return here.done(here.url(CALENDARS), f"{calendar.name} is removed.")
