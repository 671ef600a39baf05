"""`/v1/depots/{depot_id}/entrances`: barriers and doors at which plates, codes and other identifiers are decided."""

from __future__ import annotations

from typing import Annotated

from fastapi.responses import Response
from pydantic import Field

from access_policy.application.commands.put_entrance import PutEntrance
from access_policy.application.commands.remove_entrance import RemoveEntrance
from access_policy.domain.depots import entrances
from access_policy.domain.depots.depot import Depot, DepotUnknown
from access_policy.domain.ids import ChargerId, DepotId, EntranceId, ReservationGroupId, TenantId
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, PutCall
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.fields import Page, RequestModel, ResponseModel, Text, Version
from access_policy.entrypoints.http.responses import created, set_etag
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["depots"])


class EntranceBody(RequestModel):
    """The whole entrance. Without `charger_ids` and `group_ids` it leads to the whole depot."""

    name: Text
    charger_ids: Annotated[list[Text], Field(default_factory=list, max_length=entrances.CHARGERS_MAX)]
    group_ids: Annotated[list[Text], Field(default_factory=list, max_length=entrances.GROUPS_MAX)]
    early_entry_min: int = Field(
        default=entrances.EARLY_ENTRY_MIN,
        strict=True,
        description="How many minutes before the window of a reservation its holder may enter, 0 to 1440; a reservation "
        "whose own early start is earlier admits its holder from that instant",
    )

    def entrance(self, entrance_id: str) -> entrances.Entrance:
        return entrances.Entrance(
            entrance_id=EntranceId(entrance_id),
            name=self.name,
            charger_ids=frozenset(ChargerId(each) for each in self.charger_ids),
            group_ids=frozenset(ReservationGroupId(each) for each in self.group_ids),
            early_entry_min=self.early_entry_min,
        )


class Entrance(ResponseModel):
    """An entrance. `leads_to` are the chargers in service behind it now."""

    depot_id: str
    entrance_id: str
    name: str
    charger_ids: list[str]
    group_ids: list[str]
    early_entry_min: int
    leads_to: list[str]
    version: Version


@router.put(
    "/depots/{depot_id}/entrances/{entrance_id}",
    operation_id="put_entrance",
    dependencies=requires(OPERATORS),
    responses=created(Entrance),
)
async def put_entrance(
    depot_id: str,
    entrance_id: str,
    body: EntranceBody,
    call: PutCall,
    view: DecisionView,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_entrance)],
) -> Entrance:
    """Create or replace an entrance. Its id is unique among all depots: 409 `entrance-id-taken` if another depot has
    it."""
    entrance = body.entrance(entrance_id)
    command = PutEntrance(depot_id=DepotId(depot_id), entrance=entrance, expected_version=call.expected_version)
    await call(handler, command)
    tenant_id = call.caller.tenant_id
    return _shown(view, tenant_id, _depot(view, tenant_id, command.depot_id), entrance.entrance_id)


@router.get("/depots/{depot_id}/entrances/{entrance_id}", operation_id="get_entrance", dependencies=requires(READERS))
async def get_entrance(
    depot_id: str, entrance_id: str, caller: Caller, view: DecisionView, response: Response
) -> Entrance:
    """Return one entrance and the chargers behind it, with its version as `ETag`. Changes nothing."""
    depot = _depot(view, caller.tenant_id, DepotId(depot_id))
    shown = _shown(view, caller.tenant_id, depot, EntranceId(entrance_id))
    set_etag(response, shown.version)
    return shown


@router.get("/depots/{depot_id}/entrances", operation_id="list_entrances", dependencies=requires(READERS))
async def list_entrances(depot_id: str, caller: Caller, view: DecisionView) -> Page[Entrance]:
    """List the entrances by name."""
    depot = _depot(view, caller.tenant_id, DepotId(depot_id))
    items = [_shown(view, caller.tenant_id, depot, each) for each in depot.entrances]
    return Page(items=sorted(items, key=lambda each: (each.name, each.entrance_id)), next_cursor=None)


@router.delete(
    "/depots/{depot_id}/entrances/{entrance_id}",
    operation_id="remove_entrance",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def remove_entrance(
    depot_id: str,
    entrance_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_entrance)],
) -> None:
    """Remove the entrance. Attempts that were decided there stay on record."""
    command = RemoveEntrance(
        depot_id=DepotId(depot_id), entrance_id=EntranceId(entrance_id), expected_version=call.expected_version
    )
    await call(handler, command)


def _depot(view: DecisionView, tenant_id: TenantId, depot_id: DepotId) -> Depot:
    depot = view.depot(tenant_id, depot_id)
    if depot is None:
        raise DepotUnknown.named(depot_id)
    return depot


def _shown(view: DecisionView, tenant_id: TenantId, depot: Depot, entrance_id: EntranceId) -> Entrance:
    entrance = depot.entrance(entrance_id)
    behind = view.behind_entrance(tenant_id, depot, entrance_id)
    return Entrance(
        depot_id=depot.depot_id,
        entrance_id=entrance_id,
        name=entrance.name,
        charger_ids=sorted(entrance.charger_ids),
        group_ids=sorted(entrance.group_ids),
        early_entry_min=entrance.early_entry_min,
        leads_to=[each.policy.charger_id for each in behind],
        version=depot.entrance_changed_at[entrance_id],
    )
