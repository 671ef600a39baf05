"""`/v1/denied-identifiers` and `/v1/chargers/{id}/enrolment-session`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.application.commands.arm_enrolment import ArmEnrolment, CancelEnrolment
from access_policy.application.commands.enrol_identifier import EnrolIdentifier
from access_policy.application.ports.identity import Identity
from access_policy.application.ports.views import Row
from access_policy.domain.access.identifier_rules import uses_pins
from access_policy.domain.identifiers import HIDDEN, Identifier
from access_policy.domain.ids import AgreementId, ChargerId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.entrypoints.http.answers import (
    Cursor,
    Limit,
    answer,
    done,
    instant,
    not_found,
    nothing_left,
)
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import EnrolBody, EnrolmentSessionBody
from access_policy.entrypoints.http.services import HttpServices
from access_policy.entrypoints.http.v1.registry import SEES_VALUES, twin_of, vehicle_as_shown

router = APIRouter(tags=["enrolment"])


@router.get("/denied-identifiers", operation_id="list_denied_identifiers")
async def list_denied_identifiers(
    caller: Caller, services: Services, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """Identifiers that nobody has, refused within the retention period, the latest first. `value` is for those who may
    enrol it; null once it is not kept any more."""
    now = services.clock.now()
    since = now - services.unknown_identifiers_kept_for
    page = await services.views.denied_identifiers(
        caller.tenant_id, since=since, until=None, cursor=cursor, limit=limit
    )
    pseudonyms = [row["pseudonym"] for row in page.items]
    values = dict(await services.unknown_identifiers.values(caller.tenant_id, pseudonyms, now=now))
    hidden = {row["pseudonym"] for row in page.items if _may_be_a_pin(services, caller, row, values)}
    for pseudonym in hidden & values.keys():  # kept before the depot used PINs
        del values[pseudonym]
        await services.unknown_identifiers.forget(caller.tenant_id, pseudonym)
    rows = [{**row, "masked": HIDDEN} if row["pseudonym"] in hidden else row for row in page.items]
    items = [_group(services, caller, row, values.get(row["pseudonym"])) for row in rows]
    return answer({"items": items, "next_cursor": page.next_cursor})


def _may_be_a_pin(services: HttpServices, caller: Identity, row: Row, values: Mapping[str, Identifier]) -> bool:
    """Digits that were typed or read where PINs are used."""
    value = values.get(row["pseudonym"])
    if value is None or not value.may_be_a_pin:
        return False
    view = services.decision_view
    policies = [view.known_policy(caller.tenant_id, ChargerId(each)) for each in row["charger_ids"]]
    depots = {policy.settings.depot_id for policy in policies if policy is not None}
    registry = view.registry(caller.tenant_id)
    return any(uses_pins(view.depot(caller.tenant_id, depot_id), registry) for depot_id in depots)


def _group(services: HttpServices, caller: Identity, row: Row, value: Identifier | None) -> dict[str, Any]:
    shown = {
        "denied_id": row["pseudonym"],
        "kind": row["kind"],
        "masked": row["masked"],
        "attempts": row["attempts"],
        "first_seen": instant(row["first_seen_at"]),
        "last_seen": instant(row["last_seen_at"]),
        "last_attempt_id": row["last_attempt_id"],
        "charger_ids": row["charger_ids"],
        "byte_reversed_vehicle_id": None if value is None else twin_of(services, caller.tenant_id, value),
    }
    if caller.role in SEES_VALUES:
        shown["value"] = None if value is None else value.value
    return shown


@router.post("/denied-identifiers/{denied_id}/enrol", operation_id="enrol_identifier", status_code=201)
async def enrol_identifier(
    request: Request, caller: Caller, services: Services, denied_id: str, body: EnrolBody
) -> Response:
    """The identifier becomes one of the vehicle, which is registered where there is none of that id."""
    command = EnrolIdentifier(
        pseudonym=denied_id,
        vehicle_id=VehicleId(body.vehicle_id),
        name=body.name,
        access_class=None if body.access_class is None else AccessClass(body.access_class),
        agreement_id=None if body.agreement_id is None else AgreementId(body.agreement_id),
    )
    result = await services.enrol_identifier(context_of(request, caller), command)
    await services.settled(result.position)
    return done(result, await vehicle_as_shown(services, caller, command.vehicle_id), status=201)


@router.post("/chargers/{charger_id}/enrolment-session", operation_id="arm_enrolment", status_code=201)
async def arm_enrolment(
    request: Request, caller: Caller, services: Services, charger_id: str, body: EnrolmentSessionBody
) -> Response:
    """Arm the charger: the next unknown identifier presented there is offered for enrolment. A session that was there is
    replaced. With `kind: mac` it is refused at a charger that does not support Autocharge."""
    command = ArmEnrolment(charger_id=ChargerId(charger_id), minutes=body.minutes, kind=body.kind)
    result = await services.arm_enrolment(context_of(request, caller), command)
    await services.settled(result.position)
    return answer(await _session(services, caller, charger_id), status=201)


@router.get("/chargers/{charger_id}/enrolment-session", operation_id="get_enrolment_session")
async def get_enrolment_session(caller: Caller, services: Services, charger_id: str) -> Response:
    return answer(await _session(services, caller, charger_id))


@router.delete("/chargers/{charger_id}/enrolment-session", operation_id="cancel_enrolment", status_code=204)
async def cancel_enrolment(request: Request, caller: Caller, services: Services, charger_id: str) -> Response:
    result = await services.cancel_enrolment(
        context_of(request, caller), CancelEnrolment(charger_id=ChargerId(charger_id))
    )
    await services.settled(result.position)
    return nothing_left(result)


async def _session(services: HttpServices, caller: Identity, charger_id: str) -> Mapping[str, Any]:
    row = await services.views.enrolment_session(caller.tenant_id, ChargerId(charger_id))
    if row is None:
        raise not_found("enrolment session")
    state = _state(row, services.clock.now())
    offered = None
    if state in ("offered", "enrolled"):
        offered = {
            "denied_id": row["offered_pseudonym"],
            "kind": row["offered_kind"],
            "masked": row["offered_masked"],
            "seen_at": instant(row["offered_at"]),
            "attempt_id": row["offered_attempt_id"],
        }
    return {
        "session_id": row["session_id"],
        "charger_id": row["charger_id"],
        "state": state,
        "armed_at": instant(row["armed_at"]),
        "armed_by": row["armed_by"],
        "expires_at": instant(row["expires_at"]),
        "offered": offered,
        "denied_id": None if offered is None else offered["denied_id"],
        "vehicle_id": row["enrolled_vehicle_id"] if state == "enrolled" else None,
    }


def _state(row: Row, now: datetime) -> str:
    """An identifier presented after the end was not offered; one offered in time may be enrolled later."""
    if row["cancelled_at"] is not None:
        return "cancelled"
    if row["offered_at"] is not None and row["offered_at"] < row["expires_at"]:
        return "offered" if row["enrolled_vehicle_id"] is None else "enrolled"
    return "armed" if now < row["expires_at"] else "expired"
