"""One process of the service: it opens its parts, catches up, serves, and stops in order.

A process has all roles, or some of them while other processes on the same store have the rest (ADR 0016).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from access_policy.adapters.local_files.sockets import bound_socket
from access_policy.adapters.ocpp.transport.server import OcppServer
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.entrypoints.processes.garbage import COLLECTED, search_often, spare_collections
from access_policy.entrypoints.processes.gateway_channel import GatewayChannel
from access_policy.entrypoints.processes.http_sides import GatewaySide, HttpSide, PublicSide, serving_process
from access_policy.entrypoints.processes.jobs import background_jobs
from access_policy.entrypoints.processes.listening import tcp_socket
from access_policy.entrypoints.processes.loops import running_loop_name
from access_policy.entrypoints.processes.metric_families import merged
from access_policy.entrypoints.processes.metrics import Metrics
from access_policy.entrypoints.processes.parts import Part, PartName
from access_policy.entrypoints.processes.ports import HttpListener, ocpp_limits, renew_certificate
from access_policy.entrypoints.processes.readiness import Readiness
from access_policy.entrypoints.processes.safety import alone_in, refuse_unsafe
from access_policy.entrypoints.processes.startup import StartUp, Step
from access_policy.process_roles import ProcessRole
from access_policy.settings import Settings

log = logging.getLogger(__name__)


class Service:
    """A process. `part` says which of the two processes of `serve` this is; None: it runs alone, or with the processes
    at `peers`.

    `http_port` and `ocpp_port` are the ports in use, even if 0 was configured. `step` names the current step of the
    start or the stop.
    """

    def __init__(self, settings: Settings, part: Part | None = None) -> None:
        refuse_unsafe(settings)
        self.settings = settings
        self._roles = settings.roles
        self.container = Container(settings=settings)
        self._metrics = Metrics(self.container)
        self._stopping = asyncio.Event()
        self._start_up = StartUp(self.container)
        self._part = part
        is_office = part is not None and part.name is PartName.OFFICE
        self._channel = (
            GatewayChannel(part.channel, self.container.clients()) if part is not None and is_office else None
        )
        self._ready = Readiness(self.container, self._stopping.is_set, self._channel)
        self.readiness = self._ready.parts
        self.settled = self._ready.settled
        self.step = ""
        self._http_side = self._imported_http_side()
        self._http: HttpListener | None = None
        self._ocpp: OcppServer | None = None
        self._background: list[asyncio.Task[None]] = []

    @property
    def http_port(self) -> int:
        assert self._http is not None
        return self._http.port

    @property
    def ocpp_port(self) -> int:
        assert self._ocpp is not None
        return self._ocpp.port

    def ports(self) -> dict[str, int]:
        """Return the ports in use, by name: `http` and `ocpp`, if the roles include them."""
        return {
            **({} if self._http is None or ProcessRole.API not in self._roles else {"http": self.http_port}),
            **({} if self._ocpp is None else {"ocpp": self.ocpp_port}),
        }

    def stop(self) -> None:
        self._stopping.set()

    async def run(
        self,
        on_ready: Callable[[Service], Awaitable[None]],
        on_stopping: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Serve until SIGTERM or SIGINT (or `stop`). `on_stopping` ends the users of the service while it still
        serves."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        async with self.running():
            log.info("serving on the event loop of %s", running_loop_name())
            await on_ready(self)
            await self._stopping.wait()
            log.info("stopping")
            if on_stopping is not None:
                await on_stopping()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        """Serve inside the block. On leaving it, the service stops being ready, accepts no new requests, disconnects
        chargers, finishes records, and closes files."""
        with alone_in(self.settings.own_data):
            async with self._serving():
                yield self

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        gc.set_threshold(*COLLECTED)
        await self._take(self._start_up.catch_up())
        await self._take([("spare collections", spare_collections)])
        async with contextlib.AsyncExitStack() as closing, asyncio.TaskGroup() as tasks:
            closing.push_async_callback(close_opened, self.container)
            self._begin_jobs(tasks)
            await self._take(self._start_up.announce())
            try:
                await self._take([("open the ports", lambda: self._open_ports(tasks))])
                self.step = "serve"
                yield
            finally:
                self.step = "stop"
                await self._stop()

    async def _take(self, steps: Iterable[Step]) -> None:
        for name, step in steps:
            self.step = name
            await asyncio.sleep(0)
            await step()

    def _begin_jobs(self, tasks: asyncio.TaskGroup) -> None:
        self._background = [tasks.create_task(self._metrics.loop_watch.run(), name="loop watch")]
        self._background.append(tasks.create_task(search_often(), name="garbage collector"))
        self._background += [tasks.create_task(job, name=name) for name, job in background_jobs(self.container)]

    async def _open_ports(self, tasks: asyncio.TaskGroup) -> None:
        if ProcessRole.GATEWAY in self._roles:
            await self._open_ocpp(tasks)
        if self._http_side is not None:
            process = serving_process(self.container, self._ready, self.metrics, self._part)
            app = await self._http_side.app(process)
            self._http = await self._listen(self._listener(app, tasks), tasks)

    def _listener(self, app: ASGIApp, tasks: asyncio.TaskGroup) -> HttpListener:
        if self._part is not None and self._part.name is PartName.GATEWAY:
            channel = bound_socket(
                self._part.channel, socket.SOCK_STREAM
            )  # only the office connects, on behalf of its callers
            return HttpListener(app, channel, trusted_proxies=["*"])
        tls = self.container.http_tls()
        context = None if tls is None else tls.context()
        if tls is not None:
            self._background.append(
                tasks.create_task(renew_certificate(tls, "of the HTTP API"), name="HTTP certificate")
            )
        listening = tcp_socket(self.settings.http, "the HTTP API")
        proxies = [str(network) for network in self.settings.http_trusted_proxies]
        return HttpListener(app, listening, trusted_proxies=proxies, tls=context)

    async def _listen(self, listener: HttpListener, tasks: asyncio.TaskGroup) -> HttpListener:
        tasks.create_task(listener.run(), name="http")
        await listener.until_started()
        return listener

    async def metrics(self) -> bytes:
        """Return Prometheus' text; in the office, it covers both processes."""
        if self._channel is None:
            return await self._metrics.text()
        return merged(
            {
                "": await self._metrics.of_the_databases(),
                PartName.OFFICE: await self._metrics.of_this_process(),
                PartName.GATEWAY: await self._channel.metrics(),
            }
        )

    async def _open_ocpp(self, tasks: asyncio.TaskGroup) -> None:
        self.container.chargers.subscriptions()
        listening = self.settings.ocpp
        tls = self.container.chargers.tls()
        context = None if tls is None else tls.context()
        self._ocpp = self.container.chargers.gateway().server(
            listening.host, listening.port, context, ocpp_limits(self.settings)
        )
        if tls is not None:
            self._background.append(tasks.create_task(renew_certificate(tls, "for chargers"), name="certificate"))
        await self._ocpp.start()

    def _imported_http_side(self) -> HttpSide | None:
        """Return the HTTP side, or None if the roles of this process need no HTTP."""
        if self._part is not None and self._part.name is PartName.GATEWAY:
            return GatewaySide(self.container, self._metrics.of_this_process)
        return PublicSide(self.container) if ProcessRole.API in self._roles else None

    async def _stop(self) -> None:
        self._stopping.set()
        if self._ocpp is not None:
            await self._drain_chargers(self._ocpp)
        if ProcessRole.PUBLISHER in self._roles and (queue := self.container.intake.queue()) is not None:
            await queue.drain()
        if self._http_side is not None:
            await self._http_side.close()
        if self._http is not None:
            self._http.stop()
        for task in self._background:
            task.cancel()
        if self._roles & {ProcessRole.API, ProcessRole.GATEWAY}:
            await self.container.deciding.keeper().save()

    async def _drain_chargers(self, ocpp: OcppServer) -> None:
        await ocpp.drain(self.settings.drain_s)
        await self.container.chargers.driver_display().finish()
        await self.container.chargers.gateway().ownership.finish_records()
        if not self.settings.is_alone:
            try:
                await self.container.chargers.gone_gateways().end()
            except StoreUnavailable as trouble:
                log.warning("other gateways will notice only after a while that this one has ended: %s", trouble)
