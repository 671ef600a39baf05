"""Dependencies of routes: parts of the container in `app.state.container`, and of the serving process.

The container's own wiring is not used: it binds a module to one container for the whole interpreter, while tests, and
services side by side in one process, use several, and it costs more for each request than all other dependencies
together (ADR 0022).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, is_dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.decision_view import view
from access_policy.application.live.hub import LiveHub
from access_policy.application.ports import clock, views
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.identity import Identity
from access_policy.application.ports.views import Row
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.container import Container
from access_policy.domain.ids import ChargerKey
from access_policy.entrypoints.http.peers import Peers

Handler = Callable[[Context, Any], Awaitable[Done]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingProcess:
    """The parts of the serving process that routes need.

    `settled` waits until everything up to a log position can be read; it returns False if that takes too long.
    `known_to` is a position up to which everything can already be read, and `log_end` is the log's last position
    (raises `StoreUnavailable`). `readiness` names the parts that the service needs, and whether each is available.
    `metrics` is Prometheus' text format. `connected` tells whether a charger is connected, given its key and its row in
    the read model. `live` serves `/v1/stream`; a gateway has none.
    """

    settled: Callable[[int], Awaitable[bool]]
    known_to: Callable[[], int]
    log_end: Callable[[], Awaitable[int]]
    readiness: Callable[[], Awaitable[dict[str, bool]]]
    metrics: Callable[[], Awaitable[bytes]]
    connected: Callable[[ChargerKey, Row], bool]
    peers: Peers
    live: LiveHub | None = None


def container_of(request: Request) -> Container:
    found: Container = request.app.state.container
    return found


def process_of(request: Request) -> ServingProcess:
    found: ServingProcess = request.app.state.process
    return found


class Provided:
    """A dependency on one part of the container. Views, and queries that read them, are limited to the caller's
    depots."""

    def __init__(self, part: Callable[[Container], Callable[[], Any]]) -> None:
        self._part = part

    def of(self, container: Container) -> Any:
        return self._part(container)()

    async def __call__(self, request: Request) -> Any:
        return within_depots(self.of(container_of(request)), request.state.caller)


def within_depots(part: Any, caller: Identity) -> Any:
    """Limit views, or the views of a query, to what this caller may read; return any other part unchanged."""
    if caller.depots is None:
        return part
    if hasattr(part, "within"):
        return part.within(caller.depots)
    if is_dataclass(part) and hasattr(part, "views"):
        return replace(part, views=part.views.within(caller.depots))  # type: ignore[type-var]
    return part


def provided(part: Callable[[Container], Callable[[], Any]]) -> Any:
    """Declare a dependency: `provided(lambda c: c.commands.lift_override)`."""
    return Depends(Provided(part))


def open_parts(routes: Iterable[BaseRoute], container: Container) -> None:
    """Open the parts that the routes depend on, so that no request has to wait for them."""
    dependants = [route.dependant for route in routes if isinstance(route, APIRoute)]
    while dependants:
        dependant = dependants.pop()
        dependants += dependant.dependencies
        if isinstance(dependant.call, Provided):
            dependant.call.of(container)


async def _process(request: Request) -> ServingProcess:
    return process_of(request)


Process = Annotated[ServingProcess, Depends(_process)]
Clock = Annotated[clock.Clock, provided(lambda c: c.clock)]
TenantRecords = Annotated[views.TenantRecords, provided(lambda c: c.read_side.views)]
Views = Annotated[views.Views, provided(lambda c: c.read_side.views)]
DecisionView = Annotated[view.DecisionView, provided(lambda c: c.deciding.view)]
Policies = Annotated[ChargerAccessPolicies, provided(lambda c: c.deciding.policies)]
Profiles = Annotated[CapabilityProfiles, provided(lambda c: c.deciding.profiles)]
