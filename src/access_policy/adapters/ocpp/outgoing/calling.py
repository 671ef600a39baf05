"""Send one CALL to a charger for the application. The outcome is an answer, or an error of the port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from access_policy.adapters.ocpp.outgoing.payloads import action_of, payload_of
from access_policy.adapters.ocpp.transport.call_failures import CallFailed, CallObsolete, CallRejected
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import (
    ChargerDidNotAnswer,
    NoLongerWanted,
    StillWanted,
    SwitchRefused,
)

CALL_TIMEOUT_S: Final = 20.0


async def call(
    connection: ChargerConnection,
    asked: object,
    *,
    urgency: Urgency = Urgency.ASK,
    wanted: StillWanted | None = None,
) -> Mapping[str, Any]:
    """Send `asked`, a CALL's dataclass of the `ocpp` package, and return the payload of the answer.

    Raises `SwitchRefused` if the answer is an error, `ChargerDidNotAnswer` if there is no answer, and `NoLongerWanted` if
    `wanted` is false when it is this call's turn.
    """
    action = action_of(asked)
    obsolete = None if wanted is None else lambda: not wanted()
    try:
        return await connection.call(
            action, payload_of(asked), timeout_s=CALL_TIMEOUT_S, priority=urgency.value, obsolete=obsolete
        )
    except CallObsolete as obsolete_now:
        raise NoLongerWanted(action) from obsolete_now
    except CallRejected as rejection:
        raise SwitchRefused("rejected", f"{action}: {rejection}") from rejection
    except CallFailed as failure:
        raise ChargerDidNotAnswer(f"{action}: {failure}") from failure


async def status_of(connection: ChargerConnection, asked: object, *, urgency: Urgency = Urgency.ASK) -> str:
    """Return the status in the answer, or the error that the charger answered. Raises `ChargerDidNotAnswer`."""
    try:
        return str((await call(connection, asked, urgency=urgency)).get("status", "no status"))
    except SwitchRefused as refusal:
        return refusal.detail
