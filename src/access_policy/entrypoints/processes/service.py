"""The service: opened, caught up, serving, and ended in good order; all of it in one process, or the roles of it in several."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn

from access_policy.adapters.ocpp.gateway import OcppGateway
from access_policy.adapters.ocpp.transport.connection import ConnectionLimits
from access_policy.adapters.ocpp.transport.server import OcppServer, ServerLimits
from access_policy.adapters.ocpp.transport.tls import TlsFiles, TlsUnusable
from access_policy.adapters.read_models.progress import ReadModelProgress
from access_policy.application.decision_view.recent_activity import ChargerKey
from access_policy.application.decision_view.reloading import recall
from access_policy.application.follower import Follower
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.views import Row
from access_policy.container import Container
from access_policy.entrypoints.http.app import create_app
from access_policy.entrypoints.http.peers import Peers
from access_policy.entrypoints.http.services import HttpServices
from access_policy.entrypoints.processes.metrics import Metrics
from access_policy.settings import ProcessRole, Settings, host_and_port, is_loopback

log = logging.getLogger(__name__)

HTTP_STOP_S = 5  # how long requests under way may take when the service stops
SETTLE_S = 2.0  # how long a command waits for its change to be visible
CAUGHT_UP_LAG = 5_000  # positions
FORGET_EVERY_S = 3600.0
NOTED_TOGETHER = 500  # chargers found connected after a restart, in few commits
RENEWAL_CHECK_S = 60.0
COLLECTED = (10_000, 10, 500)  # the second generation has 100,000 objects at most: looked through in some 20 ms


class NotAllowed(Exception):
    """The settings ask for something that would be unsafe; the message says what to do."""


class Service:
    """`http_port` and `ocpp_port` are those listened on, also where 0 was asked for. `step` names what is under way while the
    service starts and stops."""

    def __init__(self, settings: Settings) -> None:
        _refuse_unsafe(settings)
        self.settings = settings
        self._roles = settings.process_roles
        self._decides = bool(self._roles & {ProcessRole.API, ProcessRole.GATEWAY})
        self.container = Container(settings=settings)
        self._metrics = Metrics(self.container)
        self.step = ""  # of the start or the end that is under way, by name
        self._http: _Uvicorn | None = None
        self._ocpp: OcppServer | None = None
        self._stopping = asyncio.Event()
        self._background: list[asyncio.Task[None]] = []

    @property
    def http_port(self) -> int:
        assert self._http is not None
        return int(self._http.servers[0].sockets[0].getsockname()[1])

    @property
    def ocpp_port(self) -> int:
        assert self._ocpp is not None
        return self._ocpp.port

    def stop(self) -> None:
        self._stopping.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        """Serving inside the block. Leaving it: not ready, no new requests, chargers told, records finished, files closed."""
        with _alone_in(self.settings.own_data):
            async with self._serving():
                yield self

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        gc.set_threshold(*COLLECTED)
        await self._catch_up()
        self.step = "spare collections"
        await asyncio.sleep(0)
        self._spare_collections()
        self.step = "begin the background work"
        await asyncio.sleep(0)
        async with contextlib.AsyncExitStack() as closing, asyncio.TaskGroup() as tasks:
            closing.push_async_callback(self.container.opened().close)
            self._background = [tasks.create_task(job, name=name) for name, job in self._jobs()]
            if ProcessRole.GATEWAY in self._roles:
                self.step = "note the restart"
                await self._note_restart()
            if ProcessRole.API in self._roles:
                self.step = "go on with imports"
                await self.container.registry_imports().resume()
            try:
                self.step = "open the ports"
                await self._open_ports(tasks)
                self.step = "serve"
                yield
            finally:
                self.step = "stop"
                await self._close_ports()
                for task in self._background:
                    task.cancel()
                if self._decides:
                    await self.container.view_keeper().save()

    def _jobs(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs beside the ports until the end, by name."""
        c = self.container
        yield "loop watch", self._metrics.loop_watch.run()
        if ProcessRole.PROJECTOR in self._roles:
            yield "read models", c.read_models_follower().run()
        if self._decides:
            yield "decision view", c.decision_follower().run()
            yield "view keeper", c.view_keeper().run()
            yield "spool", c.spooled_commits().run()
        if self._decides and not self.settings.is_alone:
            yield "other gateways", c.other_gateways_follower().run()
            yield "gone gateways", c.gone_gateways().run()
        if ProcessRole.PUBLISHER in self._roles:
            yield "relay", c.relay().run()
            if (queue := c.intake_queue()) is not None:
                yield "intake", queue.run()
        if ProcessRole.GATEWAY in self._roles:
            yield "mode control", c.mode_controller().run()
            yield "follow-up", c.follow_up().run()
            yield "lost sessions", c.lost_sessions().run()
            yield "remote starts", c.remote_starts().run()
            yield "local lists", c.local_lists().run()
            yield "late records", c.gateway().record_late()
        if ProcessRole.API in self._roles:
            yield "forget old identifiers", self._forget_old_identifiers()

    @staticmethod
    def _spare_collections() -> None:
        """What has been loaded stays; looking through all of it for garbage, now or again and again, stops everything for 100
        ms and more. The garbage of the start that is left stays as well."""
        gc.collect(1)
        gc.freeze()

    async def run(self, on_ready: Callable[[Service], None]) -> None:
        """Serve until SIGTERM or SIGINT (or `stop`)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        async with self.running():
            on_ready(self)
            await self._stopping.wait()
            log.info("stopping")

    async def settled(self, position: int) -> bool:
        """Wait until everything up to the log position can be read, but not for ever."""
        here = await self.container.decision_follower().wait_until(position, timeout_s=SETTLE_S)
        return await self._read_models().wait_until(position, timeout_s=SETTLE_S) and here

    def _read_models(self) -> Follower | ReadModelProgress:
        if ProcessRole.PROJECTOR in self._roles:
            return self.container.read_models_follower()
        return self.container.read_model_progress()

    async def readiness(self) -> dict[str, bool]:
        store_up, lag = True, 0
        try:
            lag = await self._read_models().lag()
            if self._decides:
                lag = max(lag, await self.container.decision_follower().lag())
        except Exception as trouble:  # noqa: BLE001  whatever it is, the service is not ready
            log.warning("not ready: %r", trouble)
            store_up = False
        commits = self.container.spooled_commits()
        return {
            "store": store_up and commits.is_up,
            "bus": store_up and await self._bus_is_told(),
            "spool": commits.backlog == 0,
            "projections": store_up and lag <= CAUGHT_UP_LAG,
            "serving": not self._stopping.is_set(),
        }

    async def _bus_is_told(self) -> bool:
        if ProcessRole.PUBLISHER not in self._roles:
            return True
        try:
            return await self.container.relay().lag() <= CAUGHT_UP_LAG
        except StoreUnavailable as trouble:
            log.warning("not ready: %s", trouble)
            return False

    async def _forget_old_identifiers(self) -> None:
        """Until cancelled; what cannot be deleted now is deleted the next time, and shown to nobody meanwhile."""
        while True:
            try:
                gone = await self.container.unknown_identifiers().forget_old(now=self.container.clock().now())
                if gone:
                    log.info("the values of %d unknown identifiers reached the end of their retention", gone)
                await self.container.registry_imports().forget_old()
            except StoreUnavailable as trouble:
                log.warning("old unknown identifiers and import plans are not deleted: %s", trouble)
            await asyncio.sleep(FORGET_EVERY_S)

    # --- beginning ---------------------------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        for name, begin in self._beginnings():
            self.step = name
            await asyncio.sleep(0)
            await begin()

    def _beginnings(self) -> Iterator[tuple[str, Callable[[], Awaitable[Any]]]]:
        """What has to be there before anything is served, by name and in this order."""
        c = self.container
        if self._decides:
            yield "restore the decision view", c.view_keeper().restore
            yield "drain the spool", c.spooled_commits().drain
            yield "check the decision view", c.decision_follower().resume
            yield "follow the log", c.decision_follower().catch_up
        if ProcessRole.PROJECTOR in self._roles:
            yield "check the read models", c.read_models_follower().resume
            yield "bring the read models up to date", c.read_models_follower().catch_up
        else:
            yield "look at the read models", self._look_at_read_models
        if not self.settings.publishes_externally:
            yield "pass over what nobody publishes", self._pass_over
        if self._decides:
            yield "recall the last minutes", self._reload_recent_activity

    async def _look_at_read_models(self) -> None:
        if not await self.container.read_model_progress().has_caught_up():
            log.warning("the read models are behind: is a process with the role projector running?")

    async def _pass_over(self) -> None:
        await self.container.relay_positions().advance(await self.container.store().last_position())

    async def _reload_recent_activity(self) -> None:
        c = self.container
        c.other_gateways().begin_after(await c.read_models().followed_to())
        await recall(c.live(), c.views(), c.store(), now=c.clock().now())

    async def _note_restart(self) -> None:
        """Chargers that were connected when an earlier process ended are not any more, whether it could say so or not."""
        rows = list(await self.container.views().connected_chargers())
        conditions = self.container.conditions()
        for first in range(0, len(rows), NOTED_TOGETHER):
            await asyncio.gather(
                *(
                    conditions.disconnected((row["tenant_id"], row["charger_id"]), "the service was restarted")
                    for row in rows[first : first + NOTED_TOGETHER]
                )
            )

    async def _open_ports(self, tasks: asyncio.TaskGroup) -> None:
        if ProcessRole.GATEWAY in self._roles:
            await self._open_ocpp(tasks)
        if ProcessRole.API in self._roles:
            await self._open_http(tasks)

    async def _open_ocpp(self, tasks: asyncio.TaskGroup) -> None:
        self.container.driver_display()  # hears of decisions from now on
        host, port = host_and_port(self.settings.ocpp)
        tls = self.container.tls()
        self._ocpp = self.container.gateway().server(
            host, port, None if tls is None else tls.context(), _limits(self.settings)
        )
        if tls is not None:
            self._background.append(tasks.create_task(self._renew_certificate(tls), name="certificate"))
        await self._ocpp.start()

    async def _open_http(self, tasks: asyncio.TaskGroup) -> None:
        host, port = host_and_port(self.settings.http)
        app = create_app(http_services(self.container, self.settled, self.readiness, self._metrics))
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=HTTP_STOP_S,
        )
        self._http = _Uvicorn(config)
        listening = _listening_socket(host, port)
        tasks.create_task(self._http.serve(sockets=[listening]), name="http")
        while not self._http.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)

    async def _renew_certificate(self, tls: TlsFiles) -> None:
        """Until cancelled; a certificate that cannot be used leaves the one before it in use."""
        while True:
            await asyncio.sleep(RENEWAL_CHECK_S)
            try:
                if tls.reload():
                    log.info("the certificate for chargers was renewed")
            except TlsUnusable as trouble:
                log.error("the certificate for chargers is not renewed: %s", trouble)

    # --- ending ------------------------------------------------------------------------------------------------------

    async def _close_ports(self) -> None:
        self._stopping.set()
        if self._ocpp is not None:
            await self._ocpp.drain(self.settings.drain_s)
            await self.container.driver_display().finish()
            await self.container.gateway().finish_records()
            await self._say_goodbye()
        if ProcessRole.PUBLISHER in self._roles and (queue := self.container.intake_queue()) is not None:
            await queue.drain()
        if self._http is not None:
            self._http.should_exit = True

    async def _say_goodbye(self) -> None:
        if not self.settings.is_alone:
            try:
                await self.container.gone_gateways().end()
            except StoreUnavailable as trouble:
                log.warning("others will find this gateway gone: %s", trouble)


@contextlib.contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Two processes with the same files would drain the same spool and overwrite each other's snapshot. Raises
    `NotAllowed`."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "serving.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise NotAllowed(
                f"Another process serves from {directory}. End it, or give this one a name of its own with --instance."
            ) from taken
        yield


class _Uvicorn(uvicorn.Server):
    """Signals are the service's: it ends its parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listening_socket(host: str, port: int) -> socket.socket:
    """Ours and not uvicorn's, which ends the process when it cannot have the address. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(f"the HTTP API cannot listen on {host}:{port}: {error.strerror}") from error
    return listening


def _connected(settings: Settings, gateway: OcppGateway) -> Callable[[ChargerKey, Row], bool]:
    """What this process knows by itself; of the chargers of others as the read model has it."""
    if settings.is_alone:
        return lambda key, _: gateway.connected(key)
    return lambda key, row: gateway.connected(key) or bool(row["connected"])


def http_services(
    container: Container,
    settled: Callable[[int], Awaitable[bool]],
    readiness: Callable[[], Awaitable[dict[str, bool]]],
    metrics: Metrics,
) -> HttpServices:
    c = container
    return HttpServices(
        clock=c.clock(),
        tokens=c.tokens(),
        idempotency=c.idempotency(),
        settled=settled,
        readiness=readiness,
        metrics=metrics.text,
        connected=_connected(c.settings(), c.gateway()),
        peers=Peers(c.gateway().connected, c.conditions().owner_of, c.settings().peer_urls),
        views=c.views(),
        decision_view=c.decision_view(),
        desk=c.desk(),
        explained_attempts=c.explained_attempts(),
        what_if=c.what_if(),
        registry_imports=c.registry_imports(),
        registry_export=c.registry_export(),
        access_reports=c.access_reports(),
        mode_compliance=c.mode_compliance(),
        policies=c.policies(),
        profiles=c.profiles(),
        pseudonyms=c.pseudonyms(),
        vault=c.vault(),
        unknown_identifiers=c.unknown_identifiers(),
        unknown_identifiers_kept_for=timedelta(days=c.settings().unknown_identifier_days),
        put_depot=c.put_depot(),
        put_calendar=c.put_calendar(),
        remove_calendar=c.remove_calendar(),
        probe=c.probe(),
        put_profile=c.put_profile(),
        remove_profile=c.remove_profile(),
        put_charger=c.put_charger(),
        retire_charger=c.retire_charger(),
        rotate_password=c.rotate_password(),
        schedule_mode=c.schedule_mode(),
        schedule_mode_for_many=c.schedule_mode_for_many(),
        copy_policy=c.copy_policy(),
        amend_mode_rule=c.amend_mode_rule(),
        withdraw_mode_rule=c.withdraw_mode_rule(),
        add_exception=c.add_exception(),
        remove_exception=c.remove_exception(),
        override_mode=c.override_mode(),
        lift_override=c.lift_override(),
        put_vehicle=c.put_vehicle(),
        suspend_vehicle=c.suspend_vehicle(),
        reinstate_vehicle=c.reinstate_vehicle(),
        remove_vehicle=c.remove_vehicle(),
        enrol_identifier=c.enrol_identifier(),
        arm_enrolment=c.arm_enrolment(),
        cancel_enrolment=c.cancel_enrolment(),
        put_agreement=c.put_agreement(),
        end_agreement=c.end_agreement(),
        end_session=c.end_session(),
        intake=c.intake(),
    )


def _limits(settings: Settings) -> ServerLimits:
    return ServerLimits(
        ping_interval_s=settings.ocpp_ping_interval_s or None,
        ping_timeout_s=settings.ocpp_ping_timeout_s,
        messages_per_s=settings.ocpp_messages_per_s,
        messages_burst=settings.ocpp_messages_burst,
        connection=ConnectionLimits(inbox_max=settings.ocpp_messages_waiting),
    )


def _refuse_unsafe(settings: Settings) -> None:
    host, _ = host_and_port(settings.http)
    if not is_loopback(host):
        raise NotAllowed(
            f"The embedded key signs for this machine only, so the API listens on loopback and not on {host}. "
            "Use 127.0.0.1, behind a proxy of your own if others must reach it."
        )
