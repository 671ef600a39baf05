"""Upload a calendar as an iCalendar file, and report what was read."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.adapters.calendars.ics import IcsCalendar, read_ics
from access_policy.application.commands.put_calendar import PutCalendar
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.calendars_shown import CALENDARS, Forms, depot_of, drawn, unused_id
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.v1.calendars import YEARS_AHEAD

router: APIRouter = pages_router()

FILE_MAX: Final = 2_000_000  # bytes


@router.post(CALENDARS, dependencies=visitors(OPERATORS))
async def upload(
    here: Here,
    sent: Sent,
    view: DecisionView,
    call: CommandCall,
    put: Annotated[Handler, provided(lambda c: c.commands.put_calendar)],
) -> Response:
    """Make a new calendar, or replace the content of the calendar with the same name."""
    here = here.at_one_depot()
    try:
        read, command = await _read(here, sent, view)
        await call(put, command)
    except REFUSALS as error:
        return await drawn(here, view, Forms(file=sent.refused(error)), status=422)
    return await drawn(here, view, Forms(read=read))


async def _read(here: Visit, sent: Form, view: View) -> tuple[IcsCalendar, PutCalendar]:
    content = await _content(sent)
    year = here.now.astimezone(here.zone).year
    timed = bool(sent.text("timed"))
    read = await asyncio.to_thread(read_ics, content, here.zone, year, year + YEARS_AHEAD, with_timed=timed)
    name = sent.text("name") or read.name
    if not name:
        raise invalid({"name": "The file does not name its calendar; enter a name."})
    depot = depot_of(here, view)
    known = next((each.calendar_id for each in depot.calendars.values() if each.name == name), None)
    calendar_id = known or unused_id(name, depot.calendars)
    return read, PutCalendar(depot_id=depot.depot_id, calendar_id=calendar_id, name=name, days=read.days)


async def _content(sent: Form) -> bytes:
    """Return the content of the file. Raises `RequestValidationError`."""
    file = sent.files.get("file")
    if file is None:
        raise invalid({"file": "Choose an .ics file."})
    content = await file.read(FILE_MAX + 1)
    await file.close()
    if len(content) > FILE_MAX:
        raise invalid({"file": f"The file is larger than {FILE_MAX // 1_000_000} MB; export fewer years."})
    return content
