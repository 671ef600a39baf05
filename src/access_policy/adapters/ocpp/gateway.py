"""The charger gateway: lets chargers in, hands their messages to the handlers of their version, and carries the mode
controller's wishes to them. One per process; it owns the connections that it holds."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import ssl
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from websockets.frames import CloseCode

from access_policy.adapters.ocpp.actions import not_handled
from access_policy.adapters.ocpp.errors import InternalError, OcppVersion, SecurityError
from access_policy.adapters.ocpp.incoming.boots import ASKED_FOR_WHILE_PENDING
from access_policy.adapters.ocpp.incoming.station import HandlerDependencies, Station
from access_policy.adapters.ocpp.incoming.v16 import Ocpp16
from access_policy.adapters.ocpp.incoming.v21 import Ocpp21
from access_policy.adapters.ocpp.incoming.v201 import Ocpp201
from access_policy.adapters.ocpp.outgoing.commands import ChargerCommands, CommandsOfVersions
from access_policy.adapters.ocpp.transport.admission import Admitted, Refused
from access_policy.adapters.ocpp.transport.calls import Counters
from access_policy.adapters.ocpp.transport.connection import Answer, ChargerConnection, Dispatch
from access_policy.adapters.ocpp.transport.framing import Call
from access_policy.adapters.ocpp.transport.guessing import GuessLimit
from access_policy.adapters.ocpp.transport.server import OcppServer, ServerLimits
from access_policy.adapters.ocpp.unrecorded_links import UnrecordedLinks
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ChargerNotConnected, SwitchRefused
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.secrets import ChargerCredentials
from access_policy.domain.charger_access_policy.errors import ChargerRetired
from access_policy.domain.ids import ChargePointId, ChargerId, ChargerKey, TenantId

log = logging.getLogger(__name__)

BOOT = "BootNotification"
_NOBODY = (TenantId(""), ChargerId(""))  # asked about for an identity that nobody holds, so that it takes as long
SETTLE_MIN_S = 0.5  # the answer to the boot is out before the controller speaks
BOOT_WAIT_S = 2.0  # for a boot after a reconnect: a charger that has rebooted takes no CALL before its BootNotification


@dataclass(slots=True)
class _Line:
    """A station on its connection. `epoch` grows with each connection and each accepted boot; `claim` is the version under
    which the connection is on the charger's record (0: not yet)."""

    station: Station
    connection: ChargerConnection
    commands: ChargerCommands
    epoch: int
    settled_at: float  # loop time from which the mode controller may talk to it
    claim: int = 0
    given_up: int = 0  # the version under which another process has recorded that the connection ended


