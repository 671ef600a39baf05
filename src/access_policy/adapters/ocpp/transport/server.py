"""The OCPP server: handshakes, one current connection per charger, and an orderly shutdown."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.admission import Admission
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, ConnectionLimits, Dispatch
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.framing import FRAME_BYTES_MAX
from access_policy.adapters.ocpp.transport.handshakes import Handshakes, peer_address
from access_policy.adapters.ocpp.transport.incoming_calls import ErrorOf, a_bug
from access_policy.adapters.ocpp.transport.inflow import BoundedConnection
from access_policy.adapters.ocpp.transport.takeovers import Takeovers
from access_policy.application.background_tasks import BackgroundTasks

logger = logging.getLogger(__name__)

_ACCEPTED_AT_A_TIME: Final = 16  # before connected chargers are served again
_BACKLOG: Final = 4096  # chargers that wait here cost nothing; the kernel may allow fewer


_TURNS_TO_READ: Final = 3  # event-loop iterations: poll the network, and parse what arrived in slices


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    admissions_max: int = 64  # in progress at a time
    admissions_waiting_max: int = 1_000  # beyond this, chargers are refused with 503; admitting them costs hardly more
    connections_max: int = 50_000
    retry_after_s: tuple[int, int] = (
        5,
        30,
    )  # a random one in this range, so that chargers do not all reconnect at once
    open_timeout_s: float = 10.0
    ping_interval_s: float | None = 20.0
    ping_timeout_s: float | None = 20.0  # of silence beyond the interval, after which the charger is disconnected
    messages_per_s: float = 100.0  # per charger, in the long run; the server reads no faster than this
    messages_burst: int = 1000  # at once, such as messages that a charger stored while it was offline
    leave_within_s: float = 10.0  # how long a handler in progress may take when the server drains
    connection: ConnectionLimits = field(default_factory=ConnectionLimits)


def _nothing(_: ChargerConnection) -> None:
    return


class OcppServer:
    """Serves `/ocpp/{charge_point_id}`.

    The newest connection of an identity wins. Its predecessor ends (`on_close`) before it begins (`on_open`), is closed with
    1008, and its further messages are dropped. If that happens too often, new connections of the identity are refused for a
    while (503). Each callback runs exactly once per connection, in the event loop; its exceptions are logged.
    """

    def __init__(
        self,
        admission: Admission,
        dispatcher: Callable[[ChargerConnection], Dispatch],
        *,
        host: str = "127.0.0.1",
        port: int = 9000,
        versions: Sequence[OcppVersion] = (OcppVersion.V16, OcppVersion.V201),
        on_open: Callable[[ChargerConnection], None] = _nothing,
        on_close: Callable[[ChargerConnection], None] = _nothing,
        epochs: Iterator[int] | None = None,
        error_of: ErrorOf = a_bug,
        tls: ssl.SSLContext | None = None,
        limits: ServerLimits | None = None,
        counters: Counters | None = None,
    ) -> None:
        """`dispatcher` makes the handler of one connection's CALLs, and `error_of` the errors for its failures. `epochs` yields
        strictly increasing numbers.
        """
        self.counters = counters or Counters()
        self._dispatcher = dispatcher
        self._host = host
        self._port = port
        self._versions = {version.subprotocol: version for version in versions}
        self._on_open = on_open
        self._on_close = on_close
        self._epochs = epochs or itertools.count(1)
        self._error_of = error_of
        self._tls = tls
        self._limits = limits = limits or ServerLimits()
        self._handshakes = Handshakes(
            self,
            admission,
            admissions_max=limits.admissions_max,
            admissions_waiting_max=limits.admissions_waiting_max,
            connections_max=limits.connections_max,
            retry_after_s=limits.retry_after_s,
        )
        self._connections: dict[str, ChargerConnection] = {}
        self.takeovers = Takeovers()
        self._closings = BackgroundTasks()
        self.is_draining = False
        self._server: Server | None = None

    @property
    def connections(self) -> Mapping[str, ChargerConnection]:
        """The current connection of each charger, by charge point id."""
        return MappingProxyType(self._connections)

    @property
    def port(self) -> int:
        """The port on which the server listens, even if port 0 was requested."""
        return self._port

    async def start(self) -> None:
        """Start to listen. Raises OSError if the address cannot be bound."""
        limits = self._limits
        self._server = await serve(
            self._serve,
            self._host,
            self._port,
            process_request=self._handshakes.answer,
            select_subprotocol=self._preferred,
            compression=None,  # 38 KiB per connection, for messages of a few hundred bytes
            server_header=None,
            open_timeout=limits.open_timeout_s,
            ping_interval=limits.ping_interval_s,
            ping_timeout=limits.ping_timeout_s,
            close_timeout=limits.connection.close_timeout_s,
            max_size=FRAME_BYTES_MAX,
            create_connection=cast(
                "type[ServerConnection]",
                partial(
                    BoundedConnection,
                    per_s=limits.messages_per_s,
                    burst=limits.messages_burst,
                    send_timeout_s=limits.connection.send_timeout_s,
                    counters=self.counters,
                ),
            ),
            ssl=self._tls,
            backlog=_ACCEPTED_AT_A_TIME,
        )
        for listening in self._server.sockets:
            with socket.socket(fileno=os.dup(listening.fileno())) as same:
                same.listen(_BACKLOG)  # asyncio uses one number for both
        self._port = int(self._server.sockets[0].getsockname()[1])

    async def drain(self, over_s: float = 0.0) -> None:
        """Stop listening, refuse handshakes in progress (503), let handlers in progress answer, and close all connections
        (1012) spread over `over_s` seconds. Returns when everything has ended.
        """
        self.is_draining = True
        if self._server is not None:
            self._server.close(close_connections=False)  # a refused charger connects again at once, repeatedly
        leaving = list(self._connections.values())
        random.shuffle(leaving)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as closing:
            for number, connection in enumerate(leaving, 1):
                due = began + over_s * number / len(leaving)
                await asyncio.sleep(max(0.0, due - loop.time()))
                for _ in range(_TURNS_TO_READ):  # messages that have arrived by now are read, and so answered
                    await asyncio.sleep(0)
                closing.create_task(
                    connection.leave(CloseCode.SERVICE_RESTART, "service restart", within_s=self._limits.leave_within_s)
                )
        await self._closings.finish()
        if self._server is not None:
            await self._server.wait_closed()

    # handshake

    def _preferred(self, _: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """Return the first subprotocol in the charger's list that the server supports. None completes the handshake without one
        (J16 3.2).
        """
        return next((name for name in offered if name in self._versions), None)

    # connections

    async def _serve(self, ws: ServerConnection) -> None:
        charge_point_id, admitted = self._handshakes.admitted.pop(ws)
        if ws.request is not None:
            ws.request.headers.clear()  # frees some KiB, including a password
        ws.response = None
        version = self._versions.get(ws.subprotocol or "")
        if version is None:
            logger.warning(
                "charge point %r from %s is disconnected: it offers none of the subprotocols %s",
                charge_point_id,
                peer_address(ws),
                ", ".join(self._versions),
            )
            await ws.close(CloseCode.PROTOCOL_ERROR, "no common subprotocol")
            return
        if self.is_draining:
            await ws.close(CloseCode.SERVICE_RESTART, "service restart")
            return
        connection = ChargerConnection(
            cast("BoundedConnection", ws),
            charge_point_id=charge_point_id,
            version=version,
            epoch=next(self._epochs),
            remote=peer_address(ws),
            admission=admitted.subject,
            error_of=self._error_of,
            limits=self._limits.connection,
            counters=self.counters,
        )
        dispatch = self._dispatcher(connection)
        self._enter(connection)
        try:
            await connection.run(dispatch)
        finally:
            self._exit(connection)

    def _enter(self, connection: ChargerConnection) -> None:
        predecessor = self._connections.get(connection.charge_point_id)
        if predecessor is not None:
            self.takeovers.happened(connection.charge_point_id)
            predecessor.supersede()
            self._exit(predecessor)
            closing = predecessor.close(CloseCode.POLICY_VIOLATION, "replaced")
            self._closings.begin(closing, f"closing the replaced connection of {connection.charge_point_id}")
        self._connections[connection.charge_point_id] = connection
        self._notify(self._on_open, connection)

    def _exit(self, connection: ChargerConnection) -> None:
        """End a connection. A replaced connection has already ended, so this has no effect for it."""
        if self._connections.get(connection.charge_point_id) is connection:
            del self._connections[connection.charge_point_id]
            self._notify(self._on_close, connection)

    def _notify(self, callback: Callable[[ChargerConnection], None], connection: ChargerConnection) -> None:
        try:
            callback(connection)
        except Exception:
            logger.exception("%r: a callback failed", connection)
