"""Add one holiday: to calendars of one or of several depots, or as the first day of a new calendar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.commands.add_holiday import AddHoliday
from access_policy.application.commands.put_calendar import PutCalendar
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.domain.depots.depot import CalendarUnknown, Depot
from access_policy.domain.ids import CalendarId, checked_name
from access_policy.domain.mode_schedule.calendars import Holiday
from access_policy.domain.plurals import counted
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.calendars_shown import (
    CALENDARS,
    Forms,
    depot_of,
    drawn,
    unused_id,
    users_of,
)
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.v1.calendar_bodies import HolidayBody

router: APIRouter = pages_router()


@dataclass(frozen=True, slots=True)
class Change:
    """A command on one depot that adds `day` to these calendars, with their names."""

    command: AddHoliday | PutCalendar
    day: Holiday
    depot: Depot
    calendars: dict[CalendarId, str]


@router.post(CALENDARS + "/holidays", dependencies=visitors(OPERATORS))
async def add_holiday(
    here: Here,
    sent: Sent,
    view: DecisionView,
    call: CommandCall,
    add: Annotated[Handler, provided(lambda c: c.commands.add_holiday)],
    put: Annotated[Handler, provided(lambda c: c.commands.put_calendar)],
) -> Response:
    """Add the day depot by depot; each depot adds it to all its chosen calendars or to none."""
    here = here.at_one_depot()
    sent = replace(sent, values={"calendars": [], "new_name": "", "until_date": "", **sent.values})
    made: list[Change] = []
    try:
        for change in _changes(here, view, sent):
            await call(add if isinstance(change.command, AddHoliday) else put, change.command)
            made.append(change)
    except REFUSALS as error:
        refused = sent.refused(error)
        if made:
            refused = replace(refused, problem=f"{await _said(view, here, made)} {refused.problem}")
        return await drawn(here, view, Forms(holiday=refused), status=422)
    return here.done(here.url(CALENDARS), await _said(view, here, made))


def _changes(here: Visit, view: View, sent: Form) -> list[Change]:
    """Return the commands. Raises `RequestValidationError`, `InvalidName` or `CalendarUnknown`."""
    day = sent.body(HolidayBody, ignored=("calendars", "new_name")).holiday()
    changes = []
    if name := sent.text("new_name"):
        changes.append(_new_calendar(depot_of(here, view), name, day))
    chosen: dict[str, list[CalendarId]] = {}
    for value in sent.texts("calendars"):
        depot_id, _, calendar_id = value.partition("/")
        chosen.setdefault(depot_id, []).append(CalendarId(calendar_id))
    changes += [_more_days(here, depot_id, calendar_ids, day) for depot_id, calendar_ids in chosen.items()]
    if not changes:
        raise invalid({"calendars": "Choose a calendar, or enter the name of a new one."})
    return changes


def _new_calendar(depot: Depot, name: str, day: Holiday) -> Change:
    checked_name(name, "new_name")
    if any(each.name == name for each in depot.calendars.values()):
        raise invalid({"new_name": "The depot already has a calendar with this name; choose it instead."})
    calendar_id = unused_id(name, depot.calendars)
    command = PutCalendar(depot_id=depot.depot_id, calendar_id=calendar_id, name=name, days=(day,), expected_version=0)
    return Change(command, day, depot, {calendar_id: name})


def _more_days(here: Visit, depot_id: str, calendar_ids: list[CalendarId], day: Holiday) -> Change:
    """Add the day to calendars of one of the visitor's depots."""
    depot = next((each for each in here.depots if each.depot_id == depot_id), None)
    if depot is None:
        raise CalendarUnknown("A chosen calendar no longer exists; choose again.", pointer="/calendars")
    names = {each: depot.calendar(each).name for each in calendar_ids}
    return Change(AddHoliday(depot_id=depot.depot_id, calendar_ids=tuple(names), day=day), day, depot, names)


async def _said(view: View, here: Visit, made: list[Change]) -> str:
    """Return a sentence such as `Liberation Day is added to Public holidays; 12 chargers follow it.`"""
    names = [name for change in made for name in change.calendars.values()]
    followers = 0
    for change in made:
        users = await users_of(view, here.caller.tenant_id, change.depot)
        followers += len({charger for each in change.calendars for charger in users.get(each, ())})
    it, verb = ("it", "follows" if followers == 1 else "follow") if len(names) == 1 else ("them", "follow")
    text = f"{made[0].day.reason} is added to {', '.join(names)}; "
    if not followers:
        return f"{text}no charger follows {it} yet: choose {it} in a schedule."
    return f"{text}{counted(followers, 'charger')} {verb} {it}."
