"""`/v1/depots/{depot_id}/reservation-groups`: sets of chargers, any free one of which satisfies a reservation."""

from __future__ import annotations

from typing import Annotated

from fastapi.responses import Response
from pydantic import Field

from access_policy.application.commands.put_reservation_group import PutReservationGroup
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId
from access_policy.domain.reservations import reservation as reservations
from access_policy.domain.reservations.book import ReservationBook
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import PutCall
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.fields import Page, RequestModel, ResponseModel, Text, Version
from access_policy.entrypoints.http.responses import created, set_etag
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["reservations"])


class ReservationGroupBody(RequestModel):
    """The whole group: a charger that is left out leaves the group."""

    name: Text
    charger_ids: Annotated[list[Text], Field(max_length=reservations.CHARGERS_MAX)]


class ReservationGroup(ResponseModel):
    depot_id: str
    group_id: str
    name: str
    charger_ids: list[str]
    version: Version

    @classmethod
    def of(cls, book: ReservationBook, group_id: ReservationGroupId) -> ReservationGroup:
        group = book.group(group_id)
        return cls(
            depot_id=book.depot_id,
            group_id=group_id,
            name=group.name,
            charger_ids=sorted(group.charger_ids),
            version=book.group_changed_at[group_id],
        )


@router.put(
    "/depots/{depot_id}/reservation-groups/{group_id}",
    operation_id="put_reservation_group",
    dependencies=requires(OPERATORS),
    responses=created(ReservationGroup),
)
async def put_reservation_group(
    depot_id: str,
    group_id: str,
    body: ReservationGroupBody,
    call: PutCall,
    view: DecisionView,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_reservation_group)],
) -> ReservationGroup:
    """Create or replace a group of the depot's chargers. Groups may share chargers. 409 `group-full` if the depot's
    reservations could no longer all have a charger."""
    group = reservations.ReservationGroup(
        group_id=ReservationGroupId(group_id),
        name=body.name,
        charger_ids=frozenset(ChargerId(each) for each in body.charger_ids),
    )
    command = PutReservationGroup(depot_id=DepotId(depot_id), group=group, expected_version=call.expected_version)
    await call(handler, command)
    return ReservationGroup.of(view.book(call.caller.tenant_id, command.depot_id), group.group_id)


@router.get(
    "/depots/{depot_id}/reservation-groups/{group_id}",
    operation_id="get_reservation_group",
    dependencies=requires(READERS),
)
async def get_reservation_group(
    depot_id: str, group_id: str, caller: Caller, view: DecisionView, response: Response
) -> ReservationGroup:
    """Return one reservation group, with its version as `ETag`. Changes nothing."""
    shown = ReservationGroup.of(view.book(caller.tenant_id, DepotId(depot_id)), ReservationGroupId(group_id))
    set_etag(response, shown.version)
    return shown


@router.get(
    "/depots/{depot_id}/reservation-groups", operation_id="list_reservation_groups", dependencies=requires(READERS)
)
async def list_reservation_groups(depot_id: str, caller: Caller, view: DecisionView) -> Page[ReservationGroup]:
    """List the groups by name."""
    if view.depot(caller.tenant_id, DepotId(depot_id)) is None:
        raise DepotUnknown.named(depot_id)
    book = view.book(caller.tenant_id, DepotId(depot_id))
    items = [ReservationGroup.of(book, group_id) for group_id in book.groups]
    return Page(items=sorted(items, key=lambda each: each.name), next_cursor=None)
