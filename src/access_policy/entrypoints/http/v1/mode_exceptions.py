"""`/v1/chargers/{charger_id}/exceptions`."""

from __future__ import annotations

from typing import Annotated

from fastapi.responses import Response
from pydantic import model_validator

from access_policy.application.commands.add_exception import AddCalendarException, AddException
from access_policy.application.commands.remove_exception import RemoveException
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import CalendarId, ChargerId, ExceptionId
from access_policy.entrypoints.http.auth import OPERATORS, requires
from access_policy.entrypoints.http.calls import ChangeCall
from access_policy.entrypoints.http.dependencies import Handler, provided
from access_policy.entrypoints.http.fields import Day, RequestModel, Text, Version
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.plan_models import ExceptionSettings

router = api_router(tags=["schedule"])


class ExceptionBody(RequestModel):
    """The days `date` to `until_date`, or all days of the depot's calendar `calendar_id`."""

    date: Day | None = None
    until_date: Day | None = None
    calendar_id: Text | None = None
    mode: AccessMode
    reason: Text

    @model_validator(mode="after")
    def _one_kind(self) -> ExceptionBody:
        if (self.date is None) is (self.calendar_id is None):
            raise ValueError("give either date or calendar_id")
        if self.calendar_id is not None and self.until_date is not None:
            raise ValueError("until_date belongs to date; a calendar has its own days")
        return self

    def command(self, charger_id: ChargerId, version: int | None) -> AddException | AddCalendarException:
        if self.calendar_id is not None:
            return AddCalendarException(
                charger_id=charger_id,
                calendar_id=CalendarId(self.calendar_id),
                mode=self.mode,
                reason=self.reason,
                expected_version=version,
            )
        assert self.date is not None  # `_one_kind` requires one of the two
        return AddException(
            charger_id=charger_id,
            first=self.date,
            last=self.until_date or self.date,
            mode=self.mode,
            reason=self.reason,
            expected_version=version,
        )


class ExceptionAdded(ExceptionSettings):
    """An added exception. `version` is the version of the charger."""

    version: Version


@router.post(
    "/chargers/{charger_id}/exceptions",
    operation_id="add_exception",
    dependencies=requires(OPERATORS),
    status_code=201,
)
async def add_exception(
    charger_id: str,
    body: ExceptionBody,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.add_exception)],
) -> ExceptionAdded:
    """Give the charger a mode on whole local days: on the given dates, or on all days of a holiday calendar. An exception
    takes precedence over the charger's mode rules. A request with the same `Idempotency-Key` is answered like the first."""
    done = await call(handler, body.command(ChargerId(charger_id), call.expected_version))
    return ExceptionAdded(
        exception_id=done.created_id or "",
        date=body.date,
        until_date=body.until_date or body.date,
        calendar_id=body.calendar_id,
        mode=body.mode,
        reason=body.reason,
        version=done.version,
    )


@router.delete(
    "/chargers/{charger_id}/exceptions/{exception_id}",
    operation_id="remove_exception",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def remove_exception(
    charger_id: str,
    exception_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_exception)],
) -> None:
    """Remove the exception from the charger. Removing it again is not found (404)."""
    command = RemoveException(
        charger_id=ChargerId(charger_id),
        exception_id=ExceptionId(exception_id),
        expected_version=call.expected_version,
    )
    await call(handler, command)
