"""One CALL to a charger on behalf of the application: its outcomes are the port's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from access_policy.adapters.ocpp.transport.calls import CallFailed, CallObsolete, CallRejected, Urgency
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import (
    ChargerDidNotAnswer,
    NoLongerWanted,
    StillWanted,
    SwitchRefused,
)

CALL_TIMEOUT_S: Final = 20.0


async def call(
    connection: ChargerConnection,
    action: str,
    payload: dict[str, Any],
    *,
    urgency: Urgency = Urgency.ASK,
    wanted: StillWanted | None = None,
) -> Mapping[str, Any]:
    """Raises `SwitchRefused` for an answer that is an error, `ChargerDidNotAnswer` for none, and `NoLongerWanted` when
    `wanted` says so once it is this call's turn."""
    obsolete = None if wanted is None else lambda: not wanted()
    try:
        return await connection.call(
            action, payload, timeout_s=CALL_TIMEOUT_S, priority=urgency.value, obsolete=obsolete
        )
    except CallObsolete as obsolete_now:
        raise NoLongerWanted(action) from obsolete_now
    except CallRejected as rejection:
        raise SwitchRefused("rejected", f"{action}: {rejection}") from rejection
    except CallFailed as failure:
        raise ChargerDidNotAnswer(f"{action}: {failure}") from failure
