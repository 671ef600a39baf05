"""Holiday calendars of a depot: their days, and the removal of a day or of a calendar."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.commands.put_calendar import PutCalendar
from access_policy.application.commands.remove_calendar import RemoveCalendar
from access_policy.domain.ids import CalendarId
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.calendars_shown import CALENDARS, Forms, depot_of, drawn
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.v1.calendar_bodies import HolidayBody

router: APIRouter = pages_router()


@router.get(CALENDARS, dependencies=visitors(READERS))
async def calendars(here: Here, view: DecisionView) -> Response:
    return await drawn(here.at_one_depot(), view, Forms())


@router.post(CALENDARS + "/{calendar_id}/days/remove", dependencies=visitors(OPERATORS))
async def remove_day(
    here: Here,
    calendar_id: str,
    sent: Sent,
    view: DecisionView,
    call: CommandCall,
    put: Annotated[Handler, provided(lambda c: c.commands.put_calendar)],
) -> Response:
    """Remove days. The service refuses it if someone else changed the calendar at the same moment."""
    here = here.at_one_depot()
    depot = depot_of(here, view)
    calendar = depot.calendar(CalendarId(calendar_id))
    day = sent.body(HolidayBody).holiday()
    command = PutCalendar(
        depot_id=depot.depot_id,
        calendar_id=calendar.calendar_id,
        name=calendar.name,
        days=tuple(each for each in calendar.days if each != day),
        expected_version=depot.calendar_changed_at[calendar.calendar_id],
    )
    try:
        await call(put, command)
    except REFUSALS as error:
        return await drawn(here, view, Forms(of=calendar_id, of_calendar=Form().refused(error)), status=422)
    return here.done(here.url(CALENDARS), f"{day.reason} is removed from {calendar.name}.")


@router.post(CALENDARS + "/{calendar_id}/remove", dependencies=visitors(OPERATORS))
async def remove(
    here: Here,
    calendar_id: str,
    view: DecisionView,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_calendar)],
) -> Response:
    """Remove a calendar. The service refuses it while a charger or a schedule uses the calendar."""
    here = here.at_one_depot()
    calendar = depot_of(here, view).calendar(CalendarId(calendar_id))
    command = RemoveCalendar(depot_id=depot_of(here, view).depot_id, calendar_id=calendar.calendar_id)
    try:
        await call(handler, command)
    except REFUSALS as error:
        return await drawn(here, view, Forms(of=calendar_id, of_calendar=Form().refused(error)), status=422)
    return here.done(here.url(CALENDARS), f"{calendar.name} is removed.")
