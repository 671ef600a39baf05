"""Texts on a charger's display (OCPP 2.0.1 and 2.1, O01 to O06): each with an end, since they survive a boot (O01.FR.10).

The same id replaces what was shown under it before (O06.FR.01), so at most one text of ours stands for each connector.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.incoming.payloads import rfc3339
from access_policy.adapters.ocpp.outgoing.asking import call
from access_policy.adapters.ocpp.outgoing.mode_switch import read_variable
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import StillWanted, SwitchRefused
from access_policy.domain.capability_profiles.charger_values import truth

FIRST_ID: Final = 71_000  # of a charger as a whole; a connector's is this and its number
TEXT_MAX: Final = 512
TEXT_MAX_21: Final = 1024


def text_max(version: OcppVersion) -> int:
    return TEXT_MAX_21 if version is OcppVersion.V21 else TEXT_MAX


async def has_display(connection: ChargerConnection) -> bool:
    """DisplayMessageCtrlr is there and not switched off. Raises `ChargerDidNotAnswer`."""
    if connection.version is OcppVersion.V16:
        return False
    told = [await read_variable(connection, "DisplayMessageCtrlr", name) for name in ("Available", "Enabled")]
    known = [value for value in told if value is not None]
    return bool(known) and all(truth(value) is True for value in known)


async def show(
    connection: ChargerConnection,
    connector_id: int | None,
    text: str,
    language: str,
    until: datetime,
    wanted: StillWanted,
) -> str:
    """The charger's status. Raises `ChargerDidNotAnswer` or `NoLongerWanted`."""
    message: dict[str, Any] = {
        "id": FIRST_ID + (connector_id or 0),
        "priority": "InFront",
        "endDateTime": rfc3339(until),
        "message": {"format": "UTF8", "language": language, "content": text},
    }
    try:
        answer = await call(connection, "SetDisplayMessage", {"message": message}, wanted=wanted)
    except SwitchRefused as refusal:
        return refusal.detail[:200]
    return str(answer.get("status", "no status"))[:200]


async def clear(connection: ChargerConnection, connector_id: int | None) -> str:
    """The charger's status. Raises `ChargerDidNotAnswer`."""
    try:
        answer = await call(connection, "ClearDisplayMessage", {"id": FIRST_ID + (connector_id or 0)})
    except SwitchRefused as refusal:
        return refusal.detail[:200]
    return str(answer.get("status", "no status"))[:200]
