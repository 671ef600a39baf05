"""`/v1/access-events/{attempt_id}/allow`: ad-hoc permissions for refused identifiers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi.responses import Response
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from access_policy.application.commands.allow_attempt import AllowAttempt, EndAllowance
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AttemptId, DepotId
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.entrypoints.durations import duration
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import Clock, DecisionView, Handler, provided
from access_policy.entrypoints.http.fields import (
    Instant,
    Page,
    RequestModel,
    ResponseModel,
    Text,
    UtcInstant,
)
from access_policy.entrypoints.http.responses import not_found
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["access"])


class AllowBody(RequestModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    reason: Text
    until: Instant | None = None
    for_: Annotated[timedelta | None, BeforeValidator(duration), Field(alias="for")] = None

    @model_validator(mode="after")
    def _one_end(self) -> AllowBody:
        if (self.until is None) is (self.for_ is None):
            raise ValueError("give exactly one of until and for")
        return self


class Allowance(ResponseModel):
    """The vehicle, or the identifier if no vehicle has it, may charge at the chargers of the depot in `[given_at,
    until)`."""

    attempt_id: str
    depot_id: str
    vehicle_id: str | None
    kind: IdentifierKind
    masked: str
    given_at: UtcInstant
    until: UtcInstant
    reason: str
    given_by: str

    @classmethod
    def of(cls, permission: AdHocPermission) -> Allowance:
        return cls(
            attempt_id=permission.attempt_id,
            depot_id=permission.depot_id,
            vehicle_id=permission.vehicle_id,
            kind=permission.identifier.kind,
            masked=permission.identifier.masked,
            given_at=permission.given_at,
            until=permission.until,
            reason=permission.reason,
            given_by=permission.given_by,
        )


@router.post(
    "/access-events/{attempt_id}/allow",
    operation_id="allow_attempt",
    dependencies=requires(OPERATORS),
    status_code=201,
)
async def allow_attempt(
    attempt_id: str,
    body: AllowBody,
    call: CommandCall,
    view: DecisionView,
    handler: Annotated[Handler, provided(lambda c: c.commands.allow_attempt)],
) -> Allowance:
    """Let the identifier of the refused attempt, or the vehicle that has it, charge at the attempt's depot `until` an
    instant or `for` a duration, at most 7 days. The permission ends by itself. 409 for a suspended vehicle, an
    identifier in use, or a PIN. Allowing the attempt again replaces its permission."""
    command = AllowAttempt(attempt_id=AttemptId(attempt_id), reason=body.reason, until=body.until, lasts=body.for_)
    await call(handler, command)
    given = view.registry(call.caller.tenant_id).ad_hoc.values()
    found = next((each for each in given if each.attempt_id == attempt_id), None)
    if found is None:
        raise not_found("ad-hoc permission")  # replaced in the meantime by the permission of another attempt
    return Allowance.of(found)


@router.delete(
    "/access-events/{attempt_id}/allow",
    operation_id="end_allowance",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def end_allowance(
    attempt_id: str,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.end_allowance)],
) -> None:
    """End the permission now. A charge under way is handled as at the start of a managed window."""
    await call(handler, EndAllowance(attempt_id=AttemptId(attempt_id)))


@router.get("/depots/{depot_id}/ad-hoc-permissions", operation_id="list_allowances", dependencies=requires(READERS))
async def list_allowances(depot_id: str, caller: Caller, view: DecisionView, clock: Clock) -> Page[Allowance]:
    """List the permissions in force, ordered by their end."""
    if view.depot(caller.tenant_id, DepotId(depot_id)) is None:
        raise DepotUnknown.named(depot_id)
    now = clock.now()
    given = view.registry(caller.tenant_id).ad_hoc.values()
    holding = [each for each in given if each.depot_id == depot_id and each.admits(now)]
    items = [Allowance.of(each) for each in sorted(holding, key=lambda each: each.until)]
    return Page(items=items, next_cursor=None)
