"""A charger's local list over OCPP: GetLocalListVersion and SendLocalList (1.6, 5.10 and 5.15; 2.x, D01 and D02).

Full replaces, Differential adds to it or, without a status, removes. Each message has a version of its own, greater than
the one before; 0 is never used. What does not fit in one message goes on in Differentials.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.outgoing.asking import call
from access_policy.adapters.ocpp.outgoing.configuration_keys import read_keys
from access_policy.adapters.ocpp.transport.calls import Urgency
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import SwitchRefused
from access_policy.application.ports.local_lists import ListNotKept, ListState, Sent
from access_policy.domain.capability_profiles.charger_values import value_text
from access_policy.domain.identifiers import VID_PREFIX, Identifier, IdentifierKind

log = logging.getLogger(__name__)

CAPACITY_UNTOLD: Final = 100  # entries, where a charger does not say how many it keeps
PER_MESSAGE_UNTOLD: Final = 20
SPELLING: Final = 1  # of entries: a change of it makes every list be sent again
TAG_LENGTH_MAX: Final = 20  # characters of an idTag in OCPP 1.6

TOKEN_LENGTH_MAX: Final = 36  # characters of an idToken in OCPP 2.0.1

_TAG: Final = re.compile(r"[ -~]+")  # CiString of 1.6: printable ASCII
_TOKEN: Final = re.compile(r"[A-Za-z0-9*\-_=:+|@.]+")  # identifierString of 2.x
_FROM_A_READER: Final = re.compile(r"[0-9A-Fa-f:\-. ]+")
_ISO15693: Final = re.compile(r"E0[0-9A-F]{14}")  # such a UID begins with E0 (ISO/IEC 15693-3, 4.1)

_TOKEN_TYPES: Final = {
    IdentifierKind.MAC: "MacAddress",
    IdentifierKind.EMAID: "eMAID",
}


async def list_state(connection: ChargerConnection) -> ListState:
    version = await list_version(connection)
    if connection.version is OcppVersion.V16:
        capacity, per_message = await _limits_16(connection)
    else:
        capacity, per_message = await _limits_2x(connection)
    return ListState(version, capacity, per_message, f"{connection.version.subprotocol}/{SPELLING}")


async def send_list(
    connection: ChargerConnection, state: ListState, version: int, identifiers: Sequence[Identifier]
) -> Sent:
    listable = [each for each in identifiers if _entry(connection.version, each, allowed=True) is not None]
    taken = list(listable[: state.per_message])
    await _send(connection, version, "Full", taken, allowed=True)
    for part in _parts(listable[state.per_message :], state.per_message):
        try:
            await _send(connection, version + 1, "Differential", part, allowed=True)
        except ListNotKept as reason:  # it is full: the list stays as it was before this message (D01.FR.12)
            log.info("charger %s: %s", connection.charge_point_id, reason)
            break
        version += 1
        taken += part
    return Sent(await _read_back(connection, version), taken, left_out=len(identifiers) - len(listable))


async def remove_from_list(
    connection: ChargerConnection, state: ListState, version: int, identifiers: Sequence[Identifier]
) -> int:
    parts = _parts(identifiers, state.per_message)
    for number, part in enumerate(parts):
        await _send(connection, version + number, "Differential", part, allowed=False)
    return await _read_back(connection, version + len(parts) - 1)


def _parts(identifiers: Sequence[Identifier], size: int) -> list[Sequence[Identifier]]:
    return [identifiers[begin : begin + size] for begin in range(0, len(identifiers), size)]


async def _send(
    connection: ChargerConnection, version: int, update: str, identifiers: Sequence[Identifier], *, allowed: bool
) -> None:
    entries = [entry for each in identifiers if (entry := _entry(connection.version, each, allowed=allowed))]
    number = "listVersion" if connection.version is OcppVersion.V16 else "versionNumber"
    payload: dict[str, Any] = {number: version, "updateType": update}
    if entries:
        payload["localAuthorizationList"] = entries  # an empty one is left out: 2.x has minItems 1
    status = (await _ask(connection, "SendLocalList", payload)).get("status")
    if status != "Accepted":
        raise ListNotKept(f"the charger answered {str(status)[:40]!r} to a {update} list of {len(entries)} entries")


async def _read_back(connection: ChargerConnection, version: int) -> int:
    found = await list_version(connection)
    if found != version:
        raise ListNotKept(f"the charger took list version {version} and reads back {found}")
    return found


async def list_version(connection: ChargerConnection) -> int:
    answer = await _ask(connection, "GetLocalListVersion", {})
    told = value_text(answer.get("listVersion" if connection.version is OcppVersion.V16 else "versionNumber")) or ""
    if not (told.isascii() and told.isdigit() and len(told) <= 18):  # -1: no local lists (1.6, 5.10)
        raise ListNotKept(f"it tells list version {told[:20] or None}")
    return int(told)


def _entry(version: OcppVersion, identifier: Identifier, *, allowed: bool) -> dict[str, Any] | None:
    """None for an identifier that the protocol cannot carry in a list."""
    value = identifier.as_spelled
    if version is OcppVersion.V16:
        tag = f"{VID_PREFIX}{value}" if identifier.kind is IdentifierKind.MAC else value
        if len(tag) > TAG_LENGTH_MAX or not _TAG.fullmatch(tag):
            return None
        return {"idTag": tag, **({"idTagInfo": {"status": "Accepted"}} if allowed else {})}
    if len(value) > TOKEN_LENGTH_MAX or not _TOKEN.fullmatch(value):
        return None
    token = {"idToken": value, "type": _token_type(identifier)}
    return {"idToken": token, **({"idTokenInfo": {"status": "Accepted"}} if allowed else {})}


def _token_type(identifier: Identifier) -> str:
    """A list's entry fits only a token of the same type, and the registry does not say which the charger gives: for a card
    what its value says, for anything else what a charger calls an identifier of its own."""
    if identifier.kind in _TOKEN_TYPES:
        return _TOKEN_TYPES[identifier.kind]
    if _ISO15693.fullmatch(identifier.value.upper()):
        return "ISO15693"
    is_a_card = identifier.kind is IdentifierKind.RFID or _FROM_A_READER.fullmatch(identifier.value) is not None
    return "ISO14443" if is_a_card else "Local"


async def _limits_16(connection: ChargerConnection) -> tuple[int, int]:
    keys = ["LocalAuthListMaxLength", "SendLocalListMaxLength"]
    try:
        told = await read_keys(connection, keys, urgency=Urgency.LIST)
    except SwitchRefused as refusal:
        raise ListNotKept(refusal.detail) from refusal
    capacity, per_message = (_count(told.get(key.lower(), {}).get("value")) for key in keys)
    return capacity or CAPACITY_UNTOLD, per_message or PER_MESSAGE_UNTOLD


async def _limits_2x(connection: ChargerConnection) -> tuple[int, int]:
    capacity = await _variable(connection, "Entries", "MaxSet")
    per_message = await _variable(connection, "ItemsPerMessage", "Actual")
    return capacity or CAPACITY_UNTOLD, per_message or PER_MESSAGE_UNTOLD


async def _variable(connection: ChargerConnection, name: str, attribute: str) -> int | None:
    item = {
        "component": {"name": "LocalAuthListCtrlr"},
        "variable": {"name": name},
        "attributeType": attribute,
    }
    results = (await _ask(connection, "GetVariables", {"getVariableData": [item]})).get("getVariableResult")
    first = results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else {}
    return _count(first.get("attributeValue")) if first.get("attributeStatus") == "Accepted" else None


async def _ask(connection: ChargerConnection, action: str, payload: dict[str, Any]) -> Mapping[str, Any]:
    try:
        return await call(connection, action, payload, urgency=Urgency.LIST)
    except SwitchRefused as refusal:
        raise ListNotKept(refusal.detail) from refusal


def _count(value: object) -> int | None:
    text = value_text(value) or ""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 100_000 else None
