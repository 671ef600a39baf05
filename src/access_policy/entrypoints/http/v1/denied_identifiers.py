"""`/v1/denied-identifiers`: unknown identifiers that were denied, and their enrolment."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Query
from fastapi.responses import Response
from pydantic import Field

from access_policy.application.audit.readings import Readings
from access_policy.application.commands.enrol_identifier import EnrolIdentifier
from access_policy.application.commands.ignore_identifier import IgnoreIdentifier, ListIdentifierAgain
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.unknown_identifiers import UnknownIdentifiers
from access_policy.application.ports.views import Row
from access_policy.domain.access.identifier_rules import uses_pins
from access_policy.domain.audit.readings import ShownIn
from access_policy.domain.identifiers import HIDDEN, Identifier, IdentifierKind
from access_policy.domain.ids import AgreementId, ChargerId, EntranceId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.ignored import DAYS_MAX, IgnoredIdentifier
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import Call, CommandCall
from access_policy.entrypoints.http.dependencies import Clock, DecisionView, Handler, Views, provided
from access_policy.entrypoints.http.fields import Page, RequestModel, ResponseModel, Text, UtcInstant
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.vehicle_models import SEES_VALUES, Vehicle, VehicleReader, Vehicles
from access_policy.settings import Settings

log = logging.getLogger(__name__)

router = api_router(tags=["enrolment"])


class DeniedIdentifier(ResponseModel):
    """A denied identifier. `value` is shown to callers who may enrol it; null once it has been erased."""

    denied_id: str
    kind: IdentifierKind
    masked: str
    attempts: int
    first_seen: UtcInstant
    last_seen: UtcInstant
    last_attempt_id: str
    charger_ids: list[str]
    entrance_ids: list[str]
    byte_reversed_vehicle_id: str | None
    value: Annotated[str | None, Field(default=None)]


class EnrolBody(RequestModel):
    vehicle_id: Text
    name: Text | None = None
    access_class: Literal["own", "agreement"] | None = None
    agreement_id: Text | None = None


class IgnoreBody(RequestModel):
    reason: Text
    days: Annotated[int, Field(strict=True, ge=1, le=DAYS_MAX)] = 30


@router.get(
    "/denied-identifiers",
    operation_id="list_denied_identifiers",
    dependencies=requires(READERS),
    response_model_exclude_unset=True,
)
async def list_denied_identifiers(
    caller: Caller,
    call: CommandCall,
    views: Views,
    view: DecisionView,
    clock: Clock,
    vehicles: Vehicles,
    unknown: Annotated[UnknownIdentifiers, provided(lambda c: c.records.unknown_identifiers)],
    readings: Annotated[Readings, provided(lambda c: c.auditing.readings)],
    settings: Annotated[Settings, provided(lambda c: c.settings)],
    ignored: Annotated[bool, Query(description="Include the identifiers that are ignored")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DeniedIdentifier]:
    """List identifiers without a vehicle that were denied within the retention period, latest first. `value` is shown
    to callers who may enrol the identifier; null once it has been erased. Ignored identifiers are left out, so a page
    may have fewer items than `limit`."""
    now, retention = clock.now(), timedelta(days=settings.unknown_identifier_days)
    page = await views.denied_identifiers(
        caller.tenant_id, since=now - retention, until=None, cursor=cursor, limit=limit
    )
    hiding = {} if ignored else view.registry(caller.tenant_id).ignored
    listed = [row for row in page.items if not _is_ignored(hiding, row)]
    values = dict(await unknown.values(caller.tenant_id, [row["pseudonym"] for row in listed], now=now))
    hidden = {row["pseudonym"] for row in listed if _may_be_a_pin(view, caller.tenant_id, row, values)}
    for pseudonym in hidden & values.keys():  # stored before the depot used PINs
        del values[pseudonym]
        await unknown.forget(caller.tenant_id, pseudonym)
    rows = [{**row, "masked": HIDDEN} if row["pseudonym"] in hidden else row for row in listed]
    with_value = caller.role in SEES_VALUES and await _recorded(readings, call, values)
    items = [
        _shown(vehicles, caller.tenant_id, row, values.get(row["pseudonym"]), with_value=with_value) for row in rows
    ]
    return Page(items=items, next_cursor=page.next_cursor)


def _is_ignored(ignored: Mapping[str, IgnoredIdentifier], row: Row) -> bool:
    found = ignored.get(row["pseudonym"])
    return found is not None and found.hides(row["last_seen_at"])


async def _recorded(readings: Readings, call: Call, values: Mapping[str, Identifier]) -> bool:
    """Record that the values are shown. Returns False if that is not possible; the values are then left out."""
    try:
        await readings.record(call.context, ShownIn.DENIED_IDENTIFIERS, values=len(values), pseudonyms=values)
    except StoreUnavailable as trouble:
        log.warning("identifier values are left out, because the reading cannot be recorded: %s", trouble)
        return False
    return True


def _may_be_a_pin(view: DecisionView, tenant_id: TenantId, row: Row, values: Mapping[str, Identifier]) -> bool:
    """Return whether the identifier consists of digits and was presented at a depot that uses PINs."""
    value = values.get(row["pseudonym"])
    if value is None or not value.may_be_a_pin:
        return False
    policies = [view.known_policy(tenant_id, ChargerId(each)) for each in row["charger_ids"]]
    depots = {policy.settings.depot_id for policy in policies if policy is not None}
    depots.update(*(view.depots_with_entrance(tenant_id, EntranceId(each)) for each in row["entrance_ids"]))
    registry = view.registry(tenant_id)
    return any(uses_pins(view.depot(tenant_id, depot_id), registry) for depot_id in depots)


def _shown(
    vehicles: VehicleReader, tenant_id: TenantId, row: Row, value: Identifier | None, *, with_value: bool
) -> DeniedIdentifier:
    values = {"value": None if value is None else value.value} if with_value else {}
    return DeniedIdentifier(
        denied_id=row["pseudonym"],
        kind=row["kind"],
        masked=row["masked"],
        attempts=row["attempts"],
        first_seen=row["first_seen_at"],
        last_seen=row["last_seen_at"],
        last_attempt_id=row["last_attempt_id"],
        charger_ids=row["charger_ids"],
        entrance_ids=row["entrance_ids"],
        byte_reversed_vehicle_id=None if value is None else vehicles.byte_reversed_holder(tenant_id, value),
        **values,
    )


@router.post(
    "/denied-identifiers/{denied_id}/enrol",
    operation_id="enrol_identifier",
    dependencies=requires(OPERATORS),
    status_code=201,
    response_model_exclude_unset=True,
)
async def enrol_identifier(
    denied_id: str,
    body: EnrolBody,
    call: CommandCall,
    vehicles: Vehicles,
    handler: Annotated[Handler, provided(lambda c: c.commands.enrol_identifier)],
) -> Vehicle:
    """Add the identifier to the vehicle. If no vehicle has the id, a new one is registered."""
    command = EnrolIdentifier(
        pseudonym=denied_id,
        vehicle_id=VehicleId(body.vehicle_id),
        name=body.name,
        access_class=None if body.access_class is None else AccessClass(body.access_class),
        agreement_id=None if body.agreement_id is None else AgreementId(body.agreement_id),
    )
    done = await call(handler, command)
    return await vehicles.after_command(call.caller.tenant_id, command.vehicle_id, done.version)


@router.post(
    "/denied-identifiers/{denied_id}/ignore",
    operation_id="ignore_identifier",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def ignore_identifier(
    denied_id: str,
    body: IgnoreBody,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.ignore_identifier)],
) -> None:
    """Leave the identifier out of the list. It appears again when it is denied more than `days` days from now."""
    await call(handler, IgnoreIdentifier(pseudonym=denied_id, days=body.days, reason=body.reason))


@router.delete(
    "/denied-identifiers/{denied_id}/ignore",
    operation_id="list_identifier_again",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def list_identifier_again(
    denied_id: str,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.list_identifier_again)],
) -> None:
    """List the identifier again. This changes nothing if the identifier is not ignored."""
    await call(handler, ListIdentifierAgain(pseudonym=denied_id))
