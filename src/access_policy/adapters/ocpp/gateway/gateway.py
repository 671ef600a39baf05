"""The gateway of one process: admits chargers, keeps their connections and dispatches their messages."""

from __future__ import annotations

import ssl
from functools import partial
from typing import cast

from websockets.frames import CloseCode

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.gateway.admission import ChargerAdmission
from access_policy.adapters.ocpp.gateway.connections import Connections
from access_policy.adapters.ocpp.gateway.dispatch import MessageDispatch, error_of
from access_policy.adapters.ocpp.gateway.ownership import Ownership
from access_policy.adapters.ocpp.gateway.recent_frames import ChargerFrames
from access_policy.adapters.ocpp.gateway.settling import Settling
from access_policy.adapters.ocpp.gateway.traced_dispatch import traced_dispatch
from access_policy.adapters.ocpp.incoming.connected_charger import AdmittedCharger, ConnectedCharger
from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.incoming.v16 import Ocpp16
from access_policy.adapters.ocpp.incoming.v21 import Ocpp21
from access_policy.adapters.ocpp.incoming.v201 import Ocpp201
from access_policy.adapters.ocpp.outgoing.commands import CommandsOfVersions
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, Dispatch
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.server import OcppServer, ServerLimits
from access_policy.application.log_fields import add_log_fields
from access_policy.application.ports.secrets import ChargerCredentials
from access_policy.application.ports.traces import Traces
from access_policy.application.presence.connection_records import ConnectionRecords
from access_policy.domain.ids import ChargerKey


class OcppGateway:
    """The gateway of one process. `connections` implements the ports of connected chargers, `frames` has the chargers' recent
    frames, and `ownership` keeps the records of their connections.
    """

    def __init__(
        self,
        dependencies: HandlerDependencies,
        connection_records: ConnectionRecords,
        credentials: ChargerCredentials,
        *,
        requires_passwords: bool,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces
        self.counters = Counters()
        self.connections = Connections()
        self.frames = ChargerFrames()
        self.ownership = Ownership(self.connections, connection_records, dependencies.conditions)
        self.admission = ChargerAdmission(
            dependencies.view,
            dependencies.conditions,
            credentials,
            dependencies.clock,
            requires_passwords=requires_passwords,
        )
        self._dependencies = dependencies
        self._settling = Settling(self.connections, dependencies)
        self.dispatch = MessageDispatch(
            {
                OcppVersion.V16: Ocpp16(dependencies).handlers,
                OcppVersion.V201: Ocpp201(dependencies).handlers,
                OcppVersion.V21: Ocpp21(dependencies).handlers,
            },
            self._settling,
        )
        self._commands = CommandsOfVersions.from_now(dependencies.clock.now())
        self._chargers: dict[ChargerConnection, ConnectedCharger] = {}
        dependencies.view.on_policy_change(self._disconnect_if_retired)

    def server(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, limits: ServerLimits | None = None
    ) -> OcppServer:
        return OcppServer(
            self.admission,
            self.dispatcher,
            host=host,
            port=port,
            versions=tuple(self.dispatch.handlers),
            on_open=self.opened,
            on_close=self.closed,
            error_of=error_of,
            tls=tls,
            limits=limits,
            counters=self.counters,
        )

    # --- what the server calls, in this order ----------------------------------------------------------------------------

    def dispatcher(self, connection: ChargerConnection) -> Dispatch:
        admitted = cast("AdmittedCharger", connection.admission)
        add_log_fields(tenant=admitted.key[0], charger=admitted.key[1])  # in the connection's task
        charger = self._chargers[connection] = ConnectedCharger(
            key=admitted.key,
            protocol=connection.version.subprotocol,
            connected_at=admitted.admitted_at,
            accepted=admitted.has_booted,
            connection=connection,
            commands=self._commands.of(connection, partial(self._dependencies.profile, admitted.key)),
        )
        connection.frames = self.frames.ring(charger.key, connection.version)
        dispatch = self.dispatch.of(charger)
        return dispatch if self._traces is None else traced_dispatch(dispatch, self._traces, charger.key[1])

    def opened(self, connection: ChargerConnection) -> None:
        charger = self._chargers[connection]
        self.connections.add(charger)
        self.ownership.opened(charger)
        self._settling.opened(charger)

    def closed(self, connection: ChargerConnection) -> None:
        key = self._chargers.pop(connection).key
        is_gone = self.connections.remove(key, connection)
        reason = "connection closed" if connection.is_current else "another connection replaced it"
        self.ownership.closed(key, reason, is_gone=is_gone)

    def _disconnect_if_retired(self, key: ChargerKey) -> None:
        """Close the connection of a charger that any process has retired."""
        charger = self.connections.get(key)
        if charger is not None and self._dependencies.view.charger(*key).policy.retired_at is not None:
            self.ownership.record(charger.connection.close(CloseCode.POLICY_VIOLATION, "no longer admitted"))
