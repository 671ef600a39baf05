"""Reads a charger's settings and writes none: GetConfiguration (1.6, 5.8), GetVariables (2.x, B06)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.outgoing.asking import call
from access_policy.adapters.ocpp.outgoing.configuration_keys import read_keys
from access_policy.adapters.ocpp.outgoing.mode_switch import read_variable
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import SwitchRefused
from access_policy.application.ports.charger_inspection import ChargerSettingsSeen, SettingSeen
from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.capability_profiles.charger_values import truth, value_text

_ALWAYS_READ: Final = (
    DeviceVariable(
        component="AuthCtrlr", variable="AuthorizeRemoteStart", managed_value="true", freevend_value="false"
    ),
    DeviceVariable(component="AuthCtrlr", variable="LocalPreAuthorize", managed_value="false", freevend_value="true"),
)


async def inspect(
    connection: ChargerConnection, keys: Sequence[str], variables: Sequence[DeviceVariable]
) -> ChargerSettingsSeen:
    """Raises `ChargerDidNotAnswer`."""
    protocol = connection.version.subprotocol
    if connection.version is OcppVersion.V16:
        found, all_told = await _all_keys(connection)
        missing = [key for key in keys if key.lower() not in found]
        found |= await _named_keys(connection, missing)  # chargers cut the whole answer short
        return ChargerSettingsSeen(protocol, found, all_told)
    return ChargerSettingsSeen(protocol, await _variables(connection, [*variables, *_ALWAYS_READ]), all_told=False)


async def _all_keys(connection: ChargerConnection) -> tuple[dict[str, SettingSeen], bool]:
    found = _entries(await _asked(connection, {}))
    return found, bool(found)


async def _named_keys(connection: ChargerConnection, keys: Sequence[str]) -> dict[str, SettingSeen]:
    try:
        entries = await read_keys(connection, keys)
    except SwitchRefused:
        return {}
    return _entries({"configurationKey": list(entries.values())})


async def _asked(connection: ChargerConnection, payload: dict[str, Any]) -> Mapping[str, Any]:
    """A charger that refuses to tell has told nothing."""
    try:
        return await call(connection, "GetConfiguration", payload)
    except SwitchRefused:
        return {}


def _entries(answer: Mapping[str, Any]) -> dict[str, SettingSeen]:
    entries = answer.get("configurationKey")
    seen = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("key"), str):
            value, readonly = value_text(entry.get("value")), truth(entry.get("readonly"))
            seen[entry["key"].lower()] = SettingSeen(
                entry["key"][:50],
                None if value is None else value[:500],
                None if readonly is None else not readonly,
            )
    return seen


async def _variables(connection: ChargerConnection, wanted: Sequence[DeviceVariable]) -> dict[str, SettingSeen]:
    """Whether a variable can be written stands in reports only, which are not asked for."""
    seen: dict[str, SettingSeen] = {}
    for each in wanted:
        value = await read_variable(connection, each.component, each.variable)
        if value is not None:
            name = f"{each.component}.{each.variable}"
            seen[name.lower()] = SettingSeen(name, value[:500] or None, None)
    return seen
