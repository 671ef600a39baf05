"""The body of `PUT …/calendars/{calendar_id}`: JSON, or an .ics file."""

from __future__ import annotations

import asyncio
import codecs
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from access_policy.adapters.calendars.ics import TimedEvent, read_ics
from access_policy.domain.depots.depot import CALENDARS_MAX
from access_policy.domain.ids import CalendarId
from access_policy.domain.mode_schedule.calendars import ENTRIES_MAX, CalendarInvalid, Holiday
from access_policy.entrypoints.http.fields import Day, RequestModel, Text


class HolidayBody(RequestModel):
    date: Day
    until_date: Day | None = None
    reason: Text

    def holiday(self) -> Holiday:
        return Holiday(first=self.date, last=self.until_date or self.date, reason=self.reason)


class NewHolidayBody(HolidayBody):
    calendar_ids: Annotated[list[Text], Field(min_length=1, max_length=CALENDARS_MAX)] | Literal["all"]

    def chosen(self) -> tuple[CalendarId, ...] | None:
        return None if self.calendar_ids == "all" else tuple(CalendarId(each) for each in self.calendar_ids)


class CalendarBody(RequestModel):
    name: Text
    days: Annotated[list[HolidayBody], Field(min_length=1, max_length=ENTRIES_MAX)]


def _json_schema() -> dict[str, Any]:
    """Return the schema of the body without references, which would point outside it."""
    schema = CalendarBody.model_json_schema()
    schema["properties"]["days"]["items"] = schema.pop("$defs")[HolidayBody.__name__]
    return schema


JSON_SCHEMA = _json_schema()


@dataclass(frozen=True, slots=True)
class CalendarRead:
    name: str
    days: tuple[Holiday, ...]
    left_out: int = 0
    timed_events: tuple[TimedEvent, ...] = ()


async def read_calendar(
    request: Request, name: str | None, zone: ZoneInfo, years: tuple[int, int], *, with_timed: bool
) -> CalendarRead:
    """Read the body by its `Content-Type`. `name`, `years` (both included) and `with_timed` are for an .ics file.

    Raises `RequestValidationError` or `CalendarInvalid`.
    """
    content = await request.body()
    match request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower():
        case "text/calendar":
            first, last = years
            read = await asyncio.to_thread(read_ics, content, zone, first, last, with_timed=with_timed)
            if (named := read.name if name is None else name) is None:
                raise CalendarInvalid("The file has no X-WR-CALNAME; name the calendar with ?name=.", pointer="/name")
            return CalendarRead(named, read.days, read.left_out, read.timed)
        case "application/json":
            body = _body(content)
            return CalendarRead(body.name, tuple(each.holiday() for each in body.days))
        case _:
            raise CalendarInvalid("Send application/json, or an .ics file as text/calendar.", pointer="/Content-Type")


def _body(content: bytes) -> CalendarBody:
    try:
        return CalendarBody.model_validate_json(content.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in found]) from error
