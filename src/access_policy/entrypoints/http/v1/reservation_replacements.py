"""`/v1/reservations/{reservation_id}/replace` and `…/history`: vehicles that replace each other in a block of work."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from access_policy.application.commands.replace_reservation import ReplaceReservation
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.application.plan.gathering import Placed
from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId, ReservationId, TenantId, VehicleId
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.errors import ReservationUnknown
from access_policy.domain.reservations.reservation import Place
from access_policy.domain.reservations.successions import succession_of
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.fields import (
    IdentifierBody,
    Instant,
    Page,
    RequestModel,
    ResponseModel,
    Text,
    UtcInstant,
)
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.plan_reader import Plan
from access_policy.entrypoints.http.v1.reservation_models import Reservation

router = api_router(tags=["reservations"])


class NewHolderBody(RequestModel):
    """A vehicle of the registry, identifiers, or both."""

    vehicle_id: Text | None = None
    identifiers: Annotated[list[IdentifierBody], Field(max_length=200)] = Field(default=[])


class ReplacementBody(RequestModel):
    """The successor. `reservation_id` is its id. Fields that are left out are copied from the reservation that it
    replaces."""

    holder: NewHolderBody
    reason: Text
    reservation_id: Text | None = None
    charger_id: Text | None = None
    connector_id: Annotated[int, Field(strict=True)] | None = None
    group_id: Text | None = None
    start: Instant | None = None
    end: Instant | None = None
    note: Text | None = None

    def command(self, reservation_id: ReservationId, expected_version: int | None) -> ReplaceReservation:
        return ReplaceReservation(
            reservation_id=reservation_id,
            reason=self.reason,
            vehicle_id=None if self.holder.vehicle_id is None else VehicleId(self.holder.vehicle_id),
            identifiers=[(each.kind, each.value) for each in self.holder.identifiers],
            place=self._place(),
            start=self.start,
            end=self.end,
            note=self.note,
            successor_id=None if self.reservation_id is None else ReservationId(self.reservation_id),
            expected_version=expected_version,
        )

    def _place(self) -> Place | None:
        if self.charger_id is None and self.group_id is None and self.connector_id is None:
            return None
        return Place(
            charger_id=None if self.charger_id is None else ChargerId(self.charger_id),
            connector_id=self.connector_id,
            group_id=None if self.group_id is None else ReservationGroupId(self.group_id),
        )


class ReservationInHistory(ResponseModel):
    """A reservation in a history. `reason` and `over_at` are null while it is live; `replaced_by` is null for the last
    one."""

    reservation: Reservation
    replaced_by: str | None
    reason: str | None
    over_at: UtcInstant | None

    @classmethod
    def of(cls, shown: Reservation, entry: Entry) -> ReservationInHistory:
        return cls(
            reservation=shown,
            replaced_by=entry.replaced_by,
            reason=entry.reason or None,
            over_at=entry.over_at,
        )


@router.post(
    "/reservations/{reservation_id}/replace",
    operation_id="replace_reservation",
    dependencies=requires(OPERATORS),
    status_code=201,
)
async def replace_reservation(
    reservation_id: str,
    body: ReplacementBody,
    call: ChangeCall,
    plan: Plan,
    handler: Annotated[Handler, provided(lambda c: c.commands.replace_reservation)],
) -> Reservation:
    """Replace the reservation with one for another holder, in one step; the old reservation ends as replaced. The
    successor serves the same block of work. 409 `reservation-over` for a reservation that is over."""
    done = await call(handler, body.command(ReservationId(reservation_id), call.expected_version))
    assert done.created_id is not None
    return await plan.one(call.caller, ReservationId(done.created_id))


@router.get(
    "/reservations/{reservation_id}/history",
    operation_id="get_reservation_history",
    dependencies=requires(READERS),
)
async def get_reservation_history(
    reservation_id: str, caller: Caller, view: DecisionView, plan: Plan
) -> Page[ReservationInHistory]:
    """List the reservation, the ones that it replaced before it, and the ones that replaced it after it. A reservation
    is kept for a week after its end."""
    depot_id = _depot_of(view, caller.tenant_id, ReservationId(reservation_id))
    chain = succession_of(view.book(caller.tenant_id, depot_id), ReservationId(reservation_id))
    shown = await plan.expanded(caller, [Placed(depot_id, each) for each in chain])
    items = [ReservationInHistory.of(each, entry) for each, entry in zip(shown, chain, strict=True)]
    return Page(items=items, next_cursor=None)


def _depot_of(view: View, tenant_id: TenantId, reservation_id: ReservationId) -> DepotId:
    depot_id = view.depot_of_reservation(tenant_id, reservation_id)
    if depot_id is None:
        raise ReservationUnknown.named(reservation_id)
    return depot_id
