"""`/v1/depots/{depot_id}/calendars`: holiday calendars that the chargers of a depot share."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import Field

from access_policy.application.commands.add_holiday import AddHoliday
from access_policy.application.commands.put_calendar import PutCalendar
from access_policy.application.commands.remove_calendar import RemoveCalendar
from access_policy.domain.depots.depot import Depot, DepotUnknown
from access_policy.domain.ids import CalendarId, DepotId, TenantId
from access_policy.domain.mode_schedule.calendars import HolidayCalendar
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, CommandCall, PutCall
from access_policy.entrypoints.http.dependencies import Clock, DecisionView, Handler, provided
from access_policy.entrypoints.http.fields import Page, ResponseModel, Text, UtcInstant, Version
from access_policy.entrypoints.http.responses import created, set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.calendar_bodies import JSON_SCHEMA, NewHolidayBody, read_calendar

router = api_router(tags=["calendars"])

YEARS_AHEAD = 2  # years after the present one for which an .ics file is expanded, unless `years` is given

CalendarName = Annotated[Text | None, Query(description="For an .ics file; default: its X-WR-CALNAME")]
Years = Annotated[
    str | None,
    Query(
        pattern="^[0-9]{4}(-[0-9]{4})?$",
        description="For an .ics file: the years for which events are expanded, such as 2026 or 2026-2028; default: this "
        "year and the next two",
    ),
]
Timed = Annotated[
    bool, Query(description="For an .ics file: also import the days of events with times, not only all-day events")
]
_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": JSON_SCHEMA}, "text/calendar": {"schema": {"type": "string"}}},
    }
}


class HolidayShown(ResponseModel):
    date: dt.date
    until_date: dt.date
    reason: str


class CalendarSettings(ResponseModel):
    depot_id: str
    calendar_id: str
    name: str
    days: list[HolidayShown]
    version: Version


class TimedEventShown(ResponseModel):
    """An event with times in an .ics file; `imported` is true if the caller requested the days of such events."""

    uid: str
    summary: str
    starts_at: UtcInstant
    imported: bool


class CalendarPut(CalendarSettings):
    """The stored calendar. `left_out` counts the events of an .ics file that have no day in the requested years."""

    left_out: int
    timed_events: list[TimedEventShown]


class Calendar(CalendarSettings):
    used_by: Annotated[list[str], Field(description="Ids of chargers")]


class CalendarSummary(ResponseModel):
    depot_id: str
    calendar_id: str
    name: str
    day_count: int
    version: Version


@router.put(
    "/depots/{depot_id}/calendars/{calendar_id}",
    operation_id="put_calendar",
    dependencies=requires(OPERATORS),
    responses=created(CalendarPut),
    openapi_extra=_BODIES,
)
async def put_calendar(
    request: Request,
    call: PutCall,
    view: DecisionView,
    clock: Clock,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_calendar)],
    depot_id: str,
    calendar_id: str,
    name: CalendarName = None,
    years: Years = None,
    timed: Timed = False,
) -> CalendarPut:
    """Create or replace a calendar. Send JSON, or an .ics file as `text/calendar`: its events become days with the
    summary as the reason, and recurring events are expanded for `years`. `left_out` counts the events that have no day
    in these years. `timed_events` lists the first 100 events with times, such as 08:00 to 17:00: their days are
    imported only with `timed=true`."""
    depot = _depot(view, call.caller.tenant_id, DepotId(depot_id))
    this_year = clock.now().astimezone(depot.zone).year
    body = await read_calendar(
        request, name, depot.zone, _years(years) or (this_year, this_year + YEARS_AHEAD), with_timed=timed
    )
    command = PutCalendar(
        depot_id=depot.depot_id,
        calendar_id=CalendarId(calendar_id),
        name=body.name,
        days=body.days,
        expected_version=call.expected_version,
    )
    done = await call(handler, command)
    calendar = HolidayCalendar.of(command.calendar_id, command.name, command.days)
    return CalendarPut(
        **_settings(depot.depot_id, calendar),
        left_out=body.left_out,
        timed_events=[
            TimedEventShown(uid=each.uid, summary=each.summary, starts_at=each.starts_at, imported=timed)
            for each in body.timed_events
        ],
        version=done.version,
    )


@router.get("/depots/{depot_id}/calendars/{calendar_id}", operation_id="get_calendar", dependencies=requires(READERS))
async def get_calendar(
    caller: Caller, view: DecisionView, depot_id: str, calendar_id: str, response: Response
) -> Calendar:
    """Get the calendar. `used_by` lists the chargers with a rule or an exception that names it."""
    depot = _depot(view, caller.tenant_id, DepotId(depot_id))
    calendar = depot.calendar(CalendarId(calendar_id))
    version = depot.calendar_changed_at[calendar.calendar_id]
    users = [
        charger_id
        for charger_id in await view.charger_ids(caller.tenant_id, depot.depot_id)
        if calendar.calendar_id in view.charger(caller.tenant_id, charger_id).policy.plan.calendars_in_use
    ]
    set_etag(response, version)
    return Calendar(**_settings(depot.depot_id, calendar), used_by=sorted(users), version=version)


@router.get("/depots/{depot_id}/calendars", operation_id="list_calendars", dependencies=requires(READERS))
async def list_calendars(caller: Caller, view: DecisionView, depot_id: str) -> Page[CalendarSummary]:
    """List all calendars of the depot without their days; `day_count` is the number of days."""
    depot = _depot(view, caller.tenant_id, DepotId(depot_id))
    return Page(items=[_summary(depot, each) for each in sorted(depot.calendars)], next_cursor=None)


@router.post("/depots/{depot_id}/holidays", operation_id="add_holiday", dependencies=requires(OPERATORS))
async def add_holiday(
    depot_id: str,
    body: NewHolidayBody,
    call: CommandCall,
    view: DecisionView,
    handler: Annotated[Handler, provided(lambda c: c.commands.add_holiday)],
) -> Page[CalendarSummary]:
    """Add one entry to calendars of the depot, even if others change them at the same time. The response lists these
    calendars. Calendars that already have the entry are unchanged."""
    chosen = body.chosen()
    await call(handler, AddHoliday(depot_id=DepotId(depot_id), calendar_ids=chosen, day=body.holiday()))
    depot = _depot(view, call.caller.tenant_id, DepotId(depot_id))
    into = depot.calendars if chosen is None else depot.calendars.keys() & set(chosen)
    return Page(items=[_summary(depot, each) for each in sorted(into)], next_cursor=None)


@router.delete(
    "/depots/{depot_id}/calendars/{calendar_id}",
    operation_id="remove_calendar",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def remove_calendar(
    depot_id: str,
    calendar_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_calendar)],
) -> None:
    """Remove the calendar. 409 while a charger uses it; the problem names the chargers."""
    command = RemoveCalendar(
        depot_id=DepotId(depot_id), calendar_id=CalendarId(calendar_id), expected_version=call.expected_version
    )
    await call(handler, command)


def _depot(view: DecisionView, tenant_id: TenantId, depot_id: DepotId) -> Depot:
    depot = view.depot(tenant_id, depot_id)
    if depot is None:
        raise DepotUnknown.named(depot_id)
    return depot


def _summary(depot: Depot, calendar_id: CalendarId) -> CalendarSummary:
    calendar = depot.calendars[calendar_id]
    return CalendarSummary(
        depot_id=depot.depot_id,
        calendar_id=calendar_id,
        name=calendar.name,
        day_count=len(calendar.reasons()),
        version=depot.calendar_changed_at[calendar_id],
    )


def _years(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _settings(depot_id: DepotId, calendar: HolidayCalendar) -> dict[str, Any]:
    return {
        "depot_id": depot_id,
        "calendar_id": calendar.calendar_id,
        "name": calendar.name,
        "days": [HolidayShown(date=each.first, until_date=each.last, reason=each.reason) for each in calendar.days],
    }
