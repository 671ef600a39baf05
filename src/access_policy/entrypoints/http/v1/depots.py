"""`/v1/depots`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.ports.views import Row
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.ids import DepotId
from access_policy.entrypoints.http.answers import (
    Cursor,
    IfMatch,
    IfNoneMatch,
    Limit,
    answer,
    done,
    expected_version,
    not_found,
    page,
)
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import DepotBody

router = APIRouter(tags=["depots"])


@router.put("/depots/{depot_id}", operation_id="put_depot")
async def put_depot(
    request: Request,
    caller: Caller,
    services: Services,
    depot_id: str,
    body: DepotBody,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    command = PutDepot(
        depot_id=DepotId(depot_id),
        settings=DepotSettings(
            name=body.name,
            time_zone=body.time_zone,
            language=body.language,
            longest_override_days=body.longest_override_days,
            session_max_age_hours=body.session_max_age_hours,
            identifier_kinds=body.identifier_kinds,
            exclusive_kinds=body.exclusive_kinds,
        ),
        expected_version=expected_version(if_match, if_none_match),
    )
    result = await services.put_depot(context_of(request, caller), command)
    await services.settled(result.position)
    put = {"depot_id": depot_id, **body.model_dump()}
    kinds = {name: sorted(put[name]) for name in ("identifier_kinds", "exclusive_kinds")}
    return done(result, {**put, **kinds}, status=201 if result.created else 200)


@router.get("/depots/{depot_id}", operation_id="get_depot")
async def get_depot(caller: Caller, services: Services, depot_id: str) -> Response:
    row = await services.views.depot(caller.tenant_id, DepotId(depot_id))
    if row is None:
        raise not_found("depot")
    return answer(shown(row), version=row["version"])


@router.get("/depots", operation_id="list_depots")
async def list_depots(caller: Caller, services: Services, cursor: Cursor = None, limit: Limit = 50) -> Response:
    return page(await services.views.depots(caller.tenant_id, cursor=cursor, limit=limit), shown)


def shown(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "tenant_id"}
