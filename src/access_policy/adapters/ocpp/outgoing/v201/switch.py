"""Read, write and watch the freevend switch of a 2.x charger, which is a variable of its device model (B05, B06, N04)."""

from __future__ import annotations

from ocpp.v201.call import SetVariableMonitoring
from ocpp.v201.datatypes import SetMonitoringDataType
from ocpp.v201.enums import MonitorEnumType

from access_policy.adapters.ocpp.outgoing.calling import call
from access_policy.adapters.ocpp.outgoing.v201.variables import address, get_variable, set_variable, single
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import StillWanted, SwitchRefused, Written
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import DeviceVariable, mode_of
from access_policy.domain.capability_profiles.charger_values import value_text

WATCH_SEVERITY = 3  # critical: low enough to be kept while the charger is offline (N07.FR.04)


async def read_switch(connection: ChargerConnection, switch: DeviceVariable) -> tuple[AccessMode | None, str]:
    name = _name(switch)
    result = await get_variable(connection, name, urgency=Urgency.MODE)
    if result.get("attributeStatus") != "Accepted":
        raise _refused(name, result.get("attributeStatus"))
    value = value_text(result.get("attributeValue"))
    return mode_of(value, switch), f"{name} without a value" if value is None else f"{name}={value}"


async def write_switch(
    connection: ChargerConnection, switch: DeviceVariable, mode: AccessMode, wanted: StillWanted
) -> Written:
    value = switch.freevend_value if mode is AccessMode.FREEVEND else switch.managed_value
    result = await set_variable(connection, _name(switch), value, urgency=Urgency.MODE, wanted=wanted)
    match result.get("attributeStatus"):
        case "Accepted":
            return Written.IN_FORCE
        case "RebootRequired":
            return Written.AFTER_REBOOT
        case status:
            raise _refused(_name(switch), status)


async def watch_switch(connection: ChargerConnection, switch: DeviceVariable) -> str:
    """Send SetVariableMonitoring of type Delta: for a variable that is not a number, the charger reports every change
    (N04.FR.17). Setting the same monitor again yields `Duplicate` (N04.FR.10), so it may be set at each connection.
    """
    component, variable = address(_name(switch))
    monitor = SetMonitoringDataType(
        value=1, type=MonitorEnumType.delta, severity=WATCH_SEVERITY, component=component, variable=variable
    )
    try:
        answer = await call(connection, SetVariableMonitoring(set_monitoring_data=[monitor]))
        return str(single(answer, "setMonitoringResult").get("status", "no status"))
    except SwitchRefused as refusal:
        return refusal.detail


def _name(switch: DeviceVariable) -> str:
    return f"{switch.component}.{switch.variable}"


def _refused(name: str, status: object) -> SwitchRefused:
    if status in ("UnknownComponent", "UnknownVariable", "NotSupportedAttributeType"):
        return SwitchRefused("not_supported", f"the charger has no {name} ({status})")
    return SwitchRefused("rejected", f"the charger answered {str(status)[:40]!r} for {name}")
