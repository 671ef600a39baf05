"""The entrances of a depot, with the chargers behind each: add, change and remove them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from access_policy.application.commands.put_entrance import PutEntrance
from access_policy.application.commands.remove_entrance import RemoveEntrance
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.domain.depots.entrances import EARLY_ENTRY_MIN
from access_policy.domain.ids import DepotId, EntranceId
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.attempts import ATTEMPTS
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.v1.entrances import EntranceBody

router: APIRouter = pages_router()

ENTRANCES: Final = "/console/entrances"
NEW: Final[dict[str, str | list[str]]] = {
    "entrance_id": "",
    "name": "",
    "charger_ids": [],
    "group_ids": [],
    "early_entry_min": str(EARLY_ENTRY_MIN),
}


@router.get(ENTRANCES, dependencies=visitors(READERS))
async def entrances(
    here: Here, view: DecisionView, entrance_id: Annotated[str | None, Query(max_length=64)] = None
) -> Response:
    """List the entrances. `entrance_id`: the one to change in the form."""
    here = here.at_one_depot()
    depot = None if here.depot_id is None else view.depot(here.caller.tenant_id, here.depot_id)
    known = None if depot is None or entrance_id is None else depot.entrances.get(EntranceId(entrance_id))
    if depot is None or known is None:
        return await _shown(here, view, Form.of(NEW))
    values: dict[str, str | list[str]] = {
        "entrance_id": known.entrance_id,
        "name": known.name,
        "charger_ids": [*sorted(known.charger_ids)],
        "group_ids": [*sorted(known.group_ids)],
        "early_entry_min": str(known.early_entry_min),
    }
    return await _shown(here, view, Form.of(values, depot.entrance_changed_at[known.entrance_id]))


@router.post(ENTRANCES, dependencies=visitors(OPERATORS))
async def put_entrance(
    here: Here,
    view: DecisionView,
    sent: Sent,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_entrance)],
) -> Response:
    here = here.at_one_depot()
    lists = ("charger_ids", "group_ids")
    try:
        body = sent.body(EntranceBody, lists=lists, numbers=("early_entry_min",), ignored=("entrance_id",))
        command = PutEntrance(
            depot_id=DepotId(here.depot_id or ""),
            entrance=body.entrance(sent.text("entrance_id")),
            expected_version=sent.version or 0,
        )
        await call(handler, command)
    except REFUSALS as error:
        return await _shown(here, view, sent.refused(error), status=422)
    return here.done(here.url(ENTRANCES), f"The entrance {body.name} is saved.")


@router.post(ENTRANCES + "/{entrance_id}/remove", dependencies=visitors(OPERATORS))
async def remove_entrance(
    here: Here,
    entrance_id: str,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_entrance)],
) -> Response:
    here = here.at_one_depot()
    command = RemoveEntrance(depot_id=DepotId(here.depot_id or ""), entrance_id=EntranceId(entrance_id))
    await call(handler, command)
    return here.done(here.url(ENTRANCES), f"The entrance {entrance_id} is removed.")


async def _shown(here: Visit, view: View, form: Form, *, status: int = 200) -> Response:
    tenant_id, depot_id = here.caller.tenant_id, here.depot_id
    chargers, groups = list[str](), list[Any]()
    if depot_id is not None:
        chargers = sorted(await view.charger_ids(tenant_id, depot_id))
        groups = sorted(view.book(tenant_id, depot_id).groups.values(), key=lambda each: each.name)
    return here.page(
        "entrances.html",
        status=status,
        form=form,
        entrances=_entrances(here, view),
        chargers=chargers,
        groups=groups,
        base=ENTRANCES,
        chargers_page=CHARGERS,
        attempts_page=ATTEMPTS,
        is_new=form.version is None,
    )


def _entrances(here: Visit, view: View) -> list[dict[str, Any]]:
    """Return the entrances by name, each with the chargers in service behind it."""
    tenant_id, depot_id = here.caller.tenant_id, here.depot_id
    depot = None if depot_id is None else view.depot(tenant_id, depot_id)
    if depot is None:
        return []
    found = [
        {"entrance": each, "behind": [one.policy.charger_id for one in view.behind_entrance(tenant_id, depot, each_id)]}
        for each_id, each in depot.entrances.items()
    ]
    return sorted(found, key=lambda each: (each["entrance"].name, each["entrance"].entrance_id))
