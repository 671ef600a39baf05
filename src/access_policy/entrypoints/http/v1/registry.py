"""`/v1/vehicles` and `/v1/agreements`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from access_policy.application.commands.end_agreement import EndAgreement
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicle
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.application.ports.identity import Identity, Role
from access_policy.application.ports.secrets import refs_of
from access_policy.application.ports.views import Row
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import ASSURANCE, Identifier, IdentifierKind, identifier
from access_policy.domain.ids import AgreementId, TenantId, VehicleId
from access_policy.entrypoints.http.answers import (
    Cursor,
    IfMatch,
    IfNoneMatch,
    Limit,
    answer,
    done,
    expected_version,
    instant,
    not_found,
    nothing_left,
    page,
)
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import AgreementBody, ReasonBody, VehicleBody
from access_policy.entrypoints.http.services import HttpServices

router = APIRouter(tags=["registry"])

SEES_VALUES = frozenset({Role.OPERATOR, Role.ADMIN})


# --- vehicles --------------------------------------------------------------------------------------------------------


@router.put("/vehicles/{vehicle_id}", operation_id="put_vehicle")
async def put_vehicle(
    request: Request,
    caller: Caller,
    services: Services,
    vehicle_id: str,
    body: VehicleBody,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    command = PutVehicle(
        vehicle_id=VehicleId(vehicle_id),
        description=body.description(),
        identifiers=body.presented(),
        expected_version=expected_version(if_match, if_none_match),
    )
    result = await services.put_vehicle(context_of(request, caller), command)
    await services.settled(result.position)
    shown = await vehicle_as_shown(services, caller, VehicleId(vehicle_id))
    hints = _hints(services, caller.tenant_id, VehicleId(vehicle_id), body)
    return done(result, {**shown, "hints": hints}, status=201 if result.created else 200)


@router.get("/vehicles/{vehicle_id}", operation_id="get_vehicle")
async def get_vehicle(caller: Caller, services: Services, vehicle_id: str) -> Response:
    row = await _vehicle(services, caller, VehicleId(vehicle_id))
    return answer(_vehicle_shown(row, await _values(services, caller, row)), version=row["version"])


@router.get("/vehicles", operation_id="list_vehicles")
async def list_vehicles(
    caller: Caller,
    services: Services,
    identifier: Annotated[str | None, Query(max_length=300, description="Any spelling of an identifier")] = None,
    name: Annotated[str | None, Query(max_length=200, description="Part of the name")] = None,
    access_class: Annotated[str | None, Query(pattern="^(own|agreement)$")] = None,
    agreement_id: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    found = await services.views.vehicles(
        caller.tenant_id,
        pseudonyms=None if identifier is None else _spelled(services, caller.tenant_id, identifier),
        name=name,
        access_class=access_class,
        agreement_id=agreement_id,
        cursor=cursor,
        limit=limit,
    )
    items = [_vehicle_shown(row, await _values(services, caller, row)) for row in found.items]
    hints = [] if identifier is None else _twins(services, caller.tenant_id, identifier)
    return answer({"items": items, "next_cursor": found.next_cursor, "hints": hints})


@router.delete("/vehicles/{vehicle_id}", operation_id="remove_vehicle", status_code=204)
async def remove_vehicle(
    request: Request, caller: Caller, services: Services, vehicle_id: str, if_match: IfMatch = None
) -> Response:
    command = RemoveVehicle(vehicle_id=VehicleId(vehicle_id), expected_version=expected_version(if_match))
    result = await services.remove_vehicle(context_of(request, caller), command)
    await services.settled(result.position)
    return nothing_left(result)


@router.post("/vehicles/{vehicle_id}/suspend", operation_id="suspend_vehicle")
async def suspend_vehicle(
    request: Request, caller: Caller, services: Services, vehicle_id: str, body: ReasonBody, if_match: IfMatch = None
) -> Response:
    command = SuspendVehicle(
        vehicle_id=VehicleId(vehicle_id), reason=body.reason, expected_version=expected_version(if_match)
    )
    result = await services.suspend_vehicle(context_of(request, caller), command)
    await services.settled(result.position)
    return done(result, await vehicle_as_shown(services, caller, VehicleId(vehicle_id)))


@router.post("/vehicles/{vehicle_id}/reinstate", operation_id="reinstate_vehicle")
async def reinstate_vehicle(
    request: Request, caller: Caller, services: Services, vehicle_id: str, body: ReasonBody, if_match: IfMatch = None
) -> Response:
    command = ReinstateVehicle(
        vehicle_id=VehicleId(vehicle_id), reason=body.reason, expected_version=expected_version(if_match)
    )
    result = await services.reinstate_vehicle(context_of(request, caller), command)
    await services.settled(result.position)
    return done(result, await vehicle_as_shown(services, caller, VehicleId(vehicle_id)))


async def vehicle_as_shown(services: HttpServices, caller: Identity, vehicle_id: VehicleId) -> dict[str, Any]:
    """For answers to commands: they are kept for a day to be given again, so they hold no values of identifiers."""
    return _vehicle_shown(await _vehicle(services, caller, vehicle_id), values={})


async def _vehicle(services: HttpServices, caller: Identity, vehicle_id: VehicleId) -> Row:
    row = await services.views.vehicle(caller.tenant_id, vehicle_id)
    if row is None:
        raise not_found("vehicle")
    return row


def _vehicle_shown(row: Row, values: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "vehicle_id": row["vehicle_id"],
        "name": row["name"],
        "access_class": row["access_class"],
        "agreement_id": row["agreement_id"],
        "valid_from": instant(row["valid_from"]),
        "valid_until": instant(row["valid_until"]),
        "suspended": row["suspended_because"] is not None,
        "suspended_because": row["suspended_because"],
        "identifiers": [_identifier_shown(each, values) for each in row["identifiers"]],
        "version": row["version"],
    }


def _identifier_shown(row: Row, values: Mapping[str, str | None]) -> dict[str, Any]:
    kind = IdentifierKind(row["kind"])
    shown = {"kind": kind, "masked": row["masked"], "assurance": ASSURANCE[kind]}
    shown["verified_at"] = instant(row["verified_at"])
    if row["pseudonym"] in values:
        shown["value"] = values[row["pseudonym"]]
    return shown


async def _values(services: HttpServices, caller: Identity, row: Row) -> dict[str, str | None]:
    """Those of the vehicle's identifiers, for who may change them; never a PIN's, which nobody keeps."""
    if caller.role not in SEES_VALUES:
        return {}
    return {
        each["pseudonym"]: await services.vault.unseal(caller.tenant_id, VehicleId(row["vehicle_id"]), each["sealed"])
        for each in row["identifiers"]
        if each["sealed"]
    }


def twin_of(services: HttpServices, tenant_id: TenantId, value: Identifier) -> VehicleId | None:
    """The vehicle that has the same RFID UID in the other byte order: some readers send it so. A hint, never a match."""
    twin = value.byte_reversed()
    if twin is None or twin == value:
        return None
    holder = services.decision_view.registry(tenant_id).holder_of(services.pseudonyms.ref(tenant_id, twin))
    return None if holder is None else holder.vehicle_id


def _twins(services: HttpServices, tenant_id: TenantId, text: str) -> list[dict[str, str]]:
    try:
        holder = twin_of(services, tenant_id, identifier(IdentifierKind.RFID, text))
    except Refused:
        return []
    message = f"Vehicle {holder} has this UID with its bytes in the other order."
    return [] if holder is None else [{"vehicle_id": holder, "message": message}]


def _hints(
    services: HttpServices, tenant_id: TenantId, vehicle_id: VehicleId, body: VehicleBody
) -> list[dict[str, str]]:
    """What an operator may have overlooked in the identifiers, by RFC 6901 pointer."""
    hints = []
    for index, (kind, text) in enumerate(body.presented() or []):
        holder = twin_of(services, tenant_id, identifier(kind, text))
        if holder is not None and holder != vehicle_id:
            message = f"Vehicle {holder} has this UID with its bytes in the other order; is it the same card, read differently?"
            hints.append({"pointer": f"/identifiers/{index}/value", "message": message})
    return hints


def _spelled(services: HttpServices, tenant_id: TenantId, text: str) -> set[str]:
    """The pseudonyms of everything that the text could be a spelling of."""
    pseudonyms: set[str] = set()
    for kind in IdentifierKind:
        try:
            refs = refs_of(services.pseudonyms, tenant_id, identifier(kind, text))
            pseudonyms.update(ref.pseudonym for ref in refs)
        except Refused:
            continue
    return pseudonyms


# --- agreements ------------------------------------------------------------------------------------------------------


@router.put("/agreements/{agreement_id}", operation_id="put_agreement")
async def put_agreement(
    request: Request,
    caller: Caller,
    services: Services,
    agreement_id: str,
    body: AgreementBody,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    command = PutAgreement(
        agreement=body.agreement(AgreementId(agreement_id)), expected_version=expected_version(if_match, if_none_match)
    )
    result = await services.put_agreement(context_of(request, caller), command)
    await services.settled(result.position)
    return done(result, await _agreement(services, caller, agreement_id), status=201 if result.created else 200)


@router.get("/agreements/{agreement_id}", operation_id="get_agreement")
async def get_agreement(caller: Caller, services: Services, agreement_id: str) -> Response:
    shown = await _agreement(services, caller, agreement_id)
    return answer(shown, version=shown["version"])


@router.get("/agreements", operation_id="list_agreements")
async def list_agreements(caller: Caller, services: Services, cursor: Cursor = None, limit: Limit = 50) -> Response:
    return page(await services.views.agreements(caller.tenant_id, cursor=cursor, limit=limit), _agreement_shown)


@router.delete("/agreements/{agreement_id}", operation_id="end_agreement", status_code=204)
async def end_agreement(
    request: Request, caller: Caller, services: Services, agreement_id: str, if_match: IfMatch = None
) -> Response:
    command = EndAgreement(agreement_id=AgreementId(agreement_id), expected_version=expected_version(if_match))
    result = await services.end_agreement(context_of(request, caller), command)
    await services.settled(result.position)
    return nothing_left(result)


async def _agreement(services: HttpServices, caller: Identity, agreement_id: str) -> dict[str, Any]:
    row = await services.views.agreement(caller.tenant_id, AgreementId(agreement_id))
    if row is None:
        raise not_found("agreement")
    return _agreement_shown(row)


def _agreement_shown(row: Row) -> dict[str, Any]:
    return {
        "agreement_id": row["agreement_id"],
        "name": row["name"],
        "fleet": row["fleet"],
        "valid_from": instant(row["valid_from"]),
        "valid_until": instant(row["valid_until"]),
        "ended_at": instant(row["ended_at"]),
        "charger_ids": row["charger_ids"],
        "depot_ids": row["depot_ids"],
        "hours": row["hours"],
        "identifier_kinds": row["identifier_kinds"],
        "version": row["version"],
    }
