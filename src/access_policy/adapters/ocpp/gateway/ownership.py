"""Ownership of chargers' connections: this process's records of them, and those of other processes (ADR 0016)."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any

from websockets.frames import CloseCode

from access_policy.adapters.ocpp.gateway.connections import Connections
from access_policy.adapters.ocpp.gateway.unrecorded_connections import UnrecordedConnections
from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.application.background_tasks import BackgroundTasks
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.application.presence.connection_records import ConnectionRecords
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)


class Ownership:
    def __init__(self, connections: Connections, records: ConnectionRecords, conditions: ChargerConditions) -> None:
        self._connections = connections
        self._records = records
        self._conditions = conditions
        self._newer_versions: dict[
            ChargerKey, int
        ] = {}  # versions under which other processes have recorded connections
        self._tasks = BackgroundTasks()
        self.unrecorded = UnrecordedConnections(self._record_as_it_is)

    # --- this process's connections --------------------------------------------------------------------------------------

    def opened(self, charger: ConnectedCharger) -> None:
        self.record(self._own(charger), of=charger.key)

    def closed(self, key: ChargerKey, reason: str, *, is_gone: bool) -> None:
        """Record the end of a connection. `is_gone`: no newer connection has replaced the closed one."""
        if is_gone:
            self._newer_versions.pop(key, None)
        self.record(self._records.disconnected(key, reason), of=key)

    async def _own(self, charger: ConnectedCharger) -> None:
        charger.owner_version = await self._records.connected(charger.key, charger.protocol)
        self._yield_to_newer(charger.key)

    # --- other processes -------------------------------------------------------------------------------------------------

    def connected_to_another(self, key: ChargerKey, version: int) -> None:
        """Note that another process has recorded a connection of the charger under this version. If it is newer than ours, the
        charger has left our connection.
        """
        if self._connections.connected(key):
            self._newer_versions[key] = max(version, self._newer_versions.get(key, 0))
            self._yield_to_newer(key)

    def given_up(self, key: ChargerKey, version: int) -> None:
        """Record our connection again: another process has recorded under this version that it ended, because this process sent
        no heartbeat for a while.
        """
        charger = self._connections.get(key)
        if charger is not None and 0 < charger.owner_version < version:
            charger.given_up_version = version
            self.record(self._own_again(charger), of=key)

    async def _own_again(self, charger: ConnectedCharger) -> None:
        version = await self._records.connected_still(charger.key, charger.protocol)
        if self._connections.is_current(charger):
            charger.owner_version = version or charger.owner_version
            self._yield_to_newer(charger.key)
        elif version and not self._connections.connected(charger.key):  # it was closed during the write
            await self._records.disconnected(charger.key, "connection closed")

    def _yield_to_newer(self, key: ChargerKey) -> None:
        charger = self._connections.get(key)
        if charger is not None and 0 < charger.owner_version < self._newer_versions.get(key, 0):
            log.info("charger %s has connected to another gateway", key[1])
            self.record(charger.connection.close(CloseCode.POLICY_VIOLATION, "connected elsewhere"))

    # --- records ---------------------------------------------------------------------------------------------------------

    async def finish_records(self) -> None:
        """Wait until all records in progress are written."""
        await self._tasks.finish()

    async def record_late(self) -> None:
        """Run until cancelled: record connections that were opened or closed while the store was down."""
        await self.unrecorded.run()

    async def _record_as_it_is(self, key: ChargerKey) -> None:
        """Update the charger's record to the current state of its connection. Raises `StoreUnavailable`."""
        charger = self._connections.get(key)
        if charger is None:
            await self._records.disconnected(key, "connection closed")
        elif charger.owner_version == 0:
            await self._own(charger)
            if not self._connections.connected(key):
                self.unrecorded.add(key)  # it was closed during the write
            await self._conditions.has_booted(key)  # still unknown if the store was down at the admission
        elif charger.owner_version < charger.given_up_version:
            await self._own_again(charger)

    def record(self, work: Coroutine[Any, Any, None], *, of: ChargerKey | None = None) -> None:
        """Run `work` in the background and log its failure. `of` is the charger whose connection, or whose disconnection, is
        recorded; if the store is down, it is recorded once the store is back.
        """
        self._tasks.begin(self._recorded(work, of), "the record of a charger")

    async def _recorded(self, work: Coroutine[Any, Any, None], of: ChargerKey | None) -> None:
        try:
            await work
        except StoreUnavailable as failure:
            if of is None:
                raise
            log.warning("the connection of charger %s is recorded once the store is back: %s", of[1], failure)
            self.unrecorded.add(of)