class OcppGateway:
    """Implements the ports `Admission` (of the OCPP server) and `ChargerGateway` (of the mode controller).

    `asks_for_passwords`: every charger needs one; else one put without a password is let in by its identity alone, which
    is for loopback listeners only.
    """

    def __init__(
        self, desks: HandlerDependencies, credentials: ChargerCredentials, *, asks_for_passwords: bool
    ) -> None:
        self.counters = Counters()
        self._desks = desks
        self._credentials = credentials
        self._asks_for_passwords = asks_for_passwords
        self._guesses = GuessLimit()
        self._commands = CommandsOfVersions.from_now(desks.clock.now())
        self._handlers = {
            OcppVersion.V16: Ocpp16(desks).handlers,
            OcppVersion.V201: Ocpp201(desks).handlers,
            OcppVersion.V21: Ocpp21(desks).handlers,
        }
        self._lines: dict[ChargerKey, _Line] = {}
        desks.view.on_policy_change(self._policy_changed)
        self._epochs = itertools.count(1)
        self._claims_elsewhere: dict[ChargerKey, int] = {}
        self._records: set[asyncio.Task[None]] = set()
        self._unrecorded = UnrecordedLinks(self._record_link)

    def server(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, limits: ServerLimits | None = None
    ) -> OcppServer:
        return OcppServer(
            self,
            self._dispatcher,
            host=host,
            port=port,
            versions=tuple(self._handlers),
            on_open=self._opened,
            on_close=self._closed,
            tls=tls,
            limits=limits,
            counters=self.counters,
        )

    # --- who comes in ------------------------------------------------------------------------------------------------

    async def admit(
        self, charge_point_id: str, password: bytes | None, source: str, certified: frozenset[str] | None
    ) -> Admitted | Refused:
        """An unknown identity and a wrong password are told the same where passwords are asked for. A certificate stands
        for a password (profile 3)."""
        identity = ChargePointId(charge_point_id)
        if (wait_s := self._guesses.retry_after_s(source, charge_point_id)) is not None:
            return Refused(HTTPStatus.UNAUTHORIZED, wait_s, "too many wrong credentials before; it may try again later")
        key = self._desks.view.owner_of(identity)
        verified = await self._credentials.verify(identity, key or _NOBODY, password)
        if certified is not None:
            verified = charge_point_id in certified
        elif verified is None and not self._asks_for_passwords:
            verified = True
        if key is None and not self._asks_for_passwords:
            return Refused(HTTPStatus.NOT_FOUND, reason="no charger has this charge point id")
        if key is None or not verified:
            self._guesses.failed(source, charge_point_id)
            return Refused(HTTPStatus.UNAUTHORIZED, reason=_why(key, verified, password, certified))
        self._guesses.let_in(source, charge_point_id)
        accepted = await self._desks.conditions.has_booted(key)
        return Admitted(
            Station(
                key=key,
                protocol="",
                connected_at=self._desks.clock.now(),
                accepted=accepted,
            )
        )

    # --- connections -------------------------------------------------------------------------------------------------

    def connected(self, key: ChargerKey) -> bool:
        return key in self._lines

    def _opened(self, connection: ChargerConnection) -> None:
        station = _station(connection)
        station.protocol = connection.version.subprotocol
        loop = asyncio.get_running_loop()
        wait_s = BOOT_WAIT_S if station.accepted else 0.0
        commands = self._commands.of(connection, partial(self._desks.profile, station.key))
        line = _Line(station, connection, commands, next(self._epochs), loop.time() + wait_s)
        self._lines[station.key] = line
        self._record(self._claim(line), link=station.key)
        if station.accepted:
            loop.call_later(wait_s, self._no_boot_came, line, line.epoch)
        else:
            self._desks.mode_hint(station.key, "connected")

    def _no_boot_came(self, line: _Line, epoch: int) -> None:
        """After a reconnect without a reboot the controller may speak now; after a boot it may when that has settled."""
        if self._lines.get(line.station.key) is line and line.epoch == epoch and line.settled_at < math.inf:
            self._desks.mode_hint(line.station.key, "connected")

    async def _claim(self, line: _Line) -> None:
        key = line.station.key
        line.claim = await self._desks.conditions.connected(key, line.station.protocol)
        self._yield_to_newer(key)

    def connected_elsewhere(self, key: ChargerKey, claim: int) -> None:
        """Another gateway has recorded a connection of the charger under this version (ADR 0016). If it is newer than ours,
        ours is one that the charger has left."""
        if key in self._lines:
            self._claims_elsewhere[key] = max(claim, self._claims_elsewhere.get(key, 0))
            self._yield_to_newer(key)

    def given_up(self, key: ChargerKey, version: int) -> None:
        """Another process has recorded under this version that our connection of the charger ended, since it heard nothing of
        us for a while. We live, and say so."""
        line = self._lines.get(key)
        if line is not None and 0 < line.claim < version:
            line.given_up = version
            self._record(self._claim_again(line), link=key)

    async def _claim_again(self, line: _Line) -> None:
        key = line.station.key
        claim = await self._desks.conditions.connected_still(key, line.station.protocol)
        if self._lines.get(key) is line:
            line.claim = claim or line.claim
            self._yield_to_newer(key)
        elif claim and key not in self._lines:  # it was closed while we wrote that it is there
            await self._desks.conditions.disconnected(key, "connection closed")

    def _yield_to_newer(self, key: ChargerKey) -> None:
        line = self._lines.get(key)
        if line is not None and 0 < line.claim < self._claims_elsewhere.get(key, 0):
            log.info("charger %s has connected to another gateway", key[1])
            self._record(line.connection.close(CloseCode.POLICY_VIOLATION, "connected elsewhere"))

    def _closed(self, connection: ChargerConnection) -> None:
        station = _station(connection)
        line = self._lines.get(station.key)
        if line is not None and line.connection is connection:
            del self._lines[station.key]
            self._claims_elsewhere.pop(station.key, None)
        reason = "connection closed" if connection.is_current else "another connection took its place"
        self._record(self._desks.conditions.disconnected(station.key, reason), link=station.key)

    def _policy_changed(self, key: ChargerKey) -> None:
        """A retired charger is disconnected, whichever process was told to retire it."""
        line = self._lines.get(key)
        if line is not None and self._desks.view.charger(*key).policy.retired_at is not None:
            self._record(line.connection.close(CloseCode.POLICY_VIOLATION, "no longer admitted"))

    async def finish_records(self) -> None:
        """Wait until what was begun to be recorded is recorded."""
        while self._records:
            await asyncio.wait(set(self._records))

    async def record_late(self) -> None:
        """Until cancelled: claim chargers that connected while the store was down, and note those that left."""
        await self._unrecorded.run()

    async def _record_link(self, key: ChargerKey) -> None:
        """Bring the charger's record up to date with its connection as it is now. Raises `StoreUnavailable`."""
        line = self._lines.get(key)
        if line is None:
            await self._desks.conditions.disconnected(key, "connection closed")
        elif line.claim == 0:
            await self._claim(line)
            if key not in self._lines:
                self._unrecorded.owe(key)  # it was closed while we wrote that it is there
            await self._desks.conditions.has_booted(key)  # not known either, where the store was down
        elif line.claim < line.given_up:
            await self._claim_again(line)

    def _record(self, work: Coroutine[Any, Any, None], *, link: ChargerKey | None = None) -> None:
        """Record beside the connection; the task is kept until it is done, and its failure is logged once. A `link`, a
        connection or its end, that the store does not take is recorded once the store is back."""
        task = asyncio.create_task(work)
        self._records.add(task)
        task.add_done_callback(partial(self._recorded, link))

    def _recorded(self, link: ChargerKey | None, task: asyncio.Task[None]) -> None:
        self._records.discard(task)
        if task.cancelled() or (failure := task.exception()) is None:
            return
        if link is not None and isinstance(failure, StoreUnavailable):
            log.warning("the connection of charger %s is recorded once the store is back: %s", link[1], failure)
            self._unrecorded.owe(link)
        else:
            log.error("a report of a charger could not be recorded", exc_info=failure)

    # --- messages ----------------------------------------------------------------------------------------------------

    def _dispatcher(self, connection: ChargerConnection) -> Dispatch:
        handlers = self._handlers[connection.version]
        station = _station(connection)

        def dispatch(connection: ChargerConnection, call: Call) -> Answer | Awaitable[Answer]:
            handler = handlers.get(call.action)
            if handler is None:
                raise not_handled(connection.version, call.action)
            asked_for = station.pending_since is not None and call.action in ASKED_FOR_WHILE_PENDING
            if not (station.accepted or asked_for or call.action == BOOT):
                raise SecurityError("BootNotification was not accepted yet")
            if call.action == BOOT:
                return self._boot(station, handler(station, call.payload, call.message_id))
            answer = handler(station, call.payload, call.message_id)
            return answer if isinstance(answer, dict) else _told_apart(answer)

        return dispatch

    async def _boot(self, station: Station, handling: Answer | Awaitable[Answer]) -> Answer:
        """A charger does not answer what it was asked before it booted, and is asked nothing until its boot is answered. One
        that was Pending boots again and again while it is asked; once accepted it has been looked at: its epoch stays."""
        if station.pending_since is not None:
            return handling if isinstance(handling, dict) else await handling
        loop, line = asyncio.get_running_loop(), self._lines.get(station.key)
        if line is not None and line.station is station:
            line.settled_at = math.inf
            line.connection.abandon_calls()
        try:
            answer = handling if isinstance(handling, dict) else await handling
        finally:
            if line is not None and line.settled_at == math.inf:
                line.settled_at = loop.time()
        line = self._lines.get(station.key)
        if line is not None and line.station is station:
            profile = self._desks.profile(station.key)
            settle_s = max(SETTLE_MIN_S, profile.settle_s if profile is not None else 0.0)
            line.epoch, line.settled_at = next(self._epochs), loop.time() + settle_s
            loop.call_later(settle_s, self._desks.mode_hint, station.key, "boot")
        return answer

    # --- the mode controller's wishes --------------------------------------------------------------------------------

    def serving_epoch(self, key: ChargerKey) -> int | None:
        line = self._lines.get(key)
        return line.epoch if line is not None and line.station.accepted and self._has_settled(line) else None

    def configurable_epoch(self, key: ChargerKey) -> int | None:
        line = self._lines.get(key)
        if line is None or not self._has_settled(line):
            return None
        return line.epoch if line.station.accepted or line.station.pending_since is not None else None

    @staticmethod
    def _has_settled(line: _Line) -> bool:
        return asyncio.get_running_loop().time() >= line.settled_at

    async def let_serve(self, key: ChargerKey) -> None:
        """OCPP 1.6 TriggerMessage (5.17), 2.x F06; a charger that does not know it asks again by itself."""
        line = self._lines.get(key)
        if line is None or line.station.pending_since is None or line.station.is_safe:
            return
        line.station.is_safe = True
        try:
            await line.commands.trigger_boot()
        except (SwitchRefused, ChargerDidNotAnswer) as refusal:
            log.info("charger %s comes to be accepted by itself: %s", key[1], refusal)

    def connected_chargers(self) -> list[ChargerKey]:
        return list(self._lines)

    def commands(self, key: ChargerKey) -> ChargerCommands:
        line = self._lines.get(key)
        if line is None:
            raise ChargerNotConnected(f"charger {key[1]} is not connected")
        return line.commands


def _why(
    key: ChargerKey | None, verified: bool | None, password: bytes | None, certified: frozenset[str] | None
) -> str:
    if key is None:
        return "no charger has this charge point id"
    if certified is not None:
        return "its certificate names another charge point id"
    if verified is None:
        return "the charger has no password; put it with one"
    return "it presented no password" if password is None else "wrong password"


async def _told_apart(answer: Awaitable[Answer]) -> Answer:
    """An attempt that could not be decided is an error where the protocol has one, and never a denial (design 3.3)."""
    try:
        return await answer
    except ChargerRetired as retired:  # its connection is about to be closed
        raise SecurityError("not decided: the charger is retired") from retired
    except StoreUnavailable as outage:
        log.error("an attempt could not be recorded: %s", outage)
        raise InternalError("not decided: the request could not be recorded, send it again") from outage


def _station(connection: ChargerConnection) -> Station:
    return cast("Station", connection.admission)
