"""The plan of one charger: the schedules it follows, its own rules, and exceptions for single days or the days of a
calendar."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from access_policy.application.commands.remove_exception import RemoveException
from access_policy.domain.ids import ChargerId, ExceptionId
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console import schedule_words
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.one_charger import At, AtCharger
from access_policy.entrypoints.http.console.one_schedule import SCHEDULES
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import Handler, provided
from access_policy.entrypoints.http.v1.mode_exceptions import ExceptionBody

router: APIRouter = pages_router()

PLAN: Final = CHARGERS + "/{charger_id}/plan"


@router.get(PLAN, dependencies=visitors(READERS))
async def plan(at: At) -> Response:
    return _drawn(at, Form.of({"mode": "freevend"}))


@router.post(PLAN + "/exceptions", dependencies=visitors(OPERATORS))
async def add_exception(
    at: At,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.add_exception)],
) -> Response:
    try:
        body = _exception(sent)
        await call(handler, body.command(ChargerId(at.charger.charger_id), None))
    except REFUSALS as error:
        return _drawn(at, sent.refused(error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return at.here.done(at.url("/plan"), f"The exception “{body.reason}” is added.")


@router.post(PLAN + "/exceptions/{exception_id}/remove", dependencies=visitors(OPERATORS))
async def remove_exception(
    at: At,
    exception_id: str,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_exception)],
) -> Response:
    command = RemoveException(charger_id=ChargerId(at.charger.charger_id), exception_id=ExceptionId(exception_id))
    await call(handler, command)
    return at.here.done(at.url("/plan"), "The exception is removed.")


def _exception(sent: Form) -> ExceptionBody:
    """Build the body. Raises `RequestValidationError`."""
    by_date, by_calendar = sent.text("date") or sent.text("until_date"), sent.text("calendar_id")
    if by_date and by_calendar:
        raise invalid({"calendar_id": "Enter days or choose a calendar, not both."})
    if not (sent.text("date") or by_calendar):
        raise invalid({"date": "Enter a day, or choose a calendar."})
    return sent.body(ExceptionBody)


def _drawn(at: AtCharger, form: Form, *, status: int = HTTPStatus.OK) -> HTMLResponse:
    today = at.here.now.astimezone(at.here.zone).date()
    exceptions = sorted(at.charger.exceptions, key=lambda each: (str(each.date or ""), each.calendar_id or ""))
    over = [each for each in exceptions if each.until_date is not None and each.until_date < today]
    return at.here.page(
        "charger_plan.html",
        status=status,
        at=at,
        charger=at.charger,
        form=form,
        exceptions=[each for each in exceptions if each not in over],
        over=over,
        names={each.calendar_id: each.name for each in at.depot.calendars.values()} if at.depot else {},
        schedules=SCHEDULES,
        in_words=schedule_words.in_words,
    )
