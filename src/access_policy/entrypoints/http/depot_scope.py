"""The one place that holds callers to their depots (ADR 0028).

A caller who is limited to some depots gets 404 if an operation's path, query or body names anything that belongs to
another depot. Answers are built from views within the caller's depots (`dependencies.Provided`). An operation that
names no charger, depot, attempt, schedule or reservation in its path admits such a caller only if its route declares
that these views limit its response.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request

from access_policy.application.ports.identity import DepotScope, Identity
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.depots.depot import DepotUnknown, ScheduleUnknown
from access_policy.domain.depots.entrances import EntranceUnknown
from access_policy.domain.ids import (
    AttemptId,
    ChargerId,
    DepotId,
    EntranceId,
    EnvelopeId,
    ReservationId,
    ScheduleId,
    TenantId,
)
from access_policy.domain.reservations.errors import ReservationUnknown
from access_policy.domain.site_energy.errors import EnvelopeUnknown
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import not_found

IN_PATHS: Final = frozenset({"charger_id", "depot_id", "attempt_id", "schedule_id", "reservation_id", "envelope_id"})
IN_BODIES: Final = frozenset({"charger_id", "charger_ids", "depot_id", "depot_ids", "entrance_id", "schedule_id"})
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


async def restrict_to_depots(request: Request, caller: Identity, *, some_depots: bool) -> None:
    """Refuse a request that concerns other depots. Raises `ApiProblem` (403), or `ChargerUnknown`, `DepotUnknown` or
    `ApiProblem` (404) for something that belongs to another depot."""
    if caller.depots is None:
        return
    if not some_depots and not IN_PATHS & request.path_params.keys():
        detail = "This operation concerns all depots of the tenant, but your token is limited to some of them."
        raise ApiProblem(HTTPStatus.FORBIDDEN, "depots-too-few", detail)
    for name, value in await _named(request):
        match name:
            case "depot_id" | "depot_ids":
                require_depot(caller.depots, value)
            case "attempt_id":
                await _require_attempt(request, caller, value)
            case "schedule_id":
                await _require_schedule(request, caller, value)
            case "entrance_id":
                _require_entrance(request, caller, value)
            case "reservation_id":
                await _require_reservation(request, caller, value)
            case "envelope_id":
                await _require_envelope(request, caller, value)
            case _:
                await _require_charger(request, caller, value)


def require_depot(depots: DepotScope, depot_id: str) -> None:
    """Raise `DepotUnknown` if the depot is not one of `depots`."""
    if depots is not None and depot_id not in depots:
        raise DepotUnknown.named(depot_id)


async def chargers_within(request: Request, caller: Identity) -> frozenset[ChargerId] | None:
    """Return the chargers in service at the caller's depots; None for a caller of all depots."""
    if caller.depots is None:
        return None
    view = container_of(request).deciding.view()
    return frozenset(
        [each for depot_id in caller.depots for each in await view.charger_ids(caller.tenant_id, depot_id)]
    )


async def _require_charger(request: Request, caller: Identity, charger_id: str) -> None:
    """Refuse another depot's charger. A charger that does not exist is left to the operation, which may create it."""
    depot_id = await _depot_of(request, caller.tenant_id, ChargerId(charger_id))
    if depot_id is not None and caller.depots is not None and depot_id not in caller.depots:
        raise ChargerUnknown.named(charger_id)


async def _depot_of(request: Request, tenant_id: TenantId, charger_id: ChargerId) -> DepotId | None:
    policy = await container_of(request).deciding.policies().find(tenant_id, charger_id)
    return None if policy is None else policy.settings.depot_id


async def _require_attempt(request: Request, caller: Identity, attempt_id: str) -> None:
    views = container_of(request).read_side.views().within(caller.depots)
    if await views.attempt(caller.tenant_id, AttemptId(attempt_id)) is None:
        raise not_found("attempt")


async def _require_schedule(request: Request, caller: Identity, schedule_id: str) -> None:
    view = container_of(request).deciding.view()
    depot_id = await view.depot_of_schedule(caller.tenant_id, ScheduleId(schedule_id))
    if depot_id is None or (caller.depots is not None and depot_id not in caller.depots):
        raise ScheduleUnknown.named(schedule_id)


def _require_entrance(request: Request, caller: Identity, entrance_id: str) -> None:
    """Refuse another depot's entrance. An entrance that does not exist is left to the operation."""
    view = container_of(request).deciding.view()
    having = view.depots_with_entrance(caller.tenant_id, EntranceId(entrance_id))
    if having and caller.depots is not None and not caller.depots.issuperset(having):
        raise EntranceUnknown.named(entrance_id)


async def _require_reservation(request: Request, caller: Identity, reservation_id: str) -> None:
    """Refuse another depot's reservation. If the depot's book no longer has it, the read model does."""
    container = container_of(request)
    depot_id = container.deciding.view().depot_of_reservation(caller.tenant_id, ReservationId(reservation_id))
    if depot_id is None:
        rows = await container.read_side.views().reservations_of(caller.tenant_id, [reservation_id])
        depot_id = DepotId(rows[0]["depot_id"]) if rows else None
    if depot_id is None or (caller.depots is not None and depot_id not in caller.depots):
        raise ReservationUnknown.named(reservation_id)


async def _require_envelope(request: Request, caller: Identity, envelope_id: str) -> None:
    """Refuse another depot's envelope. An envelope that does not exist is left to the operation, which may create
    it."""
    row = await container_of(request).read_side.views().envelope(caller.tenant_id, EnvelopeId(envelope_id))
    if row is not None and caller.depots is not None and row["depot_id"] not in caller.depots:
        raise EnvelopeUnknown.named(envelope_id)


async def _named(request: Request) -> list[tuple[str, str]]:
    """Return the ids that a request names: in its path, its query, the fields of a form, and at any depth of a JSON
    body."""
    path = [(name, value) for name, value in request.path_params.items() if name in IN_PATHS]
    query = [(name, value) for name, value in request.query_params.multi_items() if name in IN_BODIES]
    if request.headers.get("Content-Type", "").startswith(FORMS):
        form = (await request.form()).multi_items()
        return path + query + [(name, value) for name, value in form if name in IN_BODIES and isinstance(value, str)]
    try:
        body = json.loads(await request.body() or b"null")
    except (ValueError, RecursionError):
        return path + query  # not JSON, which an operation that expects JSON refuses
    return [*path, *query, *_in_body(body)]


def _in_body(body: Any) -> Iterator[tuple[str, str]]:
    waiting = [body]
    while waiting:
        match waiting.pop():
            case dict() as each:
                for name, value in each.items():
                    if name in IN_BODIES:
                        values = value if isinstance(value, list) else [value]
                        yield from ((name, one) for one in values if isinstance(one, str) and one != "all")
                    waiting.append(value)
            case list() as each:
                waiting.extend(each)
