"""Dispatches chargers' messages to the handlers of their protocol version."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from access_policy.adapters.ocpp.actions import not_handled
from access_policy.adapters.ocpp.errors import InternalError, OcppError, OcppVersion, SecurityError
from access_policy.adapters.ocpp.gateway.settling import Settling
from access_policy.adapters.ocpp.incoming.boots import REQUESTED_WHILE_PENDING
from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.dependencies import Handler
from access_policy.adapters.ocpp.transport.answers import Answering
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, Dispatch
from access_policy.adapters.ocpp.transport.framing import Call
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.charger_access_policy.errors import ChargerRetired

log = logging.getLogger(__name__)

BOOT = "BootNotification"

Handlers = Mapping[str, Handler]


class MessageDispatch:
    def __init__(self, handlers: Mapping[OcppVersion, Handlers], settling: Settling) -> None:
        self.handlers = handlers
        self._settling = settling

    def of(self, charger: ConnectedCharger) -> Dispatch:
        """Return the handler for the CALLs of one connection. Before the boot is accepted, it handles only BootNotification and
        messages that the service has requested.
        """
        handlers = self.handlers[charger.connection.version]

        def dispatch(connection: ChargerConnection, call: Call) -> Answering:
            handler = handlers.get(call.action)
            if handler is None:
                raise not_handled(connection.version, call.action)
            if call.action == BOOT:
                return self._settling.boot(charger, handler(charger, call.payload, call.message_id))
            if not charger.accepted and not _is_requested(charger, call.action):
                raise SecurityError("BootNotification has not been accepted yet")
            return handler(charger, call.payload, call.message_id)

        return dispatch


def _is_requested(charger: ConnectedCharger, action: str) -> bool:
    return charger.pending_since is not None and action in REQUESTED_WHILE_PENDING


def error_of(failure: Exception) -> OcppError | None:
    """Return the protocol error for a failure. An attempt that could not be decided is an error where the protocol has one, but
    never a denial (design 3.3).
    """
    if isinstance(failure, ChargerRetired):  # its connection is about to be closed
        return SecurityError("not decided: the charger is retired")
    if isinstance(failure, StoreUnavailable):
        log.error("an attempt could not be recorded: %s", failure)
        return InternalError("not decided: the request could not be recorded, send it again")
    return None
