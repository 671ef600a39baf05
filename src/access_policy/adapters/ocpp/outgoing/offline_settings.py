"""The charger's own settings that decide who may start without asking us (ocpp-access-control parts A1.4, A2 and D6).

Written only where they differ, one at a time (bulk writes have made chargers unusable), and believed after reading back.
What a charger does not have, or does not let us write, is told and no failure: some have no local list and no cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.outgoing.asking import call
from access_policy.adapters.ocpp.outgoing.configuration_keys import Entry, read_keys
from access_policy.adapters.ocpp.transport.calls import Urgency
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import SettingsSeen, SwitchRefused
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.capability_profiles.charger_values import same_value, spellings, truth, value_text

Wanted = Mapping[str, str]

# By names of OCPP 1.6 (9.1, 9.2) and of the device model of 2.x (AuthCtrlr, TxCtrlr).
_ALWAYS_16: Final[Wanted] = {"LocalPreAuthorize": "false", "StopTransactionOnInvalidId": "true"}
_ALWAYS_2X: Final[Wanted] = {
    "AuthCtrlr.LocalPreAuthorize": "false",
    "AuthCtrlr.DisableRemoteAuthorization": "false",
    "TxCtrlr.StopTxOnInvalidId": "true",
}
_OFFLINE: Final[Mapping[OfflineStarts, tuple[str, str]]] = {  # starts of known identifiers, starts of any
    OfflineStarts.CLOSED: ("false", "false"),
    OfflineStarts.LIST: ("true", "false"),
    OfflineStarts.OPEN: ("true", "true"),
}


def wanted_settings(version: OcppVersion, offline: OfflineStarts) -> Wanted:
    known, unknown = _OFFLINE[offline]
    if version is OcppVersion.V16:
        return {
            **_ALWAYS_16,
            "LocalAuthListEnabled": known,
            "LocalAuthorizeOffline": known,
            "AllowOfflineTxForUnknownId": unknown,
        }
    return {
        **_ALWAYS_2X,
        "LocalAuthListCtrlr.Enabled": known,
        "AuthCtrlr.LocalAuthorizeOffline": known,
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": unknown,
    }


async def make_safe(connection: ChargerConnection, offline: OfflineStarts) -> SettingsSeen:
    """Raises `ChargerDidNotAnswer`."""
    wanted = wanted_settings(connection.version, offline)
    device = _Keys(connection) if connection.version is OcppVersion.V16 else _Variables(connection)
    found, readonly = await device.read(list(wanted))
    refused = {name: "not there" for name in wanted if name not in found}
    differing = {name: value for name, value in wanted.items() if name in found and not same_value(found[name], value)}
    for name, value in differing.items():
        answer = "read-only" if name in readonly else await _written(device, name, spellings(found[name], value))
        if answer != "Accepted":
            refused[name] = answer
    seen = (await device.read(list(wanted)))[0] if differing else found
    in_force = {name: value or "" for name, value in seen.items() if name in wanted and same_value(value, wanted[name])}
    for name in differing.keys() - in_force.keys() - refused.keys():
        value_seen = seen.get(name)
        refused[name] = f"accepted, but reads {value_seen!r}" if value_seen else "accepted, but reads no value"
    return SettingsSeen(in_force=in_force, refused={name: why for name, why in refused.items() if name not in in_force})


async def _written(device: _Keys | _Variables, name: str, values: tuple[str, ...]) -> str:
    """The charger's answer to the first of `values` that it accepts, or to the last one."""
    answer = ""
    for value in values:
        answer = await device.write(name, value)
        if answer == "Accepted":
            break
    return answer


class _Keys:
    """OCPP 1.6: GetConfiguration (5.8) and ChangeConfiguration (5.3)."""

    def __init__(self, connection: ChargerConnection) -> None:
        self._connection = connection

    async def read(self, names: list[str]) -> tuple[dict[str, str | None], frozenset[str]]:
        """Values by our spelling of the key, and those that cannot be written."""
        by_key: dict[str, Entry]
        try:
            by_key = await read_keys(self._connection, names, urgency=Urgency.SETTINGS)
        except SwitchRefused:
            by_key = {}
        found = {name: value_text(by_key[name.lower()].get("value")) for name in names if name.lower() in by_key}
        readonly = frozenset(name for name in found if truth(by_key[name.lower()].get("readonly")))
        return found, readonly

    async def write(self, name: str, value: str) -> str:
        return str((await self._ask("ChangeConfiguration", {"key": name, "value": value})).get("status"))[:40]

    async def _ask(self, action: str, payload: dict[str, Any]) -> Mapping[str, Any]:
        try:
            return await call(self._connection, action, payload, urgency=Urgency.SETTINGS)
        except SwitchRefused as refusal:
            return {"status": refusal.detail}


class _Variables:
    """OCPP 2.x: GetVariables and SetVariables (B06, B05), one item a message so that no limit is met."""

    def __init__(self, connection: ChargerConnection) -> None:
        self._connection = connection

    async def read(self, names: list[str]) -> tuple[dict[str, str | None], frozenset[str]]:
        found: dict[str, str | None] = {}
        for name in names:
            result = await self._one("GetVariables", "getVariableData", "getVariableResult", _address(name))
            if result.get("attributeStatus") == "Accepted":
                found[name] = value_text(result.get("attributeValue"))
        return found, frozenset()

    async def write(self, name: str, value: str) -> str:
        item = {**_address(name), "attributeValue": value}
        result = await self._one("SetVariables", "setVariableData", "setVariableResult", item)
        return str(result.get("attributeStatus"))[:40]

    async def _one(self, action: str, field: str, results: str, item: dict[str, Any]) -> Mapping[str, Any]:
        try:
            answer = await call(self._connection, action, {field: [item]}, urgency=Urgency.SETTINGS)
        except SwitchRefused as refusal:
            return {"attributeStatus": refusal.detail}
        told = answer.get(results)
        return told[0] if isinstance(told, list) and told and isinstance(told[0], dict) else {}


def _address(name: str) -> dict[str, Any]:
    component, variable = name.split(".")
    return {"component": {"name": component}, "variable": {"name": variable}}
