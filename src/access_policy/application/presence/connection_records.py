"""Records of chargers' connections, from which gateways and processes know the owner of a charger (ADR 0016)."""

from __future__ import annotations

from access_policy.application.ports.clock import Clock
from access_policy.application.presence.condition_recorder import ConditionRecorder
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.charger_condition.events import ChargerConnected, ChargerDisconnected
from access_policy.domain.ids import ChargerKey


class ConnectionRecords:
    """`gateway` is the name of this process among several that hold connections. Methods that record raise
    `StoreUnavailable`."""

    def __init__(self, recorder: ConditionRecorder, clock: Clock, *, gateway: str = "") -> None:
        self._recorder = recorder
        self._clock = clock
        self._gateway = gateway

    async def connected(self, key: ChargerKey, protocol: str) -> int:
        """Record the connection and return the version of the record in the charger's stream: the gateway with the
        latest record owns the charger."""
        now = self._clock.now()
        event = ChargerConnected(charger_id=key[1], protocol=protocol, connected_at=now, gateway=self._gateway)
        return await self._recorder.record(key, event, now)

    async def connected_still(self, key: ChargerKey, protocol: str) -> int:
        """Like `connected`, after another process declared this gateway gone; return 0 and record nothing if the
        charger has connected to another gateway since."""
        now = self._clock.now()
        event = ChargerConnected(charger_id=key[1], protocol=protocol, connected_at=now, gateway=self._gateway)
        self._recorder.others_wrote(key)
        return await self._recorder.record(key, event, now, unless=self._is_at_another_gateway)

    async def disconnected(self, key: ChargerKey, reason: str) -> None:
        """Record the end of a recorded connection, unless the charger has connected to another gateway since."""
        now = self._clock.now()
        event = ChargerDisconnected(charger_id=key[1], reason=reason[:200], disconnected_at=now, gateway=self._gateway)
        await self._recorder.record(key, event, now, unless=lambda found: not found.is_connected_to(self._gateway))

    async def left_behind(self, key: ChargerKey, gateway: str) -> None:
        """Record that the charger's gateway is gone, unless the charger was last connected to another gateway or is
        already disconnected."""
        now = self._clock.now()
        event = ChargerDisconnected(
            charger_id=key[1],
            reason=f"gateway {gateway} is gone",
            disconnected_at=now,
            gateway=gateway,
            found_by=self._gateway or "/",
        )
        self._recorder.others_wrote(key)
        await self._recorder.record(key, event, now, unless=lambda found: not found.is_connected_to(gateway))

    async def owner_of(self, key: ChargerKey) -> str | None:
        """Return the gateway that recorded the charger's latest connection; None if it never had one. Raises
        `StoreUnavailable`."""
        return (await self._recorder.stored(key)).gateway

    async def connected_elsewhere(self, key: ChargerKey) -> str | None:
        """Return the other gateway to which the charger is connected, according to the records. Raises `StoreUnavailable`."""
        found = await self._recorder.stored(key)
        return found.gateway if found.is_connected and self._is_at_another_gateway(found) else None

    def _is_at_another_gateway(self, found: ChargerCondition) -> bool:
        return found.gateway not in (None, self._gateway)
