"""Check a person's call, and send it over the charger's connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from access_policy.adapters.ocpp.gateway.connections import Connections
from access_policy.adapters.ocpp.masking import Masking
from access_policy.adapters.ocpp.operator_calls.reserved import INTERRUPTS, conflict
from access_policy.adapters.ocpp.operator_calls.schemas import require_valid
from access_policy.adapters.ocpp.outgoing.calling import CALL_TIMEOUT_S
from access_policy.adapters.ocpp.transport.call_failures import CallFailed, CallRejected
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_calls import (
    CallConflicts,
    CallRefused,
    CheckedCall,
    Payload,
    Reserved,
)
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ChargerNotConnected
from access_policy.domain.ids import ChargerKey

HARMLESS: Final = frozenset(
    {
        "ChangeAvailability",
        "ExtendedTriggerMessage",
        "GetBaseReport",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetLocalListVersion",
        "GetReport",
        "GetTransactionStatus",
        "GetVariables",
        "RemoteStopTransaction",
        "RequestStopTransaction",
        "Reset",
        "TriggerMessage",
        "UnlockConnector",
    }
)  # they read, repeat a report, or do what a person at the charger could do


class OperatorCalls:
    """Implements `CalledChargers` over the connections of this process."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def commands(self, key: ChargerKey) -> ConnectionCalls:
        charger = self._connections.get(key)
        if charger is None:
            raise ChargerNotConnected(f"charger {key[1]} is not connected")
        return ConnectionCalls(charger.connection)


@dataclass(frozen=True, slots=True)
class ConnectionCalls:
    """Implements `OperatorCallCommands`."""

    connection: ChargerConnection

    @property
    def protocol(self) -> str:
        return self.connection.version.subprotocol

    async def check_call(self, action: str, payload: Payload, reserved: Reserved) -> CheckedCall:
        version = self.connection.version
        await asyncio.to_thread(require_valid, version, action, payload)
        if (reason := conflict(version, action, payload, reserved)) is not None:
            raise CallConflicts(f"{action}: {reason}.")
        return CheckedCall(
            action=action,
            payload=payload,
            shown=Masking().payload(payload),
            is_harmless=action in HARMLESS,
            interrupts=action in INTERRUPTS,
        )

    async def send_call(self, checked: CheckedCall) -> Payload | CallRefused:
        masking = Masking()
        masking.payload(checked.payload)  # identifiers that an error may quote
        try:
            answer = await self.connection.call(
                checked.action, checked.payload, timeout_s=CALL_TIMEOUT_S, priority=Urgency.ASK.value
            )
        except CallRejected as rejection:
            return CallRefused(rejection.code.value, masking.quoted(rejection.description))
        except CallFailed as failure:
            raise ChargerDidNotAnswer(f"{checked.action}: {failure}") from failure
        return masking.payload(answer)
