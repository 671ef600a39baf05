"""The HTTP applications of the processes, each imported by the process that serves it, before it serves.

The API, its documentation and the console take about two seconds to import. A separate gateway does not import them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from starlette.types import ASGIApp

from access_policy.adapters.ocpp.gateway.connections import Connections
from access_policy.application.live.hub import LiveHub
from access_policy.application.ports.views import Row
from access_policy.container import Container
from access_policy.domain.ids import ChargerKey
from access_policy.entrypoints.http.dependencies import ServingProcess
from access_policy.entrypoints.http.peers import Peers
from access_policy.entrypoints.processes.gateway_channel import gateway_app
from access_policy.entrypoints.processes.parts import Part, PartName
from access_policy.entrypoints.processes.readiness import Readiness
from access_policy.settings import Settings


class HttpSide(Protocol):
    async def app(self, process: ServingProcess) -> ASGIApp:
        """Return the application, with every part that routes need open and every route built."""
        ...

    async def close(self) -> None:
        """End the streams that the application serves."""
        ...


class GatewaySide:
    """The application that a gateway serves only to its office. `metrics` are the metrics of the gateway's process."""

    def __init__(self, container: Container, metrics: Callable[[], Awaitable[bytes]]) -> None:
        from access_policy.entrypoints.http.passed_on import create_passed_on
        from access_policy.entrypoints.http.warming import warm_up

        self._create, self._warm_up = create_passed_on, warm_up
        self._container = container
        self._metrics = metrics

    async def app(self, process: ServingProcess) -> ASGIApp:
        app = self._create(self._container, process)
        await self._warm_up(app)
        return gateway_app(app, process.readiness, self._metrics)

    async def close(self) -> None:
        pass


class PublicSide:
    """The API, its documentation, the live stream and the console."""

    def __init__(self, container: Container) -> None:
        from access_policy.entrypoints.http.app import create_app
        from access_policy.entrypoints.http.live import live_hub
        from access_policy.entrypoints.http.warming import warm_up

        self._create, self._live_hub, self._warm_up = create_app, live_hub, warm_up
        self._container = container
        self._live: LiveHub | None = None

    async def app(self, process: ServingProcess) -> ASGIApp:
        self._live = self._live_hub(self._container, process.connected)
        app = self._create(self._container, replace(process, live=self._live))
        await self._warm_up(app)
        return app

    async def close(self) -> None:
        if self._live is not None:
            await self._live.close()


def serving_process(
    container: Container, ready: Readiness, metrics: Callable[[], Awaitable[bytes]], part: Part | None
) -> ServingProcess:
    """Return the parts of this process that routes need. `part` says which of the two processes of `serve` it is."""
    settings, connections = container.settings(), container.chargers.connections()
    records = container.deciding.connection_records()
    is_office = part is not None and part.name is PartName.OFFICE
    return ServingProcess(
        settled=ready.settled,
        known_to=ready.known_to,
        log_end=container.stores.store().last_position,
        readiness=ready.parts,
        metrics=metrics,
        connected=_connected(settings, connections),
        peers=Peers(
            connections.connected,
            records.owner_of,
            lambda: container.deciding.follower().reached,
            ready.settled,
            container.clients(),
            settings.peers,
            {part.gateway: part.channel} if part is not None and is_office else {},
            None if settings.is_alone else records.connected_elsewhere,
        ),
    )


def _connected(settings: Settings, connections: Connections) -> Callable[[ChargerKey, Row], bool]:
    """Return a function that says whether a charger is connected: for chargers of this process from its own
    connections, for those of other processes from the read model."""
    if settings.is_alone:
        return lambda key, _: connections.connected(key)
    return lambda key, row: connections.connected(key) or bool(row["connected"])
