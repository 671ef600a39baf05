"""Read and write variables of a 2.x charger's device model, one per message, so that no limit on items is exceeded (B05,
B06).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ocpp.v201.call import GetVariables, SetVariables
from ocpp.v201.datatypes import ComponentType, GetVariableDataType, SetVariableDataType, VariableType
from ocpp.v201.enums import AttributeEnumType

from access_policy.adapters.ocpp.outgoing.calling import call
from access_policy.adapters.ocpp.outgoing.offline_settings import OFFLINE_STARTS, WantedSettings
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import StillWanted, SwitchRefused
from access_policy.application.ports.charger_inspection import ChargerSettingsSeen, SettingSeen
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.capability_profiles.charger_values import value_text

Result = Mapping[str, Any]

PASSWORD_VARIABLE: Final = "SecurityCtrlr.BasicAuthPassword"  # noqa: S105  its name; A01

_ALWAYS: Final[WantedSettings] = {
    "AuthCtrlr.LocalPreAuthorize": "false",
    "AuthCtrlr.DisableRemoteAuthorization": "false",
    "TxCtrlr.StopTxOnInvalidId": "true",
}
_ALWAYS_INSPECTED: Final = ("AuthCtrlr.AuthorizeRemoteStart", "AuthCtrlr.LocalPreAuthorize")


def wanted_settings(offline: OfflineStarts) -> WantedSettings:
    known, unknown = OFFLINE_STARTS[offline]
    return {
        **_ALWAYS,
        "LocalAuthListCtrlr.Enabled": known,
        "AuthCtrlr.LocalAuthorizeOffline": known,
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": unknown,
    }


async def get_variable(
    connection: ChargerConnection,
    name: str,
    *,
    attribute: AttributeEnumType | None = None,
    urgency: Urgency = Urgency.ASK,
) -> Result:
    """Return the charger's result for `Component.Variable`. Raises `SwitchRefused` or `ChargerDidNotAnswer`."""
    component, variable = address(name)
    item = GetVariableDataType(component=component, variable=variable, attribute_type=attribute)
    return single(await call(connection, GetVariables(get_variable_data=[item]), urgency=urgency), "getVariableResult")


async def set_variable(
    connection: ChargerConnection,
    name: str,
    value: str,
    *,
    urgency: Urgency = Urgency.ASK,
    wanted: StillWanted | None = None,
) -> Result:
    """Return the charger's result for `Component.Variable`. Raises `SwitchRefused`, `ChargerDidNotAnswer` or
    `NoLongerWanted`.
    """
    component, variable = address(name)
    asked = SetVariables([SetVariableDataType(attribute_value=value, component=component, variable=variable)])
    return single(await call(connection, asked, urgency=urgency, wanted=wanted), "setVariableResult")


async def value_of(connection: ChargerConnection, name: str) -> str | None:
    """Return the variable's value, "" if it has none, or None if the charger does not report the variable. Raises
    `ChargerDidNotAnswer`.
    """
    try:
        result = await get_variable(connection, name)
    except SwitchRefused:
        return None
    return value_text(result.get("attributeValue")) or "" if result.get("attributeStatus") == "Accepted" else None


def address(name: str) -> tuple[Any, Any]:
    """Return the component and the variable of `Component.Variable`."""
    component, variable = name.split(".", 1)
    return ComponentType(name=component), VariableType(name=variable)


def single(answer: Mapping[str, Any], name: str) -> Result:
    """Return the first result. Raises `SwitchRefused('rejected')` if there is none."""
    results = answer.get(name)
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise SwitchRefused("rejected", f"the charger's answer has no {name}")
    return results[0]


class Variables:
    """`ChargerSettings` of OCPP 2.x."""

    def __init__(self, connection: ChargerConnection) -> None:
        self._connection = connection

    async def read(self, names: Collection[str]) -> tuple[dict[str, str | None], frozenset[str]]:
        found: dict[str, str | None] = {}
        for name in names:
            try:
                result = await get_variable(self._connection, name, urgency=Urgency.SETTINGS)
            except SwitchRefused:
                continue
            if result.get("attributeStatus") == "Accepted":
                found[name] = value_text(result.get("attributeValue"))
        return found, frozenset()

    async def write(self, name: str, value: str) -> str:
        try:
            result = await set_variable(self._connection, name, value, urgency=Urgency.SETTINGS)
        except SwitchRefused as refusal:
            return refusal.detail[:40]
        return str(result.get("attributeStatus"))[:40]


async def inspect(connection: ChargerConnection, variables: Sequence[DeviceVariable]) -> ChargerSettingsSeen:
    """Return `variables`, and some that always matter. Only reports state whether a variable is writable, and they are not
    requested. Raises `ChargerDidNotAnswer`.
    """
    seen: dict[str, SettingSeen] = {}
    for name in (*(f"{each.component}.{each.variable}" for each in variables), *_ALWAYS_INSPECTED):
        value = await value_of(connection, name)
        if value is not None:
            seen[name.lower()] = SettingSeen(name, value[:500] or None, None)
    return ChargerSettingsSeen(connection.version.subprotocol, seen, all_told=False)
