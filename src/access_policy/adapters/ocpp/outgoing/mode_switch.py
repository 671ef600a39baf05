"""Reads and writes a charger's freevend switch over OCPP (ocpp-access-control part A): the mechanics, no decisions.

OCPP 1.6: ChangeConfiguration and GetConfiguration (5.3, 5.8); values are strings whatever they mean, and are written in
the spelling in which the charger reports them. OCPP 2.x: SetVariables and GetVariables (B05, B06).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.outgoing.asking import call
from access_policy.adapters.ocpp.outgoing.configuration_keys import read_keys
from access_policy.adapters.ocpp.transport.calls import Urgency
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import (
    StillWanted,
    Switch,
    SwitchRefused,
    Written,
)
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey, DeviceVariable, mode_of
from access_policy.domain.capability_profiles.charger_values import spellings, value_text

WATCH_SEVERITY = 3  # critical: low enough to be kept while the charger is offline (N07.FR.04)


async def write_switch(connection: ChargerConnection, switch: Switch, mode: AccessMode, wanted: StillWanted) -> Written:
    _spoken_here(connection, switch)
    match switch:
        case ConfigurationKey():
            return await _write_key(connection, switch, mode, wanted)
        case DeviceVariable():
            return await _write_variable(connection, switch, mode, wanted)


async def read_switch(connection: ChargerConnection, switch: Switch) -> tuple[AccessMode | None, str]:
    _spoken_here(connection, switch)
    match switch:
        case ConfigurationKey():
            key, value = _one_of(await _read_keys(connection, switch.names), switch.names)
            return mode_of(value, switch), _evidence(key, value)
        case DeviceVariable(component=component, variable=variable):
            value = await _read_variable(connection, switch)
            return mode_of(value, switch), _evidence(f"{component}.{variable}", value)


def _evidence(name: str, value: str | None) -> str:
    return f"{name} without a value" if value is None else f"{name}={value}"


async def read_variable(connection: ChargerConnection, component: str, variable: str) -> str | None:
    """GetVariables (2.x, B06) with one item, so that no limit of items is met; None where it is not told, "" where it is
    there and has no value. Raises `ChargerDidNotAnswer`."""
    asked = {"component": {"name": component}, "variable": {"name": variable}}
    try:
        result = _single(await call(connection, "GetVariables", {"getVariableData": [asked]}), "getVariableResult")
    except SwitchRefused:
        return None
    return value_text(result.get("attributeValue")) or "" if result.get("attributeStatus") == "Accepted" else None


async def watch_switch(connection: ChargerConnection, switch: DeviceVariable) -> str:
    """SetVariableMonitoring, type Delta: on a variable that is no number every change is told (2.x, N04.FR.17). The same
    monitor again is a `Duplicate` (N04.FR.10), so it may be asked for at each connection."""
    monitor = {"value": 1, "type": "Delta", "severity": WATCH_SEVERITY, **_address(switch)}
    try:
        answer = await call(connection, "SetVariableMonitoring", {"setMonitoringData": [monitor]})
        return str(_single(answer, "setMonitoringResult").get("status", "no status"))
    except SwitchRefused as refusal:
        return refusal.detail


async def set_password(connection: ChargerConnection, password: str) -> None:
    """OCPP 1.6 AuthorizationKey (security whitepaper 4.3), 2.x BasicAuthPassword (A01). A charger may ask for a reboot."""
    if connection.version is OcppVersion.V16:
        await _change(connection, "AuthorizationKey", password)
        return
    item = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": password,
    }
    result = _single(await call(connection, "SetVariables", {"setVariableData": [item]}), "setVariableResult")
    if result.get("attributeStatus") not in ("Accepted", "RebootRequired"):
        raise SwitchRefused("rejected", f"the charger answered {str(result.get('attributeStatus'))[:40]!r}")


async def start_freely(connection: ChargerConnection, connector_id: int, tag: str, start_id: int) -> str:
    """OCPP 1.6 RemoteStartTransaction (5.11), 2.x RequestStartTransaction (F01, F02) with a token of ours."""
    if connection.version is OcppVersion.V16:
        action, asked = "RemoteStartTransaction", {"connectorId": connector_id, "idTag": tag}
    else:
        token = {"idToken": tag, "type": "Central"}
        action, asked = "RequestStartTransaction", {"evseId": connector_id, "remoteStartId": start_id, "idToken": token}
    return await _status_of(connection, action, asked, Urgency.CHARGE)


async def ask_for_statuses(connection: ChargerConnection) -> str:
    """TriggerMessage of StatusNotification for all connectors (1.6, 5.17; 2.x, F06)."""
    return await _status_of(connection, "TriggerMessage", {"requestedMessage": "StatusNotification"})


async def stop_session(connection: ChargerConnection, transaction_id: str) -> str:
    """OCPP 1.6 RemoteStopTransaction (5.12), 2.x RequestStopTransaction (F03)."""
    of_v16 = connection.version is OcppVersion.V16
    action = "RemoteStopTransaction" if of_v16 else "RequestStopTransaction"
    asked = {"transactionId": int(transaction_id) if of_v16 else transaction_id}
    return await _status_of(connection, action, asked, Urgency.CHARGE)


async def reboot(connection: ChargerConnection) -> str:
    """OCPP 1.6 Reset Soft (5.14), 2.x Reset OnIdle (B12). Soft ends charges that are under way, so ask when idle only."""
    kind = "Soft" if connection.version is OcppVersion.V16 else "OnIdle"
    status = str((await call(connection, "Reset", {"type": kind})).get("status"))
    if status not in ("Accepted", "Scheduled"):
        raise SwitchRefused("reboot_refused", f"the charger answered {status[:40]!r} to Reset {kind}")
    return status


async def clear_cache(connection: ChargerConnection) -> str:
    return await _status_of(connection, "ClearCache", {})


async def _status_of(
    connection: ChargerConnection, action: str, payload: dict[str, Any], urgency: Urgency = Urgency.ASK
) -> str:
    """The answer's status, or the error in its place. Raises `ChargerDidNotAnswer`."""
    try:
        answer = await call(connection, action, payload, urgency=urgency)
    except SwitchRefused as refusal:
        return refusal.detail
    return str(answer.get("status", "no status"))


