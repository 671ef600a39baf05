"""`/v1/vehicles`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import Response

from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicle
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.domain.audit.readings import ShownIn
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.identifiers import identifier as read_identifier
from access_policy.domain.ids import TenantId, VehicleId
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, CommandCall, PutCall
from access_policy.entrypoints.http.dependencies import Handler, Views, provided
from access_policy.entrypoints.http.fields import Page, ReasonBody, ResponseModel
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import created, set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.vehicle_models import Vehicle, VehicleBody, VehicleReader, Vehicles

router = api_router(tags=["registry"])

_LEAVES_OUT_UNSET: dict[str, Any] = {"response_model_exclude_unset": True}  # `value` of an identifier


class Note(ResponseModel):
    pointer: str
    message: str


class VehiclePut(Vehicle):
    """The stored vehicle. `hints` point out identifiers that may be mistaken."""

    hints: list[Note]


class VehicleNote(ResponseModel):
    vehicle_id: str
    message: str


class VehiclesFound(Page[Vehicle]):
    """A page of vehicles. `hints` lists vehicles that have the requested identifier with its bytes in reverse order."""

    hints: list[VehicleNote]


@router.put(
    "/vehicles/{vehicle_id}",
    operation_id="put_vehicle",
    dependencies=requires(OPERATORS),
    responses=created(VehiclePut),
    **_LEAVES_OUT_UNSET,
)
async def put_vehicle(
    vehicle_id: str,
    body: VehicleBody,
    call: PutCall,
    vehicles: Vehicles,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_vehicle)],
) -> VehiclePut:
    """Register a vehicle, or give the one with this id this description and exactly these identifiers; others that it had
    are removed. An unchanged vehicle records nothing. An identifier of another vehicle is refused."""
    command = PutVehicle(
        vehicle_id=VehicleId(vehicle_id),
        description=body.description(),
        identifiers=body.presented(),
        expected_version=call.expected_version,
    )
    done = await call(handler, command)
    vehicle = await vehicles.after_command(call.caller.tenant_id, command.vehicle_id, done.version)
    notes = _notes(vehicles, call.caller.tenant_id, command.vehicle_id, body)
    return VehiclePut(**dict(vehicle), hints=notes)


@router.get(
    "/vehicles/{vehicle_id}",
    operation_id="get_vehicle",
    dependencies=requires(READERS, some_depots=True),
    **_LEAVES_OUT_UNSET,
)
async def get_vehicle(call: CommandCall, vehicles: Vehicles, vehicle_id: str, response: Response) -> Vehicle:
    """Return one vehicle, with its version as `ETag`. If the response shows identifier values, the audit trail records who
    read them."""
    row = await vehicles.row(call.caller.tenant_id, VehicleId(vehicle_id))
    set_etag(response, row["version"])
    (vehicle,) = await vehicles.shown(call, [row], ShownIn.VEHICLE)
    return vehicle


@router.get(
    "/vehicles", operation_id="list_vehicles", dependencies=requires(READERS, some_depots=True), **_LEAVES_OUT_UNSET
)
async def list_vehicles(
    caller: Caller,
    call: CommandCall,
    views: Views,
    vehicles: Vehicles,
    identifier: Annotated[str | None, Query(max_length=300, description="Any spelling of an identifier")] = None,
    name: Annotated[str | None, Query(max_length=200, description="Part of the name")] = None,
    access_class: Annotated[str | None, Query(pattern="^(own|agreement)$")] = None,
    agreement_id: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> VehiclesFound:
    """List the vehicles, or those that fit all given filters. If the response shows identifier values, the audit trail
    records who read them."""
    found = await views.vehicles(
        caller.tenant_id,
        pseudonyms=None if identifier is None else vehicles.spellings(caller.tenant_id, identifier),
        name=name,
        access_class=access_class,
        agreement_id=agreement_id,
        cursor=cursor,
        limit=limit,
    )
    notes = [] if identifier is None else _byte_reversed(vehicles, caller.tenant_id, identifier)
    items = await vehicles.shown(call, found.items, ShownIn.VEHICLE_LIST)
    return VehiclesFound(items=items, next_cursor=found.next_cursor, hints=notes)


@router.delete(
    "/vehicles/{vehicle_id}",
    operation_id="remove_vehicle",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def remove_vehicle(
    vehicle_id: str, call: ChangeCall, handler: Annotated[Handler, provided(lambda c: c.commands.remove_vehicle)]
) -> None:
    """Remove the vehicle: its identifiers become free, and their stored values can no longer be read. Removing it again is
    not found (404)."""
    await call(handler, RemoveVehicle(vehicle_id=VehicleId(vehicle_id), expected_version=call.expected_version))


@router.post(
    "/vehicles/{vehicle_id}/suspend",
    operation_id="suspend_vehicle",
    dependencies=requires(OPERATORS),
    **_LEAVES_OUT_UNSET,
)
async def suspend_vehicle(
    vehicle_id: str,
    body: ReasonBody,
    call: ChangeCall,
    vehicles: Vehicles,
    handler: Annotated[Handler, provided(lambda c: c.commands.suspend_vehicle)],
) -> Vehicle:
    """Suspend the vehicle until it is reinstated. Suspending a suspended vehicle changes nothing; the first reason stays."""
    command = SuspendVehicle(
        vehicle_id=VehicleId(vehicle_id), reason=body.reason, expected_version=call.expected_version
    )
    done = await call(handler, command)
    return await vehicles.after_command(call.caller.tenant_id, command.vehicle_id, done.version)


@router.post(
    "/vehicles/{vehicle_id}/reinstate",
    operation_id="reinstate_vehicle",
    dependencies=requires(OPERATORS),
    **_LEAVES_OUT_UNSET,
)
async def reinstate_vehicle(
    vehicle_id: str,
    body: ReasonBody,
    call: ChangeCall,
    vehicles: Vehicles,
    handler: Annotated[Handler, provided(lambda c: c.commands.reinstate_vehicle)],
) -> Vehicle:
    """End the suspension of the vehicle. Reinstating one that is not suspended changes nothing."""
    command = ReinstateVehicle(
        vehicle_id=VehicleId(vehicle_id), reason=body.reason, expected_version=call.expected_version
    )
    done = await call(handler, command)
    return await vehicles.after_command(call.caller.tenant_id, command.vehicle_id, done.version)


def _byte_reversed(vehicles: VehicleReader, tenant_id: TenantId, text: str) -> list[VehicleNote]:
    try:
        holder = vehicles.byte_reversed_holder(tenant_id, read_identifier(IdentifierKind.RFID, text))
    except Refused:
        return []
    message = f"Vehicle {holder} has this UID with its bytes in reverse order."
    return [] if holder is None else [VehicleNote(vehicle_id=holder, message=message)]


def _notes(vehicles: VehicleReader, tenant_id: TenantId, vehicle_id: VehicleId, body: VehicleBody) -> list[Note]:
    """Return notes on identifiers that may be mistaken, by RFC 6901 pointer."""
    notes = []
    for index, (kind, text) in enumerate(body.presented() or []):
        holder = vehicles.byte_reversed_holder(tenant_id, read_identifier(kind, text))
        if holder is not None and holder != vehicle_id:
            message = (
                f"Vehicle {holder} has this UID with its bytes in reverse order; is it the same card, read differently?"
            )
            notes.append(Note(pointer=f"/identifiers/{index}/value", message=message))
    return notes
