"""What an OCPP 2.0.1 charging station does when the central system asks. The device model is in v201_variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from simulated_charger.connector import Connector, StopReason
from simulated_charger.link import Answer, CallRefused
from simulated_charger.local_authorisation import ListEntry
from simulated_charger.spec import Identifier, Payload
from simulated_charger.v201 import TOKEN_TYPES, kind_of, listed_verdict
from simulated_charger.v201_variables import Variables

if TYPE_CHECKING:
    from simulated_charger.charger import SimulatedCharger

KNOWN_ELSEWHERE = frozenset(
    {
        "CancelReservation", "CertificateSigned", "ClearChargingProfile", "ClearVariableMonitoring", "CostUpdated",
        "CustomerInformation", "DeleteCertificate", "GetChargingProfiles", "GetCompositeSchedule",
        "GetDisplayMessages", "GetInstalledCertificateIds", "GetLog", "GetMonitoringReport", "GetReport",
        "GetTransactionStatus", "InstallCertificate", "PublishFirmware", "ReserveNow", "SetChargingProfile",
        "SetMonitoringBase", "SetMonitoringLevel", "SetNetworkProfile", "UnpublishFirmware", "UpdateFirmware",
    }
)  # fmt: skip
SHOWN_FORMATS = ("ASCII", "UTF8")
MESSAGES_MAX = 10


class CommandsV201:
    def __init__(self, charger: SimulatedCharger) -> None:
        self._charger = charger
        self._station = charger.station
        self.variables: Variables = Variables(charger.station)

    def handle(self, action: str, payload: Payload) -> Answer:
        """The answer. Raises CallRefused with the code that 2.0.1 prescribes."""
        handler = HANDLERS.get(action)
        if handler is None:
            raise CallRefused("NotSupported" if action in KNOWN_ELSEWHERE else "NotImplemented", action)
        try:
            return handler(self, payload)
        except KeyError as missing:
            raise CallRefused("OccurrenceConstraintViolation", f"{missing} is missing") from missing
        except (TypeError, ValueError, AttributeError) as error:
            raise CallRefused("TypeConstraintViolation", str(error)) from error

    async def notify_changes(self, before: dict[str, str]) -> None:
        await self.variables.notify_changes(before)

    def get_variables(self, asked: Payload) -> Answer:
        return self.variables.get_variables(asked)

    def set_variables(self, asked: Payload) -> Answer:
        return self.variables.set_variables(asked)

    def get_base_report(self, asked: Payload) -> Answer:
        return self.variables.get_base_report(asked)

    def set_monitoring(self, asked: Payload) -> Answer:
        return self.variables.set_monitoring(asked)

    def clear_cache(self, asked: Payload) -> Answer:
        if not self._station.settings.flag("AuthCacheCtrlr.Enabled"):
            return Answer({"status": "Rejected"})
        self._station.authorisation.clear_cache()
        return Answer({"status": "Accepted"})

    def get_local_list_version(self, asked: Payload) -> Answer:
        enabled = self._station.settings.flag("LocalAuthListCtrlr.Enabled")
        return Answer({"versionNumber": self._station.authorisation.version if enabled else 0})

    def send_local_list(self, asked: Payload) -> Answer:
        authorisation = self._station.authorisation
        if not authorisation.capacity:
            raise CallRefused("NotSupported", "no local list")
        if not self._station.settings.flag("LocalAuthListCtrlr.Enabled"):
            return Answer({"status": "Failed"})
        entries = [_list_entry(entry) for entry in asked.get("localAuthorizationList") or ()]
        update = authorisation.replace if asked["updateType"] == "Full" else authorisation.amend
        return Answer({"status": update(int(asked["versionNumber"]), entries)})

    def request_start(self, asked: Payload) -> Answer:
        token = asked["idToken"]
        identifier = Identifier(kind_of(token["type"]), str(token["idToken"]))
        remote_start_id = int(asked["remoteStartId"])
        connector = self._startable(asked.get("evseId"))
        if connector is None or not self._station.operational:
            return Answer({"status": "Rejected"})
        answer: Payload = {"status": "Accepted"}
        if connector.transaction is not None:
            answer["transactionId"] = connector.transaction.key
        return Answer(answer, lambda: self._charger.sessions.remote_start(connector, identifier, remote_start_id))

    def request_stop(self, asked: Payload) -> Answer:
        for connector in self._station.connectors.values():
            running = connector.transaction
            if running is not None and running.key == asked["transactionId"]:
                return Answer(
                    {"status": "Accepted"}, partial(self._charger.sessions.stop, connector, StopReason.REMOTE)
                )
        return Answer({"status": "Rejected"})

    def reset(self, asked: Payload) -> Answer:
        if "evseId" in asked:
            return Answer({"status": "Rejected"})
        if asked["type"] == "Immediate":
            return Answer({"status": "Accepted"}, lambda: self._charger.power.reboot(hard=True))
        busy = any(connector.transaction is not None for connector in self._station.connectors.values())
        return Answer({"status": "Scheduled" if busy else "Accepted"}, self._charger.power.reboot_when_idle)

    def trigger_message(self, asked: Payload) -> Answer:
        wanted = str(asked["requestedMessage"])
        if wanted not in ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues", "TransactionEvent"):
            return Answer({"status": "NotImplemented"})
        if wanted == "BootNotification" and self._station.booted:
            return Answer({"status": "Rejected"})  # F06.FR.17
        evse = (asked.get("evse") or {}).get("id")
        return Answer({"status": "Accepted"}, lambda: self._charger.power.send_triggered(wanted, evse))

    def unlock_connector(self, asked: Payload) -> Answer:
        connector = self._station.connectors.get(asked["evseId"])
        if connector is None:
            return Answer({"status": "UnknownConnector"})
        running = connector.transaction is not None and connector.transaction.admission is not None
        return Answer({"status": "OngoingAuthorizedTransaction" if running else "Unlocked"})

    def change_availability(self, asked: Payload) -> Answer:
        evse = (asked.get("evse") or {}).get("id")
        if evse is not None and evse not in self._station.connectors:
            return Answer({"status": "Rejected"})
        numbers = list(self._station.connectors) if evse is None else [evse]
        busy = self._charger.power.set_availability(numbers, operative=asked["operationalStatus"] == "Operative")
        return Answer({"status": "Scheduled" if busy else "Accepted"})

    def set_display_message(self, asked: Payload) -> Answer:
        if not self._station.spec.has_display:
            raise CallRefused("NotSupported", "no display")
        message: Payload = asked["message"]
        shown = self._station.display or {}
        if message["message"]["format"] not in SHOWN_FORMATS:
            return Answer({"status": "NotSupportedMessageFormat"})
        running = {
            connector.transaction.key for connector in self._station.connectors.values() if connector.transaction
        }
        if "transactionId" in message and message["transactionId"] not in running:
            return Answer({"status": "UnknownTransaction"})
        if len(shown) >= MESSAGES_MAX and message["id"] not in shown:
            return Answer({"status": "Rejected"})
        self._station.display = {**shown, int(message["id"]): message}
        self._station.changed()
        return Answer({"status": "Accepted"})

    def clear_display_message(self, asked: Payload) -> Answer:
        shown = dict(self._station.display or {})
        known = shown.pop(asked["id"], None) is not None
        self._station.display = shown or None
        self._station.changed()
        return Answer({"status": "Accepted" if known else "Unknown"})

    def data_transfer(self, asked: Payload) -> Answer:
        known = str(asked["vendorId"]) == self._station.spec.vendor
        return Answer({"status": "Accepted" if known else "UnknownVendorId"})

    def _startable(self, number: int | None) -> Connector | None:
        wanted = self._station.connectors.values() if number is None else [self._station.connectors.get(number)]
        free = [connector for connector in wanted if connector is not None and connector.can_start]
        return min(free, key=lambda connector: not connector.plugged_in, default=None)


def _list_entry(entry: Mapping[str, Any]) -> ListEntry:
    token = entry["idToken"]
    key = (TOKEN_TYPES[kind_of(token["type"])].upper(), str(token["idToken"]).upper())
    info = entry.get("idTokenInfo")
    return ListEntry(key, listed_verdict(info) if info is not None else None)


HANDLERS: dict[str, Callable[[CommandsV201, Payload], Answer]] = {
    "GetVariables": CommandsV201.get_variables,
    "SetVariables": CommandsV201.set_variables,
    "GetBaseReport": CommandsV201.get_base_report,
    "SetVariableMonitoring": CommandsV201.set_monitoring,
    "ClearCache": CommandsV201.clear_cache,
    "GetLocalListVersion": CommandsV201.get_local_list_version,
    "SendLocalList": CommandsV201.send_local_list,
    "RequestStartTransaction": CommandsV201.request_start,
    "RequestStopTransaction": CommandsV201.request_stop,
    "Reset": CommandsV201.reset,
    "TriggerMessage": CommandsV201.trigger_message,
    "UnlockConnector": CommandsV201.unlock_connector,
    "ChangeAvailability": CommandsV201.change_availability,
    "SetDisplayMessage": CommandsV201.set_display_message,
    "ClearDisplayMessage": CommandsV201.clear_display_message,
    "DataTransfer": CommandsV201.data_transfer,
}
