"""The device model of an OCPP 2.0.1 charger: read, write, report and monitor its variables."""

from __future__ import annotations

from simulated_charger.calls import CallRefused, ConnectionLost, NoAnswer, Response
from simulated_charger.outbox import Message
from simulated_charger.settings import BOOLEAN, Setting, WriteResult
from simulated_charger.spec import Payload
from simulated_charger.state import ChargerState

REPORTED_PER_MESSAGE = 10

WRITE_STATUSES = {
    WriteResult.ACCEPTED: "Accepted",
    WriteResult.NEEDS_REBOOT: "RebootRequired",
    WriteResult.REJECTED: "Rejected",
}


class Variables:
    def __init__(self, state: ChargerState) -> None:
        self._state = state
        self._monitors: dict[str, tuple[int, int]] = {}  # by lower-case name: monitor id, severity
        self._events = 0

    def get_variables(self, request: Payload) -> Response:
        items = request["getVariableData"]
        self._refuse_too_many("GetVariables", items)
        return Response({"getVariableResult": [self._read(item) for item in items]})

    def set_variables(self, request: Payload) -> Response:
        items = request["setVariableData"]
        self._refuse_too_many("SetVariables", items)
        before = self._state.settings.values_in_force() if self._monitors else {}
        results = [self._write(item) for item in items]
        return Response({"setVariableResult": results}, lambda: self.notify_changes(before))

    def get_base_report(self, request: Payload) -> Response:
        request_id = int(request["requestId"])
        if request["reportBase"] == "SummaryInventory":
            return Response({"status": "NotSupported"})
        return Response({"status": "Accepted"}, lambda: self._report(request_id))

    def set_monitoring(self, request: Payload) -> Response:
        return Response({"setMonitoringResult": [self._monitor(item) for item in request["setMonitoringData"]]})

    async def notify_changes(self, before: dict[str, str]) -> None:
        """Send NotifyEvent for each monitored variable whose value in force has changed (N07.FR.19: any change)."""
        for name, former in before.items():
            value = self._state.settings.in_force(name) or ""
            monitor = self._monitors.get(name.lower())
            if monitor is not None and value != former:
                self._state.outbox.put(self._event(name, value, monitor[0]))

    # items

    def _read(self, item: Payload) -> Payload:
        setting, failure = self._find(item)
        if setting is None:
            return _item_result(item, failure)
        if item.get("attributeType", "Actual") != "Actual":
            return _item_result(item, "NotSupportedAttributeType")
        if setting.writeonly:
            return _item_result(item, "Rejected")
        return {**_item_result(item, "Accepted"), "attributeValue": self._value(setting)}

    def _write(self, item: Payload) -> Payload:
        setting, failure = self._find(item)
        if setting is None:
            return _item_result(item, failure)
        if item.get("attributeType", "Actual") != "Actual":
            return _item_result(item, "NotSupportedAttributeType")
        return _item_result(item, WRITE_STATUSES[self._state.settings.write(setting.name, str(item["attributeValue"]))])

    def _monitor(self, item: Payload) -> Payload:
        result: Payload = {name: item[name] for name in ("type", "severity", "component", "variable")}
        setting, failure = self._find(item)
        if setting is None:
            return {**result, "status": failure}
        if item["type"] != "Delta":
            return {**result, "status": "UnsupportedMonitorType"}
        if setting.name.lower() in self._monitors:
            return {**result, "status": "Duplicate"}
        monitor_id = len(self._monitors) + 1
        self._monitors[setting.name.lower()] = (monitor_id, int(item["severity"]))
        return {**result, "status": "Accepted", "id": monitor_id}

    def _find(self, item: Payload) -> tuple[Setting | None, str]:
        component, variable = str(item["component"]["name"]), item["variable"]
        instance = f"[{variable['instance']}]" if "instance" in variable else ""
        if (setting := self._state.settings.find(f"{component}.{variable['name']}{instance}")) is not None:
            return setting, "Accepted"
        prefix = f"{component.lower()}."
        known = any(setting.name.lower().startswith(prefix) for setting in self._state.settings)
        return None, "UnknownVariable" if known else "UnknownComponent"

    def _refuse_too_many(self, action: str, items: list[Payload]) -> None:
        most = self._state.settings.number(f"DeviceDataCtrlr.ItemsPerMessage[{action}]", default=20)
        if len(items) > most:
            raise CallRefused("OccurrenceConstraintViolation", f"at most {most} items")

    def _value(self, setting: Setting) -> str:
        if setting.name == "LocalAuthListCtrlr.Entries":
            return str(self._state.local_authorisation.listed)
        return self._state.settings.stored(setting.name) or ""

    # reports

    async def _report(self, request_id: int) -> None:
        rows = [self._row(setting) for setting in self._state.settings]
        parts = [rows[start : start + REPORTED_PER_MESSAGE] for start in range(0, len(rows), REPORTED_PER_MESSAGE)]
        for seq_no, part in enumerate(parts):
            report = {
                "requestId": request_id,
                "generatedAt": self._state.timestamp(),
                "seqNo": seq_no,
                "tbc": seq_no < len(parts) - 1,
                "reportData": part,
            }
            try:
                await self._state.connection.call("NotifyReport", report)
            except (ConnectionLost, NoAnswer, CallRefused):
                return

    def _row(self, setting: Setting) -> Payload:
        attribute: Payload = {"mutability": "ReadOnly" if setting.readonly else "ReadWrite"}
        if setting.writeonly:
            attribute["mutability"] = "WriteOnly"
        else:
            attribute["value"] = self._value(setting)
        characteristics: Payload = {"dataType": _data_type(setting), "supportsMonitoring": True}
        if setting.options is not None and setting.options != BOOLEAN:
            characteristics["valuesList"] = ",".join(setting.options)
        if setting.limit is not None:
            characteristics["maxLimit"] = setting.limit
        return {
            **_address(setting.name),
            "variableAttribute": [attribute],
            "variableCharacteristics": characteristics,
        }

    def _event(self, name: str, value: str, monitor_id: int) -> Message:
        self._events += 1
        at = self._state.timestamp()
        event = {
            "eventId": self._events,
            "timestamp": at,
            "trigger": "Delta",
            "actualValue": value,
            "eventNotificationType": "CustomMonitor",
            "variableMonitoringId": monitor_id,
            **_address(name),
        }
        return Message("NotifyEvent", lambda: {"generatedAt": at, "tbc": False, "seqNo": 0, "eventData": [event]})


def _item_result(item: Payload, status: str) -> Payload:
    return {"attributeStatus": status, "component": item["component"], "variable": item["variable"]}


def _address(name: str) -> Payload:
    component, _, variable = name.partition(".")
    variable, _, instance = variable.rstrip("]").partition("[")
    return {"component": {"name": component}, "variable": {"name": variable, **_instance(instance)}}


def _instance(instance: str) -> Payload:
    return {"instance": instance} if instance else {}


def _data_type(setting: Setting) -> str:
    if setting.integer:
        return "integer"
    if setting.members:
        return "MemberList"
    if setting.options is None:
        return "string"
    return "boolean" if set(setting.options) == set(BOOLEAN) else "OptionList"