# --- OCPP 1.6 --------------------------------------------------------------------------------------------------------


async def _write_key(
    connection: ChargerConnection, switch: ConfigurationKey, mode: AccessMode, wanted_still: StillWanted
) -> Written:
    """The tag first, so that no freevend session carries another one; then the switch in the charger's own spelling. Only
    keys that the charger has are written. A charger that reports booleans in another word than the profile's gets the
    profile's word, and its own one where it refuses that or reads back otherwise."""
    wanted = switch.freevend_value if mode is AccessMode.FREEVEND else switch.managed_value
    present = await _read_keys(connection, (*switch.names, *switch.tag_names))
    key, reported = _one_of(present, switch.names)
    tag_key = next((name for name in switch.tag_names if name.lower() in present), None)
    sets_tag = mode is AccessMode.FREEVEND and tag_key is not None and switch.tag is not None
    if sets_tag and tag_key is not None and present[tag_key.lower()] != switch.tag:
        await _change(connection, tag_key, switch.tag or "", wanted_still)
    first, *others = spellings(reported, wanted)
    for other in others:
        try:
            written = await _change(connection, key, first, wanted_still)
        except SwitchRefused as refusal:
            if refusal.reason != "rejected":
                raise
        else:
            found = (await _read_keys(connection, [key])).get(key.lower())
            if written is Written.AFTER_REBOOT or mode_of(found, switch) is mode:
                return written
        first = other
    return await _change(connection, key, first, wanted_still)


