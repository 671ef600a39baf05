"""The commands that an OCPP 2.0.1 charger carries out. `v201_variables` has the commands of the device model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from simulated_charger.calls import CallRefused, Response
from simulated_charger.connector import Connector, StopReason
from simulated_charger.instants import required_instant
from simulated_charger.local_authorisation import ListEntry
from simulated_charger.spec import Identifier, Payload
from simulated_charger.v201 import TOKEN_TYPES, kind_of, listed_authorisation
from simulated_charger.v201_variables import Variables

if TYPE_CHECKING:
    from simulated_charger.charger import SimulatedCharger

RESERVING = frozenset({"ReserveNow", "CancelReservation"})  # supported if the specification says so
UNSUPPORTED_ACTIONS = frozenset(
    {
        *RESERVING, "CertificateSigned", "ClearChargingProfile", "ClearVariableMonitoring", "CostUpdated",
        "CustomerInformation", "DeleteCertificate", "GetChargingProfiles", "GetCompositeSchedule",
        "GetDisplayMessages", "GetInstalledCertificateIds", "GetLog", "GetMonitoringReport", "GetReport",
        "GetTransactionStatus", "InstallCertificate", "PublishFirmware", "SetChargingProfile",
        "SetMonitoringBase", "SetMonitoringLevel", "SetNetworkProfile", "UnpublishFirmware", "UpdateFirmware",
    }
)  # fmt: skip
SHOWN_FORMATS = ("ASCII", "UTF8")
MESSAGES_MAX = 10


class CommandsV201:
    def __init__(self, charger: SimulatedCharger) -> None:
        self._charger = charger
        self._state = charger.state
        self.variables: Variables = Variables(charger.state)

    def handle(self, action: str, payload: Payload) -> Response:
        """Answer a CALL. Raise CallRefused with the code that OCPP 2.0.1 prescribes."""
        handler = HANDLERS.get(action)
        if handler is None or (action in RESERVING and not self._state.spec.reserves):
            raise CallRefused("NotSupported" if action in UNSUPPORTED_ACTIONS else "NotImplemented", action)
        try:
            return handler(self, payload)
        except KeyError as missing:
            raise CallRefused("OccurrenceConstraintViolation", f"{missing} is missing") from missing
        except (TypeError, ValueError, AttributeError) as error:
            raise CallRefused("TypeConstraintViolation", str(error)) from error

    async def notify_changes(self, before: dict[str, str]) -> None:
        await self.variables.notify_changes(before)

    def get_variables(self, request: Payload) -> Response:
        return self.variables.get_variables(request)

    def set_variables(self, request: Payload) -> Response:
        return self.variables.set_variables(request)

    def get_base_report(self, request: Payload) -> Response:
        return self.variables.get_base_report(request)

    def set_monitoring(self, request: Payload) -> Response:
        return self.variables.set_monitoring(request)

    def clear_cache(self, request: Payload) -> Response:
        if not self._state.settings.flag("AuthCacheCtrlr.Enabled"):
            return Response({"status": "Rejected"})
        self._state.local_authorisation.clear_cache()
        return Response({"status": "Accepted"})

    def get_local_list_version(self, request: Payload) -> Response:
        enabled = self._state.settings.flag("LocalAuthListCtrlr.Enabled")
        return Response({"versionNumber": self._state.local_authorisation.version if enabled else 0})

    def send_local_list(self, request: Payload) -> Response:
        local_authorisation = self._state.local_authorisation
        if not local_authorisation.capacity:
            raise CallRefused("NotSupported", "no local list")
        if not self._state.settings.flag("LocalAuthListCtrlr.Enabled"):
            return Response({"status": "Failed"})
        entries = [_list_entry(entry) for entry in request.get("localAuthorizationList") or ()]
        update = local_authorisation.replace if request["updateType"] == "Full" else local_authorisation.amend
        return Response({"status": update(int(request["versionNumber"]), entries)})

    def request_start(self, request: Payload) -> Response:
        token = request["idToken"]
        identifier = Identifier(kind_of(token["type"]), str(token["idToken"]))
        remote_start_id = int(request["remoteStartId"])
        connector = self._startable(request.get("evseId"))
        if connector is None or not self._state.operational:
            return Response({"status": "Rejected"})
        answer: Payload = {"status": "Accepted"}
        if connector.transaction is not None:
            answer["transactionId"] = connector.transaction.key
        return Response(answer, lambda: self._charger.sessions.remote_start(connector, identifier, remote_start_id))

    def reserve_now(self, request: Payload) -> Response:
        token = request["idToken"]
        holder = Identifier(kind_of(token["type"]), str(token["idToken"]))
        status = self._charger.reservations.reserve(
            int(request["id"]),
            int(request.get("evseId", 0)),
            self._charger.dialect.key(holder),
            required_instant(request["expiryDateTime"]),
        )
        return Response({"status": status})

    def cancel_reservation(self, request: Payload) -> Response:
        known = self._charger.reservations.cancel(int(request["reservationId"]))
        return Response({"status": "Accepted" if known else "Rejected"})

    def request_stop(self, request: Payload) -> Response:
        for connector in self._state.connectors.values():
            running = connector.transaction
            if running is not None and running.key == request["transactionId"]:
                return Response(
                    {"status": "Accepted"}, partial(self._charger.sessions.stop, connector, StopReason.REMOTE)
                )
        return Response({"status": "Rejected"})

    def reset(self, request: Payload) -> Response:
        if "evseId" in request:
            return Response({"status": "Rejected"})
        if request["type"] == "Immediate":
            return Response({"status": "Accepted"}, lambda: self._charger.power.reboot(hard=True))
        busy = any(connector.transaction is not None for connector in self._state.connectors.values())
        return Response({"status": "Scheduled" if busy else "Accepted"}, self._charger.power.reboot_when_idle)

    def trigger_message(self, request: Payload) -> Response:
        wanted = str(request["requestedMessage"])
        if wanted not in ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues", "TransactionEvent"):
            return Response({"status": "NotImplemented"})
        if wanted == "BootNotification" and self._state.booted:
            return Response({"status": "Rejected"})  # F06.FR.17
        evse = (request.get("evse") or {}).get("id")
        return Response({"status": "Accepted"}, lambda: self._charger.power.send_triggered(wanted, evse))

    def unlock_connector(self, request: Payload) -> Response:
        connector = self._state.connectors.get(request["evseId"])
        if connector is None:
            return Response({"status": "UnknownConnector"})
        running = connector.transaction is not None and connector.transaction.admission is not None
        return Response({"status": "OngoingAuthorizedTransaction" if running else "Unlocked"})

    def change_availability(self, request: Payload) -> Response:
        evse = (request.get("evse") or {}).get("id")
        if evse is not None and evse not in self._state.connectors:
            return Response({"status": "Rejected"})
        numbers = list(self._state.connectors) if evse is None else [evse]
        busy = self._charger.power.set_availability(numbers, operative=request["operationalStatus"] == "Operative")
        return Response({"status": "Scheduled" if busy else "Accepted"})

    def set_display_message(self, request: Payload) -> Response:
        if not self._state.spec.has_display:
            raise CallRefused("NotSupported", "no display")
        message: Payload = request["message"]
        shown = self._state.display or {}
        if message["message"]["format"] not in SHOWN_FORMATS:
            return Response({"status": "NotSupportedMessageFormat"})
        running = {connector.transaction.key for connector in self._state.connectors.values() if connector.transaction}
        if "transactionId" in message and message["transactionId"] not in running:
            return Response({"status": "UnknownTransaction"})
        if len(shown) >= MESSAGES_MAX and message["id"] not in shown:
            return Response({"status": "Rejected"})
        self._state.display = {**shown, int(message["id"]): message}
        self._state.changed()
        return Response({"status": "Accepted"})

    def clear_display_message(self, request: Payload) -> Response:
        shown = dict(self._state.display or {})
        known = shown.pop(request["id"], None) is not None
        self._state.display = shown or None
        self._state.changed()
        return Response({"status": "Accepted" if known else "Unknown"})

    def data_transfer(self, request: Payload) -> Response:
        known = str(request["vendorId"]) == self._state.spec.vendor
        return Response({"status": "Accepted" if known else "UnknownVendorId"})

    def _startable(self, number: int | None) -> Connector | None:
        wanted = self._state.connectors.values() if number is None else [self._state.connectors.get(number)]
        free = [connector for connector in wanted if connector is not None and connector.can_start]
        return min(free, key=lambda connector: not connector.plugged_in, default=None)


def _list_entry(entry: Mapping[str, Any]) -> ListEntry:
    token = entry["idToken"]
    key = (TOKEN_TYPES[kind_of(token["type"])].upper(), str(token["idToken"]).upper())
    info = entry.get("idTokenInfo")
    return ListEntry(key, listed_authorisation(info) if info is not None else None)


HANDLERS: dict[str, Callable[[CommandsV201, Payload], Response]] = {
    "GetVariables": CommandsV201.get_variables,
    "SetVariables": CommandsV201.set_variables,
    "GetBaseReport": CommandsV201.get_base_report,
    "SetVariableMonitoring": CommandsV201.set_monitoring,
    "ClearCache": CommandsV201.clear_cache,
    "GetLocalListVersion": CommandsV201.get_local_list_version,
    "SendLocalList": CommandsV201.send_local_list,
    "RequestStartTransaction": CommandsV201.request_start,
    "RequestStopTransaction": CommandsV201.request_stop,
    "ReserveNow": CommandsV201.reserve_now,
    "CancelReservation": CommandsV201.cancel_reservation,
    "Reset": CommandsV201.reset,
    "TriggerMessage": CommandsV201.trigger_message,
    "UnlockConnector": CommandsV201.unlock_connector,
    "ChangeAvailability": CommandsV201.change_availability,
    "SetDisplayMessage": CommandsV201.set_display_message,
    "ClearDisplayMessage": CommandsV201.clear_display_message,
    "DataTransfer": CommandsV201.data_transfer,
}
