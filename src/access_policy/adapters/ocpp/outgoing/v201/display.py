"""Texts on a charger's display (OCPP 2.x, O01 to O06), each with an end, because texts survive a boot (O01.FR.10).

A text replaces the one shown under the same id (O06.FR.01), so each connector has at most one text of the service.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ocpp.v201.call import ClearDisplayMessage, SetDisplayMessage
from ocpp.v201.datatypes import MessageContentType, MessageInfoType
from ocpp.v201.enums import MessageFormatEnumType, MessagePriorityEnumType

from access_policy.adapters.ocpp.outgoing.calling import call, status_of
from access_policy.adapters.ocpp.outgoing.v201.variables import value_of
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import StillWanted, SwitchRefused
from access_policy.domain.capability_profiles.charger_values import truth

FIRST_ID: Final = 71_000  # for a charger as a whole; a connector's id is this plus its number
STATUS_MAX: Final = 200  # characters kept of the charger's answer


async def has_display(connection: ChargerConnection) -> bool:
    """Tell whether the charger has a DisplayMessageCtrlr that is not switched off. Raises `ChargerDidNotAnswer`."""
    values = [await value_of(connection, f"DisplayMessageCtrlr.{name}") for name in ("Available", "Enabled")]
    known = [value for value in values if value is not None]
    return bool(known) and all(truth(value) is True for value in known)


async def show(
    connection: ChargerConnection,
    connector_id: int | None,
    text: str,
    language: str,
    until: datetime,
    wanted: StillWanted,
) -> str:
    """Show a text and return the charger's status. Raises `ChargerDidNotAnswer` or `NoLongerWanted`."""
    message = MessageInfoType(
        id=FIRST_ID + (connector_id or 0),
        priority=MessagePriorityEnumType.in_front,
        end_date_time=rfc3339(until),
        message=MessageContentType(format=MessageFormatEnumType.utf8, language=language, content=text),
    )
    try:
        answer = await call(connection, SetDisplayMessage(message=message), wanted=wanted)
    except SwitchRefused as refusal:
        return refusal.detail[:STATUS_MAX]
    return str(answer.get("status", "no status"))[:STATUS_MAX]


async def clear(connection: ChargerConnection, connector_id: int | None) -> str:
    """Clear the text and return the charger's status. Raises `ChargerDidNotAnswer`."""
    asked = ClearDisplayMessage(id=FIRST_ID + (connector_id or 0))
    return (await status_of(connection, asked))[:STATUS_MAX]