async def _read_keys(connection: ChargerConnection, keys: Sequence[str]) -> dict[str, str | None]:
    """Values by lower-case key, of those that the charger has."""
    entries = await read_keys(connection, keys, urgency=Urgency.MODE)
    return {key: value_text(entry.get("value")) for key, entry in entries.items()}


def _one_of(found: Mapping[str, str | None], names: Sequence[str]) -> tuple[str, str | None]:
    """The first of `names` that was found, and its value. Raises `SwitchRefused('not_supported')` where none was."""
    for name in names:
        if name.lower() in found:
            return name, found[name.lower()]
    raise SwitchRefused("not_supported", f"the charger has no configuration key {' or '.join(names)}")


async def _change(connection: ChargerConnection, key: str, value: str, wanted: StillWanted | None = None) -> Written:
    asked = {"key": key, "value": value}
    answer = await call(connection, "ChangeConfiguration", asked, urgency=Urgency.MODE, wanted=wanted)
    status = answer.get("status")
    match status:
        case "Accepted":
            return Written.IN_FORCE
        case "RebootRequired":
            return Written.AFTER_REBOOT
        case "NotSupported":
            raise SwitchRefused("not_supported", f"the charger does not know the configuration key {key}")
        case _:
            raise SwitchRefused("rejected", f"the charger answered {str(status)[:40]!r} to {key}={value}")


# --- OCPP 2.x --------------------------------------------------------------------------------------------------------


async def _write_variable(
    connection: ChargerConnection, switch: DeviceVariable, mode: AccessMode, wanted_still: StillWanted
) -> Written:
    wanted = switch.freevend_value if mode is AccessMode.FREEVEND else switch.managed_value
    asked = {"setVariableData": [{**_address(switch), "attributeValue": wanted}]}
    answer = await call(connection, "SetVariables", asked, urgency=Urgency.MODE, wanted=wanted_still)
    result = _single(answer, "setVariableResult")
    match result.get("attributeStatus"):
        case "Accepted":
            return Written.IN_FORCE
        case "RebootRequired":
            return Written.AFTER_REBOOT
        case status:
            raise _variable_refused(switch, status)


async def _read_variable(connection: ChargerConnection, switch: DeviceVariable) -> str | None:
    answer = await call(connection, "GetVariables", {"getVariableData": [_address(switch)]}, urgency=Urgency.MODE)
    result = _single(answer, "getVariableResult")
    if result.get("attributeStatus") != "Accepted":
        raise _variable_refused(switch, result.get("attributeStatus"))
    return value_text(result.get("attributeValue"))


def _address(switch: DeviceVariable) -> dict[str, Any]:
    return {"component": {"name": switch.component}, "variable": {"name": switch.variable}}


def _single(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    results = answer.get(name)
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise SwitchRefused("rejected", f"the charger's answer holds no {name}")
    return results[0]


def _variable_refused(switch: DeviceVariable, status: object) -> SwitchRefused:
    name = f"{switch.component}.{switch.variable}"
    if status in ("UnknownComponent", "UnknownVariable", "NotSupportedAttributeType"):
        return SwitchRefused("not_supported", f"the charger has no {name} ({status})")
    return SwitchRefused("rejected", f"the charger answered {str(status)[:40]!r} for {name}")


# --- both ------------------------------------------------------------------------------------------------------------


def _spoken_here(connection: ChargerConnection, switch: Switch) -> None:
    """Raises `SwitchRefused('not_supported')` where the connection's protocol has no such switch: a charger that offers
    several versions may speak another one than its profile was written for."""
    is_v16 = connection.version is OcppVersion.V16
    if is_v16 is not isinstance(switch, ConfigurationKey):
        kind = "configuration keys are OCPP 1.6" if not is_v16 else "device variables are OCPP 2.x"
        raise SwitchRefused(
            "not_supported",
            f"the charger speaks {connection.version.subprotocol} and {kind}; give it a profile of its own version",
        )
