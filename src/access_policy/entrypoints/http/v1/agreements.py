"""`/v1/agreements`."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from fastapi.responses import Response
from pydantic import Field

from access_policy.application.commands.end_agreement import EndAgreement
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.ports.views import Row
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, TenantId
from access_policy.domain.vehicle_registry import agreements
from access_policy.domain.vehicle_registry.agreements import AgreementHours
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, PutCall
from access_policy.entrypoints.http.dependencies import Handler, Views, provided
from access_policy.entrypoints.http.fields import (
    ClockTime,
    End,
    Instant,
    Page,
    RequestModel,
    ResponseModel,
    Text,
    UtcInstant,
    Version,
    Weekday,
)
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import created, not_found, set_etag
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["registry"])


class HoursBody(RequestModel):
    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    start: ClockTime
    end: ClockTime

    def hours(self) -> AgreementHours:
        return AgreementHours(
            days=tuple(self.days), start=time.fromisoformat(self.start), end=time.fromisoformat(self.end)
        )


class AgreementBody(RequestModel):
    """The whole agreement. A field that is left out is not set, which makes the agreement cover more: without
    `valid_until` it has no end, without `charger_ids` and `depot_ids` it covers all chargers, without `hours` all
    hours, and without `identifier_kinds` all kinds. To change one field, read the agreement first and send all of it
    back with `If-Match`."""

    name: Text
    fleet: Text
    valid_from: Instant
    valid_until: End | None = None
    charger_ids: Annotated[list[Text], Field(max_length=10_000)] = Field(default=[])
    depot_ids: Annotated[list[Text], Field(max_length=10_000)] = Field(default=[])
    hours: Annotated[list[HoursBody], Field(max_length=100)] = Field(default=[])
    identifier_kinds: frozenset[IdentifierKind] = frozenset()

    def agreement(self, agreement_id: AgreementId) -> agreements.Agreement:
        return agreements.Agreement(
            agreement_id=agreement_id,
            name=self.name,
            fleet=self.fleet,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            charger_ids=frozenset(ChargerId(each) for each in self.charger_ids),
            depot_ids=frozenset(DepotId(each) for each in self.depot_ids),
            hours=tuple(each.hours() for each in self.hours),
            identifier_kinds=self.identifier_kinds,
        )


class Hours(ResponseModel):
    days: list[str]
    start: str
    end: str


class Agreement(ResponseModel):
    agreement_id: str
    name: str
    fleet: str
    valid_from: UtcInstant
    valid_until: UtcInstant | None
    ended_at: UtcInstant | None
    charger_ids: list[str]
    depot_ids: list[str]
    hours: list[Hours]
    identifier_kinds: list[IdentifierKind]
    version: Version

    @classmethod
    def of(cls, row: Row) -> Agreement:
        return cls(**{name: row[name] for name in cls.model_fields})


@router.put(
    "/agreements/{agreement_id}",
    operation_id="put_agreement",
    dependencies=requires(OPERATORS),
    responses=created(Agreement),
)
async def put_agreement(
    agreement_id: str,
    body: AgreementBody,
    call: PutCall,
    views: Views,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_agreement)],
) -> Agreement:
    """Record an agreement, or replace the one with this id. It applies from the next attempt on. An unchanged agreement
    records nothing."""
    agreement = body.agreement(AgreementId(agreement_id))
    done = await call(handler, PutAgreement(agreement=agreement, expected_version=call.expected_version))
    row = await _agreement(views, call.caller.tenant_id, agreement_id)
    return Agreement.of({**row, "version": done.version})


@router.get(
    "/agreements/{agreement_id}", operation_id="get_agreement", dependencies=requires(READERS, some_depots=True)
)
async def get_agreement(caller: Caller, views: Views, agreement_id: str, response: Response) -> Agreement:
    """Return one agreement, with its version as `ETag`. Changes nothing."""
    row = await _agreement(views, caller.tenant_id, agreement_id)
    set_etag(response, row["version"])
    return Agreement.of(row)


@router.get("/agreements", operation_id="list_agreements", dependencies=requires(READERS, some_depots=True))
async def list_agreements(caller: Caller, views: Views, cursor: Cursor = None, limit: Limit = 50) -> Page[Agreement]:
    """List the agreements by id. Changes nothing."""
    found = await views.agreements(caller.tenant_id, cursor=cursor, limit=limit)
    return Page(items=[Agreement.of(row) for row in found.items], next_cursor=found.next_cursor)


@router.delete(
    "/agreements/{agreement_id}",
    operation_id="end_agreement",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def end_agreement(
    agreement_id: str, call: ChangeCall, handler: Annotated[Handler, provided(lambda c: c.commands.end_agreement)]
) -> None:
    """End the agreement now: it covers no attempt from this instant on. Ending one that is over changes nothing."""
    await call(handler, EndAgreement(agreement_id=AgreementId(agreement_id), expected_version=call.expected_version))


async def _agreement(views: Views, tenant_id: TenantId, agreement_id: str) -> Row:
    row = await views.agreement(tenant_id, AgreementId(agreement_id))
    if row is None:
        raise not_found("agreement")
    return row
