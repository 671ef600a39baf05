"""The board: problems first, then all chargers of a depot."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.turns import in_turns
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console.here import Here
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import Views
from access_policy.entrypoints.http.v1.charger_reader import Chargers

router: APIRouter = pages_router()

SHOWN_AT_A_TIME = 20  # chargers in one turn of the event loop
PAGE = 200


@router.get("/console/board", dependencies=visitors(READERS))
async def board(here: Here, views: Views, chargers: Chargers) -> Response:
    cursor, shown = None, []
    while True:
        found = await views.chargers(here.caller.tenant_id, depot_id=here.depot_id, cursor=cursor, limit=PAGE)
        async for row in in_turns(found.items, at_a_time=SHOWN_AT_A_TIME):
            status = await chargers.status(here.caller.tenant_id, row)
            if status is not None and status.retired_at is None:
                shown.append(status)
        if (cursor := found.next_cursor) is None:
            break
    return here.page("board.html", chargers=shown)
