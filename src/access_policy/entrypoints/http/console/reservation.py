"""One reservation: its status with its reasons and history, and how to move, change, replace and cancel it."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as dataclass_replace
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.commands.cancel_reservation import CancelReservation
from access_policy.application.commands.change_reservation import ChangeReservation
from access_policy.application.commands.replace_reservation import ReplaceReservation
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.application.plan.free_windows import FreeWindows, chargers_free
from access_policy.application.plan.status import PlanStatus
from access_policy.domain.ids import ChargerId, DepotId, ReservationId, VehicleId
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console import plan_pictures, plan_words, reservation_form
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.plan import FreeOnes
from access_policy.entrypoints.http.console.reservation_entries import ENTRY, choices_of, href_of, vehicle_ids
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, Views, provided
from access_policy.entrypoints.http.fields import ReasonBody, Text
from access_policy.entrypoints.http.v1.plan_reader import Plan, PlanShown
from access_policy.entrypoints.http.v1.reservation_models import Reservation, ReservationBody

router: APIRouter = pages_router()

ONE: Final = ENTRY + "/{reservation_id}"
OFFERED_MAX: Final = 8  # places to move to
LIVE: Final = frozenset({PlanStatus.PLANNED, PlanStatus.AT_RISK, PlanStatus.DUE, PlanStatus.CHARGING})
Change = Annotated[Handler, provided(lambda c: c.commands.change_reservation)]


class ReplaceBody(ReasonBody):
    vehicle_id: Text


@dataclass(frozen=True, slots=True)
class Shown:
    """The page of a reservation, on the clock of its depot."""

    here: Visit
    row: Reservation


async def _found(here: Visit, plan: PlanShown, reservation_id: str) -> Shown:
    row = await plan.one(here.caller, ReservationId(reservation_id))
    depot = next((each for each in here.depots if each.depot_id == row.depot_id), None)
    return Shown(dataclass_replace(here, depot=depot).in_depot(depot), row)


@router.get(ONE, dependencies=visitors(READERS))
async def reservation(
    here: Here, reservation_id: str, plan: Plan, view: DecisionView, views: Views, free_windows: FreeOnes
) -> Response:
    shown = await _found(here, plan, reservation_id)
    return await _page(shown, plan, view, views, free_windows)


@router.post(ONE + "/move", dependencies=visitors(OPERATORS))
async def move(here: Here, reservation_id: str, plan: Plan, sent: Sent, call: CommandCall, handler: Change) -> Response:
    """Move the reservation to another charger, at the same time."""
    shown = await _found(here, plan, reservation_id)
    place = {"charger_id": sent.text("charger_id"), "group_id": None, "connector_id": None}
    await call(handler, _changed(shown.row, **place))
    return here.done(href_of(here, reservation_id), f"The entry is moved to {place['charger_id']}.")


def _changed(row: Reservation, **changes: Any) -> ChangeReservation:
    kept = row.model_dump(mode="json", include={"charger_id", "connector_id", "group_id", "start", "end", "note"})
    holder = {"vehicle_id": row.holder.vehicle_id, "identifiers": None}
    assignment = None if row.assignment is None else row.assignment.model_dump(mode="json")
    body = ReservationBody.model_validate({**kept, "holder": holder, "assignment": assignment, **changes})
    return ChangeReservation(
        reservation_id=ReservationId(row.reservation_id), draft=body.draft(), expected_version=row.version
    )


@router.get(ONE + "/change", dependencies=visitors(OPERATORS))
async def ask_change(
    here: Here, reservation_id: str, plan: Plan, view: DecisionView, free_windows: FreeOnes
) -> Response:
    shown = await _found(here, plan, reservation_id)
    values = reservation_form.values_of(shown.row, shown.here.zone)
    return await _form(shown, view, free_windows, Form.of(values, shown.row.version))


@router.post(ONE + "/change", dependencies=visitors(OPERATORS))
async def change(
    here: Here,
    reservation_id: str,
    plan: Plan,
    view: DecisionView,
    free_windows: FreeOnes,
    sent: Sent,
    call: CommandCall,
    handler: Change,
) -> Response:
    shown = await _found(here, plan, reservation_id)
    try:
        body = reservation_form.body_of(sent, ReservationBody, shown.here.zone, keeps_identifiers=True)
        command = ChangeReservation(
            reservation_id=ReservationId(reservation_id), draft=body.draft(), expected_version=sent.version
        )
        await call(handler, command)
    except REFUSALS as error:
        refused = sent.refused(error, reservation_form.values_of(shown.row, shown.here.zone))
        return await _form(shown, view, free_windows, refused, status=422)
    return here.done(href_of(here, reservation_id), "The entry is changed.")


@router.post(ONE + "/cancel", dependencies=visitors(OPERATORS))
async def cancel(
    here: Here,
    reservation_id: str,
    plan: Plan,
    view: DecisionView,
    views: Views,
    free_windows: FreeOnes,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.cancel_reservation)],
) -> Response:
    try:
        command = CancelReservation(reservation_id=ReservationId(reservation_id), reason=sent.body(ReasonBody).reason)
        await call(handler, command)
    except REFUSALS as error:
        shown = await _found(here, plan, reservation_id)
        return await _page(shown, plan, view, views, free_windows, cancelling=sent.refused(error), status=422)
    return here.done(href_of(here, reservation_id), "The entry is cancelled.")


@router.post(ONE + "/replace", dependencies=visitors(OPERATORS))
async def replace(
    here: Here,
    reservation_id: str,
    plan: Plan,
    view: DecisionView,
    views: Views,
    free_windows: FreeOnes,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.replace_reservation)],
) -> Response:
    try:
        body = sent.body(ReplaceBody)
        command = ReplaceReservation(
            reservation_id=ReservationId(reservation_id), reason=body.reason, vehicle_id=VehicleId(body.vehicle_id)
        )
        done = await call(handler, command)
    except REFUSALS as error:
        shown = await _found(here, plan, reservation_id)
        return await _page(shown, plan, view, views, free_windows, replacing=sent.refused(error), status=422)
    assert done.created_id is not None
    return here.done(href_of(here, done.created_id), f"The entry now belongs to {body.vehicle_id}.")


async def _page(
    shown: Shown,
    plan: PlanShown,
    view: View,
    views: Any,
    free_windows: FreeWindows,
    *,
    cancelling: Form | None = None,
    replacing: Form | None = None,
    status: int = 200,
) -> Response:
    here, row = shown.here, shown.row
    can_change = here.operates and row.status in LIVE and row.fulfilled_at is None
    groups = view.book(here.caller.tenant_id, DepotId(row.depot_id)).groups
    return here.page(
        "reservation.html",
        status=status,
        row=row,
        history=await views.reservation_history(here.caller.tenant_id, ReservationId(row.reservation_id)),
        offered=await _offered(shown, plan, free_windows) if can_change else [],
        can_change=can_change,
        can_cancel=here.operates and row.status in LIVE,
        cancelling=cancelling or Form.of({"reason": ""}),
        replacing=replacing or Form.of({"vehicle_id": "", "reason": ""}),
        vehicles=vehicle_ids(here, view) if can_change else [],
        names={each.group_id: each.name for each in groups.values()},
        words=plan_words,
        pictures=plan_pictures,
        base=href_of(here, row.reservation_id),
        day=row.start.astimezone(here.zone).date(),
        part=lambda name: href_of(here, row.reservation_id, f"/{name}"),
    )


async def _offered(shown: Shown, plan: PlanShown, free_windows: FreeWindows) -> list[ChargerId]:
    """Return the chargers that are free in the whole window and usable now."""
    here, row = shown.here, shown.row
    if row.end - max(row.start, here.now) <= timedelta():
        return []
    found = await free_windows(here.caller.tenant_id, DepotId(row.depot_id), row.start, row.end)
    free = chargers_free(found, max(row.start, here.now), row.end)
    others = [each for each in free if each != row.charger_id]
    facts = await plan.reader.gather.chargers(here.caller.tenant_id, others, plan.connected, here.now)
    return [each for each in others if facts[each].is_usable][:OFFERED_MAX]


async def _form(shown: Shown, view: View, free_windows: FreeWindows, form: Form, *, status: int = 200) -> Response:
    here = shown.here
    chargers, groups = await choices_of(here, view, free_windows, form)
    return here.page(
        "reservation_form.html",
        status=status,
        form=form,
        title="Change an entry",
        action=href_of(here, shown.row.reservation_id, "/change"),
        back=href_of(here, shown.row.reservation_id),
        chargers=chargers,
        groups=groups,
        kinds=reservation_form.KINDS,
        vehicles=vehicle_ids(here, view),
    )
