"""Answer handshakes: decide which may become connections, and with which status the others are refused."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Collection
from http import HTTPStatus
from typing import Protocol, cast
from weakref import WeakKeyDictionary

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from access_policy.adapters.ocpp.transport.admission import (
    Admission,
    AdmissionRefused,
    Admitted,
    CredentialsUnusable,
    charge_point_id_in,
    password_in,
)
from access_policy.adapters.ocpp.transport.inflow import BoundedConnection
from access_policy.adapters.ocpp.transport.takeovers import Takeovers
from access_policy.adapters.ocpp.transport.tls import certified_names


class ServerState(Protocol):
    """The state of the server on which a handshake depends. `connections` are charge point ids."""

    takeovers: Takeovers
    is_draining: bool

    @property
    def connections(self) -> Collection[str]: ...


class Handshakes:
    """Answers handshakes. `admitted` has the identity and the admission of each admitted handshake that is not a connection
    yet.
    """

    def __init__(
        self,
        server: ServerState,
        admission: Admission,
        *,
        admissions_max: int,
        admissions_waiting_max: int,
        connections_max: int,
        retry_after_s: tuple[int, int],
    ) -> None:
        self.admitted: WeakKeyDictionary[ServerConnection, tuple[str, Admitted]] = WeakKeyDictionary()
        self._server = server
        self._admission = admission
        self._admissions_max = admissions_max
        self._admissions_waiting_max = admissions_waiting_max
        self._connections_max = connections_max
        self._retry_after_s = retry_after_s
        self._admissions = 0  # in progress and waiting
        self._admitting = asyncio.Semaphore(admissions_max)

    async def answer(self, ws: ServerConnection, request: Request) -> Response | None:
        if (busy := self._too_busy()) is not None:
            return self._refusal(ws, AdmissionRefused(HTTPStatus.SERVICE_UNAVAILABLE, reason=busy))
        charge_point_id = charge_point_id_in(request.path)
        if charge_point_id is None:
            return self._refusal(
                ws, AdmissionRefused(HTTPStatus.NOT_FOUND, reason="the path is not /ocpp/ and a charge point id")
            )
        try:
            password = password_in(request.headers.get_all("Authorization"), charge_point_id)
        except CredentialsUnusable:
            reason = "its Authorization is not HTTP Basic with the charge point id as user"
            return self._refusal(ws, AdmissionRefused(HTTPStatus.UNAUTHORIZED, reason=reason))
        self._admissions += 1
        try:
            certified = certified_names(ws.transport.get_extra_info("ssl_object"))
            async with self._admitting:
                verdict = await self._admission.admit(charge_point_id, password, peer_address(ws), certified)
        except Exception as failure:  # noqa: BLE001  the edge: the failure is logged, and the charger connects again
            cast("BoundedConnection", ws).failure = failure
            return self._refusal(ws, AdmissionRefused(HTTPStatus.INTERNAL_SERVER_ERROR, reason="the admission failed"))
        finally:
            self._admissions -= 1
        if isinstance(verdict, AdmissionRefused):
            return self._refusal(ws, verdict)
        if charge_point_id in self._server.connections and self._server.takeovers.is_too_many(charge_point_id):
            reason = "connections of this charge point replace each other too often"
            return self._refusal(ws, AdmissionRefused(HTTPStatus.SERVICE_UNAVAILABLE, reason=reason))
        self.admitted[ws] = (charge_point_id, verdict)
        cast("BoundedConnection", ws).label = charge_point_id
        return None

    def _too_busy(self) -> str | None:
        """Return the reason why no charger is admitted now; None if chargers are admitted."""
        if self._server.is_draining:
            return "the service is stopping"
        if self._admissions >= self._admissions_max + self._admissions_waiting_max:
            return "too many chargers connect at the same time"
        if len(self._server.connections) >= self._connections_max:
            return f"{self._connections_max} chargers are already connected"
        return None

    def _refusal(self, ws: ServerConnection, refused: AdmissionRefused) -> Response:
        """Refuse with the same few words for every charger; only the log has the reason."""
        level = logging.INFO if refused.status is HTTPStatus.SERVICE_UNAVAILABLE else logging.WARNING
        cast("BoundedConnection", ws).refusal = (level, refused.reason)
        response = ws.respond(refused.status, f"{refused.status.phrase}\n")
        if refused.status is HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
        if refused.status is HTTPStatus.SERVICE_UNAVAILABLE or refused.retry_after_s is not None:
            wait_s = refused.retry_after_s or random.randint(*self._retry_after_s)  # noqa: S311  spread, no secret
            response.headers["Retry-After"] = str(wait_s)
        return response


def peer_address(ws: ServerConnection) -> str:
    remote = ws.remote_address
    return str(remote[0]) if remote else ""
