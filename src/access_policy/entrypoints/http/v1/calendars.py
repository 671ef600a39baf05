"""`/v1/depots/{depot_id}/calendars`: holiday calendars that the chargers of a depot share."""

from __future__ import annotations

import asyncio
import codecs
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from access_policy.adapters.calendars.ics import TimedEvent, read_ics
from access_policy.application.commands.put_calendar import PutCalendar
from access_policy.application.commands.remove_calendar import RemoveCalendar
from access_policy.domain.depots.depot import Depot, DepotUnknown
from access_policy.domain.ids import CalendarId, DepotId, TenantId
from access_policy.domain.mode_schedule.calendars import CalendarInvalid, HolidayCalendar
from access_policy.entrypoints.http.answers import (
    IfMatch,
    IfNoneMatch,
    answer,
    done,
    expected_version,
    instant,
    nothing_left,
)
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import CalendarBody, HolidayBody, Text
from access_policy.entrypoints.http.services import HttpServices

router = APIRouter(tags=["calendars"])

YEARS_AHEAD = 2  # after this one, that an .ics file is expanded over unless `years` says otherwise

CalendarName = Annotated[Text | None, Query(description="Of an .ics file; else its X-WR-CALNAME")]
Years = Annotated[
    str | None,
    Query(
        pattern="^[0-9]{4}(-[0-9]{4})?$",
        description="Over which an .ics file is expanded, such as 2026 or 2026-2028; else this one and the next two",
    ),
]
Timed = Annotated[
    bool, Query(description="Of an .ics file: take the days of events with times as well, not of all-day events only")
]


def _json_schema() -> dict[str, Any]:
    """Of the body, whole: references would point outside it."""
    schema = CalendarBody.model_json_schema()
    schema["properties"]["days"]["items"] = schema.pop("$defs")[HolidayBody.__name__]
    return schema


_BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _json_schema()},
            "text/calendar": {"schema": {"type": "string"}},
        },
    }
}


@router.put("/depots/{depot_id}/calendars/{calendar_id}", operation_id="put_calendar", openapi_extra=_BODIES)
async def put_calendar(
    request: Request,
    caller: Caller,
    services: Services,
    depot_id: str,
    calendar_id: str,
    name: CalendarName = None,
    years: Years = None,
    timed: Timed = False,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """As JSON, or an .ics file as `text/calendar`: its events become days, with the summary as the reason; what recurs is
    expanded over `years`. `left_out` counts the events that have no day in these years. `timed_events` names the first 100
    events with times, such as 08:00 to 17:00: the days they touch are taken only with `timed=true`."""
    depot = _depot(services, caller.tenant_id, DepotId(depot_id))
    content = await request.body()
    left_out = 0
    timed_events: tuple[TimedEvent, ...] = ()
    match request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower():
        case "text/calendar":
            first, last = _years(years, services, depot)
            read = await asyncio.to_thread(read_ics, content, depot.zone, first, last, with_timed=timed)
            timed_events = read.timed
            called, days, left_out = read.name if name is None else name, read.days, read.left_out
        case "application/json":
            body = _body(content)
            called, days = body.name, tuple(each.holiday() for each in body.days)
        case _:
            raise CalendarInvalid("Send application/json, or an .ics file as text/calendar.", pointer="/Content-Type")
    if called is None:
        raise CalendarInvalid(
            "The file has no X-WR-CALNAME; say what the calendar is called as ?name=.", pointer="/name"
        )
    command = PutCalendar(
        depot_id=depot.depot_id,
        calendar_id=CalendarId(calendar_id),
        name=called,
        days=days,
        expected_version=expected_version(if_match, if_none_match),
    )
    result = await services.put_calendar(context_of(request, caller), command)
    await services.settled(result.position)
    calendar = HolidayCalendar.of(command.calendar_id, command.name, command.days)
    shown = {**_shown(depot.depot_id, calendar), "left_out": left_out}
    shown["timed_events"] = [
        {"uid": each.uid, "summary": each.summary, "starts_at": instant(each.starts_at), "imported": timed}
        for each in timed_events
    ]
    return done(result, shown, status=201 if result.created else 200)


@router.get("/depots/{depot_id}/calendars/{calendar_id}", operation_id="get_calendar")
async def get_calendar(caller: Caller, services: Services, depot_id: str, calendar_id: str) -> Response:
    """`used_by` are the chargers with a rule or an exception that names it."""
    depot = _depot(services, caller.tenant_id, DepotId(depot_id))
    calendar = depot.calendar(CalendarId(calendar_id))
    version = depot.calendar_changed_at[calendar.calendar_id]
    users = [
        charger_id
        for charger_id in await services.decision_view.charger_ids(caller.tenant_id, depot.depot_id)
        if calendar.calendar_id
        in services.decision_view.charger(caller.tenant_id, charger_id).policy.plan.calendars_in_use
    ]
    body = {**_shown(depot.depot_id, calendar), "used_by": sorted(users), "version": version}
    return answer(body, version=version)


@router.get("/depots/{depot_id}/calendars", operation_id="list_calendars")
async def list_calendars(caller: Caller, services: Services, depot_id: str) -> Response:
    """All of the depot, without their days: `day_count` says how many they are."""
    depot = _depot(services, caller.tenant_id, DepotId(depot_id))
    items = [
        {
            "depot_id": depot.depot_id,
            "calendar_id": calendar_id,
            "name": calendar.name,
            "day_count": len(calendar.reasons()),
            "version": depot.calendar_changed_at[calendar_id],
        }
        for calendar_id, calendar in sorted(depot.calendars.items())
    ]
    return answer({"items": items, "next_cursor": None})


@router.delete("/depots/{depot_id}/calendars/{calendar_id}", operation_id="remove_calendar", status_code=204)
async def remove_calendar(
    request: Request, caller: Caller, services: Services, depot_id: str, calendar_id: str, if_match: IfMatch = None
) -> Response:
    """409 while a charger uses it, naming the chargers."""
    command = RemoveCalendar(
        depot_id=DepotId(depot_id), calendar_id=CalendarId(calendar_id), expected_version=expected_version(if_match)
    )
    result = await services.remove_calendar(context_of(request, caller), command)
    await services.settled(result.position)
    return nothing_left(result)


def _depot(services: HttpServices, tenant_id: TenantId, depot_id: DepotId) -> Depot:
    depot = services.decision_view.depot(tenant_id, depot_id)
    if depot is None:
        raise DepotUnknown(f"There is no depot {depot_id[:64]}.")
    return depot


def _years(text: str | None, services: HttpServices, depot: Depot) -> tuple[int, int]:
    if text is None:
        this_year = services.clock.now().astimezone(depot.zone).year
        return this_year, this_year + YEARS_AHEAD
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _body(content: bytes) -> CalendarBody:
    try:
        return CalendarBody.model_validate_json(content.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in found]) from error


def _shown(depot_id: DepotId, calendar: HolidayCalendar) -> dict[str, Any]:
    return {
        "depot_id": depot_id,
        "calendar_id": calendar.calendar_id,
        "name": calendar.name,
        "days": [
            {"date": each.first.isoformat(), "until_date": each.last.isoformat(), "reason": each.reason}
            for each in calendar.days
        ],
    }
