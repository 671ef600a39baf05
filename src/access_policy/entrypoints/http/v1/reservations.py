"""`/v1/reservations`: a holder's right to a charger, or to one of a group, for a window."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from fastapi.responses import Response

from access_policy.application.commands.cancel_reservation import CancelReservation
from access_policy.application.commands.change_reservation import ChangeReservation
from access_policy.application.commands.make_reservation import MakeReservation
from access_policy.domain.ids import DepotId, ReservationId
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, CommandCall
from access_policy.entrypoints.http.dependencies import Handler, provided
from access_policy.entrypoints.http.fields import Text
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.plan_reader import Asked, Plan, ReservationPage
from access_policy.entrypoints.http.v1.reservation_models import NewReservationBody, Reservation, ReservationBody

router = api_router(tags=["reservations"])


@router.post(
    "/reservations",
    operation_id="make_reservation",
    dependencies=requires(OPERATORS, some_depots=True),
    status_code=201,
    responses={404: {}},
)
async def make_reservation(
    body: NewReservationBody,
    call: CommandCall,
    plan: Plan,
    handler: Annotated[Handler, provided(lambda c: c.commands.make_reservation)],
) -> Reservation:
    """Reserve a charger by name, or any free charger of a group. 409 `charger-already-reserved` or `group-full` if the
    time is already reserved; the problem names the conflicting reservations, not their holders."""
    reservation_id = None if body.reservation_id is None else ReservationId(body.reservation_id)
    command = MakeReservation(depot_id=DepotId(body.depot_id), draft=body.draft(), reservation_id=reservation_id)
    done = await call(handler, command)
    assert done.created_id is not None
    return await plan.one(call.caller, ReservationId(done.created_id))


@router.get("/reservations", operation_id="list_reservations", dependencies=requires(READERS, some_depots=True))
async def list_reservations(
    caller: Caller,
    plan: Plan,
    asked: Annotated[Asked, Depends()],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ReservationPage:
    """List reservations by start. A reservation is in the list if its window overlaps `[from, until)`. Without `from`
    the list begins with the depot's present operating day; `from` may be any past instant. Without `until` it ends at
    `horizon_until`, by the depot's setting. The plan in the console and the command line show the same rows."""
    return await plan.page(caller, asked.filter(plan.spellings), cursor=cursor, limit=limit)


@router.get("/reservations/{reservation_id}", operation_id="get_reservation", dependencies=requires(READERS))
async def get_reservation(reservation_id: str, caller: Caller, plan: Plan, response: Response) -> Reservation:
    """Return one reservation with its state, with its version as `ETag`. Changes nothing."""
    shown = await plan.one(caller, ReservationId(reservation_id))
    set_etag(response, shown.version)
    return shown


@router.put("/reservations/{reservation_id}", operation_id="change_reservation", dependencies=requires(OPERATORS))
async def change_reservation(
    reservation_id: str,
    body: ReservationBody,
    call: ChangeCall,
    plan: Plan,
    handler: Annotated[Handler, provided(lambda c: c.commands.change_reservation)],
) -> Reservation:
    """Replace the reservation's content; the old window becomes free in the same step. Terms that are left out are
    unchanged. 409 `reservation-over` for a reservation that is over; make a new one."""
    command = ChangeReservation(
        reservation_id=ReservationId(reservation_id), draft=body.draft(), expected_version=call.expected_version
    )
    await call(handler, command)
    return await plan.one(call.caller, command.reservation_id)


@router.delete(
    "/reservations/{reservation_id}",
    operation_id="cancel_reservation",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def cancel_reservation(
    reservation_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.cancel_reservation)],
    reason: Annotated[Text, Query(description="Shown wherever the reservation is shown")],
) -> None:
    """Cancel the reservation. Cancelling it again changes nothing."""
    command = CancelReservation(
        reservation_id=ReservationId(reservation_id), reason=reason, expected_version=call.expected_version
    )
    await call(handler, command)
