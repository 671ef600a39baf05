"""The page of a depot's calendars, as it is rendered after each of its forms."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from fastapi.responses import Response

from access_policy.adapters.calendars.ics import IcsCalendar
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.domain.depots.depot import Depot, DepotUnknown
from access_policy.domain.ids import ID_LENGTH_MAX, CalendarId, ChargerId, DepotId, TenantId
from access_policy.domain.mode_schedule.calendars import Holiday, HolidayCalendar
from access_policy.entrypoints.http.console.forms import Form
from access_policy.entrypoints.http.console.here import Visit

CALENDARS: Final = "/console/calendars"
UPCOMING_SHOWN: Final = 8
FIRST_NAME: Final = "Public holidays"  # proposed where a depot has no calendar yet


@dataclass(frozen=True, slots=True)
class Shown:
    """A calendar. `upcoming`: its days from yesterday on; `users`: the chargers with a rule or an exception that names
    it."""

    calendar: HolidayCalendar
    upcoming: list[Holiday]
    users: list[ChargerId]


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of the page: for a holiday, for a file, and for the calendar `of`. `holiday` None: an empty form.
    `read`: what was read from a file.
    """

    holiday: Form | None = None
    file: Form = field(default_factory=Form)
    of: str = ""
    of_calendar: Form = field(default_factory=Form)
    read: IcsCalendar | None = None


async def drawn(here: Visit, view: DecisionView, forms: Forms, *, status: int = 200) -> Response:
    found = await _shown(here, view) if here.depot else []
    return here.page(
        "calendars.html",
        status=status,
        calendars=found,
        holiday=forms.holiday or _empty(here, found),
        own=[(value_of(here.depot_id, each.calendar), each.calendar.name) for each in found],
        others=_others(here),
        file=forms.file,
        of=forms.of,
        of_calendar=forms.of_calendar,
        read=forms.read,
        shown=UPCOMING_SHOWN,
        schedules=here.url("/console/schedules"),
    )


def value_of(depot_id: DepotId | None, calendar: HolidayCalendar) -> str:
    """Return the calendar as a value of the field `calendars`; ids contain no slash."""
    return f"{depot_id}/{calendar.calendar_id}"


def _others(here: Visit) -> list[tuple[str, str]]:
    """Return the calendars of the visitor's other depots."""
    return [
        (value_of(depot.depot_id, each), f"{depot.settings.name}: {each.name}")
        for depot in here.depots
        if depot.depot_id != here.depot_id
        for each in sorted(depot.calendars.values(), key=lambda each: each.name.casefold())
    ]


def _empty(here: Visit, found: list[Shown]) -> Form:
    """Return an empty form; if the depot has only one calendar, it is preselected."""
    chosen = [value_of(here.depot_id, found[0].calendar)] if len(found) == 1 else []
    return Form.of({"calendars": chosen, "new_name": "" if found else FIRST_NAME})


async def _shown(here: Visit, view: DecisionView) -> list[Shown]:
    depot = depot_of(here, view)
    users = await users_of(view, here.caller.tenant_id, depot)
    first = here.now.astimezone(here.zone).date() - timedelta(days=1)
    found = [
        Shown(each, [day for day in each.days if day.last >= first], users[each.calendar_id])
        for each in depot.calendars.values()
    ]
    return sorted(found, key=lambda each: each.calendar.name.casefold())


async def users_of(view: DecisionView, tenant_id: TenantId, depot: Depot) -> Mapping[CalendarId, list[ChargerId]]:
    """Return, for each of the depot's calendars, the chargers that use it."""
    users: dict[CalendarId, list[ChargerId]] = {each: [] for each in depot.calendars}
    async for charger_id in cooperatively(sorted(await view.charger_ids(tenant_id, depot.depot_id))):
        for calendar_id in view.charger(tenant_id, charger_id).policy.plan.calendars_in_use:
            users.setdefault(calendar_id, []).append(charger_id)
    return users


def depot_of(here: Visit, view: DecisionView) -> Depot:
    """Return the depot, including changes made by this request. Raises `DepotUnknown`."""
    depot = None if here.depot_id is None else view.depot(here.caller.tenant_id, here.depot_id)
    if depot is None:
        raise DepotUnknown("There is no depot yet.")
    return depot


def unused_id(name: str, taken: Collection[str]) -> CalendarId:
    """Return an id derived from the name that no calendar of the depot has."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "calendar"
    number, found = 1, readable[:ID_LENGTH_MAX]
    while found in taken:
        number += 1
        ending = f"-{number}"
        found = readable[: ID_LENGTH_MAX - len(ending)] + ending
    return CalendarId(found)
