"""`/v1/stream`: changes as server-sent events."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Query, Request

from access_policy.application.live.messages import Audience, EndReason
from access_policy.application.live.subjects import Kind
from access_policy.application.ports.identity import Identity, TokenRefused, VerifierUnavailable
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import Process, container_of
from access_policy.entrypoints.http.event_stream import EventStream, Objection
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import Responses
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["stream"])

STREAMS_MAX = 1_000  # of one process
POSITION = r"^[0-9]{1,18}$"
_MESSAGE = {"type": "object", "properties": {name: {"type": "string"} for name in ("id", "event", "data")}}
_EVENTS: Responses = {200: {"content": {"text/event-stream": {"schema": _MESSAGE}}}, 503: {}}


@router.get(
    "/stream",
    operation_id="stream",
    dependencies=requires(READERS, some_depots=True),
    status_code=HTTPStatus.OK,
    response_class=EventStream,
    responses=_EVENTS,
)
async def stream(
    request: Request,
    caller: Caller,
    process: Process,
    event: Annotated[list[Kind] | None, Query(description="Only these messages; default: all")] = None,
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    last_event_id: Annotated[
        str | None, Query(pattern=POSITION, description="For the first connection of an EventSource")
    ] = None,
    last_event_id_header: Annotated[
        str | None, Header(alias="Last-Event-ID", pattern=POSITION, description="Takes precedence over the query's")
    ] = None,
    follow: Annotated[bool, Query(description="False: end after the replay")] = True,
) -> EventStream:
    """Follow changes until the client disconnects.

    Messages: `attempt` (an item of `/v1/access-events`), `mode_change` (of `/v1/mode-changes`), `charger` (of
    `/v1/chargers`), `reservation` (of `/v1/reservations`), `energy` (a depot's silent feeds and narrowed chargers, when
    its site, an envelope, a feed or a gate changes; measurements alone cause at most one every 5 seconds) and `import`
    (a plan without its rows, for callers who may import). Each message shows the present state; several changes in
    quick succession become one message. The id is a log position. A client that reconnects with it receives everything
    that has changed since, possibly some of it twice.

    `ready`: everything so far has been sent. `reset`: too much has changed since the id; read everything again. `end`:
    the service ends the stream, with a `reason`: `slow-reader` (more messages were waiting than the service keeps),
    `shutting-down`, `signed-out`, `permissions-changed` or `unavailable`. A comment every 15 seconds shows that the
    stream is alive.
    """
    live = process.live
    assert live is not None, "a process without a hub does not include this route"
    if live.clients >= STREAMS_MAX:
        detail = "This process has reached its limit of streams; try again in a moment, or close other streams."
        raise ApiProblem(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-streams", detail, headers={"Retry-After": "15"})
    audience = Audience(
        tenant_id=caller.tenant_id,
        depots=caller.depots,
        sees_imports=caller.role in OPERATORS,
        kinds=frozenset(event or Kind),
        depot_id=depot_id,
        charger_id=charger_id,
    )
    sent = last_event_id if last_event_id_header is None else last_event_id_header
    after = None if sent is None else int(sent)
    return EventStream(live, audience, after, _objection(request, caller), follow=follow)


def _objection(request: Request, caller: Identity) -> Objection:
    """Return a function that says why the caller may no longer read, if so; it raises `StoreUnavailable`."""
    container, presented = container_of(request), request.state.presented

    async def objection() -> EndReason | None:
        try:
            now = await container.identity.accepted().verify(presented, is_use=False)
        except TokenRefused:
            return EndReason.SIGNED_OUT
        except VerifierUnavailable:
            return None
        if container.deciding.view().is_erased(caller.tenant_id):
            return EndReason.SIGNED_OUT
        return None if now == caller else EndReason.PERMISSIONS_CHANGED

    return objection
