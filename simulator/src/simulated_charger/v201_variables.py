"""The device model of an OCPP 2.0.1 charging station: reading, writing, reporting and watching its variables."""

from __future__ import annotations

from simulated_charger.link import Answer, CallRefused, LinkLost, NoAnswer
from simulated_charger.outbox import Message
from simulated_charger.settings import BOOLEAN, Setting, Written
from simulated_charger.spec import Payload
from simulated_charger.station import Station

REPORTED_PER_MESSAGE = 10

WRITTEN = {
    Written.ACCEPTED: "Accepted",
    Written.NEEDS_REBOOT: "RebootRequired",
    Written.REJECTED: "Rejected",
}


class Variables:
    def __init__(self, station: Station) -> None:
        self._station = station
        self._monitors: dict[str, tuple[int, int]] = {}  # by lower-case name: monitor id, severity
        self._events = 0

    def get_variables(self, asked: Payload) -> Answer:
        items = asked["getVariableData"]
        self._refuse_too_many("GetVariables", items)
        return Answer({"getVariableResult": [self._read(item) for item in items]})

    def set_variables(self, asked: Payload) -> Answer:
        items = asked["setVariableData"]
        self._refuse_too_many("SetVariables", items)
        before = self._station.settings.values_in_force() if self._monitors else {}
        results = [self._write(item) for item in items]
        return Answer({"setVariableResult": results}, lambda: self.notify_changes(before))

    def get_base_report(self, asked: Payload) -> Answer:
        request_id = int(asked["requestId"])
        if asked["reportBase"] == "SummaryInventory":
            return Answer({"status": "NotSupported"})
        return Answer({"status": "Accepted"}, lambda: self._report(request_id))

    def set_monitoring(self, asked: Payload) -> Answer:
        return Answer({"setMonitoringResult": [self._monitor(item) for item in asked["setMonitoringData"]]})

    async def notify_changes(self, before: dict[str, str]) -> None:
        """NotifyEvent for monitored variables whose value in force has changed (N07.FR.19: any change)."""
        for name, former in before.items():
            value = self._station.settings.in_force(name) or ""
            monitor = self._monitors.get(name.lower())
            if monitor is not None and value != former:
                self._station.outbox.put(self._event(name, value, monitor[0]))

    # items

    def _read(self, item: Payload) -> Payload:
        setting, failure = self._find(item)
        if setting is None:
            return _answered(item, failure)
        if item.get("attributeType", "Actual") != "Actual":
            return _answered(item, "NotSupportedAttributeType")
        if setting.writeonly:
            return _answered(item, "Rejected")
        return {**_answered(item, "Accepted"), "attributeValue": self._value(setting)}

    def _write(self, item: Payload) -> Payload:
        setting, failure = self._find(item)
        if setting is None:
            return _answered(item, failure)
        if item.get("attributeType", "Actual") != "Actual":
            return _answered(item, "NotSupportedAttributeType")
        return _answered(item, WRITTEN[self._station.settings.write(setting.name, str(item["attributeValue"]))])

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
        if (setting := self._station.settings.find(f"{component}.{variable['name']}{instance}")) is not None:
            return setting, "Accepted"
        prefix = f"{component.lower()}."
        known = any(setting.name.lower().startswith(prefix) for setting in self._station.settings)
        return None, "UnknownVariable" if known else "UnknownComponent"

    def _refuse_too_many(self, action: str, items: list[Payload]) -> None:
        most = self._station.settings.number(f"DeviceDataCtrlr.ItemsPerMessage[{action}]", default=20)
        if len(items) > most:
            raise CallRefused("OccurrenceConstraintViolation", f"at most {most} items")

    def _value(self, setting: Setting) -> str:
        if setting.name == "LocalAuthListCtrlr.Entries":
            return str(self._station.authorisation.listed)
        return self._station.settings.stored(setting.name) or ""

    # reports

    async def _report(self, request_id: int) -> None:
        rows = [self._row(setting) for setting in self._station.settings]
        parts = [rows[start : start + REPORTED_PER_MESSAGE] for start in range(0, len(rows), REPORTED_PER_MESSAGE)]
        for seq_no, part in enumerate(parts):
            report = {
                "requestId": request_id,
                "generatedAt": self._station.timestamp(),
                "seqNo": seq_no,
                "tbc": seq_no < len(parts) - 1,
                "reportData": part,
            }
            try:
                await self._station.link.call("NotifyReport", report)
            except (LinkLost, NoAnswer, CallRefused):
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
        at = self._station.timestamp()
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


def _answered(item: Payload, status: str) -> Payload:
    return {"attributeStatus": status, "component": item["component"], "variable": item["variable"]}


def _address(name: str) -> Payload:
    component, _, variable = name.partition(".")
    variable, _, instance = variable.rstrip("]").partition("[")
    return {"component": {"name": component}, "variable": {"name": variable, **_given(instance)}}


def _given(instance: str) -> Payload:
    return {"instance": instance} if instance else {}


def _data_type(setting: Setting) -> str:
    if setting.integer:
        return "integer"
    if setting.members:
        return "MemberList"
    if setting.options is None:
        return "string"
    return "boolean" if set(setting.options) == set(BOOLEAN) else "OptionList"
