"""Read configuration keys by name, as many in a message as the charger accepts (GetConfiguration, 1.6, 5.8).

A charger may limit the keys of one message (`GetConfigurationMaxKeys`). Beyond the limit some chargers refuse the message, and
others answer for the first keys only, although they may have the other keys. The limit is kept with the connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ocpp.v16.call import GetConfiguration

from access_policy.adapters.ocpp.errors import ErrorCode
from access_policy.adapters.ocpp.outgoing.calling import call
from access_policy.adapters.ocpp.transport.call_failures import CallRejected
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import SwitchRefused

KEYS_AT_ONCE: Final = 10  # as low as most chargers' GetConfigurationMaxKeys
MAX_KEYS: Final = "GetConfigurationMaxKeys"
_NOT_KNOWN: Final = (ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED)

Entry = Mapping[str, Any]


async def read_keys(
    connection: ChargerConnection, names: Sequence[str], *, urgency: Urgency = Urgency.ASK
) -> dict[str, Entry]:
    """Return the charger's entries by lower-case key, without keys that the charger does not have.

    Raises `ChargerDidNotAnswer`, or `SwitchRefused` if the charger refuses every single key.
    """
    found: dict[str, Entry] = {}
    refused: SwitchRefused | None = None
    pending = list(dict.fromkeys(names))
    while pending:
        part = pending[: connection.keys_at_once or KEYS_AT_ONCE]
        try:
            answer = await call(connection, GetConfiguration(key=part), urgency=urgency)
        except SwitchRefused as refusal:
            if _is_unknown_action(refusal):
                raise
            if len(part) > 1:
                connection.keys_at_once = await _fewer(connection, len(part), urgency)
                continue
            refused, answer = refusal, {}
        pending = pending[len(part) :]
        entries = entries_in(answer)
        found |= entries
        left_out = _left_out(part, answer, entries)
        if len(part) > 1 and left_out:
            found |= await _one_by_one(connection, left_out, len(entries), urgency)
    if refused is not None and not found:
        raise refused
    return found


def entries_in(answer: Mapping[str, Any]) -> dict[str, Entry]:
    """Return the readable entries of a GetConfiguration answer, by lower-case key."""
    entries = answer.get("configurationKey")
    return {
        entry["key"].lower(): entry
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("key"), str)
    }


def _left_out(asked: Sequence[str], answer: Mapping[str, Any], entries: Mapping[str, Entry]) -> list[str]:
    """Return the keys for which the answer has no value, and which it does not name as unknown."""
    unknown = answer.get("unknownKey")
    named = {str(key).lower() for key in (unknown if isinstance(unknown, list) else [])}
    return [name for name in asked if name.lower() not in entries and name.lower() not in named]


async def _one_by_one(
    connection: ChargerConnection, names: Sequence[str], answered: int, urgency: Urgency
) -> dict[str, Entry]:
    """Read the keys that an answer omitted. Some chargers never name unknown keys, so only a key that turns out to exist shows
    that the charger limits the keys of a message.
    """
    found: dict[str, Entry] = {}
    for name in names:
        if connection.absent_keys is not None and name.lower() in connection.absent_keys:
            continue
        try:
            entries = entries_in(await call(connection, GetConfiguration(key=[name]), urgency=urgency))
        except SwitchRefused:
            continue
        if name.lower() in entries:
            connection.keys_at_once = max(1, answered)
        else:
            connection.absent_keys = (connection.absent_keys or frozenset()) | {name.lower()}
        found |= entries
    return found


async def _fewer(connection: ChargerConnection, refused: int, urgency: Urgency) -> int:
    """Return how many keys to read in one message, fewer than were refused: the charger's stated limit, or otherwise one."""
    try:
        entries = entries_in(await call(connection, GetConfiguration(key=[MAX_KEYS]), urgency=urgency))
    except SwitchRefused:
        return 1
    stated = str(entries.get(MAX_KEYS.lower(), {}).get("value")).strip()
    limit = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 6 else 1
    return limit if 1 <= limit < refused else 1


def _is_unknown_action(refusal: SwitchRefused) -> bool:
    cause = refusal.__cause__
    return isinstance(cause, CallRejected) and cause.code in _NOT_KNOWN
