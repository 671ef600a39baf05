"""The commands that an OCPP 1.6 charger carries out for the central system."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from simulated_charger.calls import CallRefused, Response
from simulated_charger.connector import Connector, StopReason
from simulated_charger.instants import parse_instant, required_instant
from simulated_charger.local_authorisation import ListEntry
from simulated_charger.observed import AuthorisationResult, DecidedBy
from simulated_charger.settings import Setting, WriteResult
from simulated_charger.spec import Identifier, IdentifierKind, Payload

if TYPE_CHECKING:
    from simulated_charger.charger import SimulatedCharger

RESERVING = frozenset({"ReserveNow", "CancelReservation"})  # supported if the specification says so
UNSUPPORTED_ACTIONS = frozenset(
    {
        *RESERVING, "CertificateSigned", "ClearChargingProfile", "DeleteCertificate",
        "ExtendedTriggerMessage", "GetCompositeSchedule", "GetDiagnostics", "GetInstalledCertificateIds", "GetLog",
        "InstallCertificate", "SetChargingProfile", "SignedUpdateFirmware", "UpdateFirmware",
    }
)  # fmt: skip

WRITE_STATUSES = {
    WriteResult.ACCEPTED: "Accepted",
    WriteResult.NEEDS_REBOOT: "RebootRequired",
    WriteResult.REJECTED: "Rejected",
    WriteResult.UNKNOWN: "NotSupported",
}


class CommandsV16:
    def __init__(self, charger: SimulatedCharger) -> None:
        self._charger = charger
        self._state = charger.state

    def handle(self, action: str, payload: Payload) -> Response:
        """Answer a CALL. Raise CallRefused with the code that OCPP 1.6 prescribes."""
        handler = HANDLERS.get(action)
        if handler is None or (action in RESERVING and not self._state.spec.reserves):
            raise CallRefused("NotSupported" if action in UNSUPPORTED_ACTIONS else "NotImplemented", action)
        try:
            return handler(self, payload)
        except KeyError as missing:
            raise CallRefused("ProtocolError", f"{missing} is missing") from missing
        except (TypeError, ValueError, AttributeError) as error:
            raise CallRefused("TypeConstraintViolation", str(error)) from error

    async def notify_changes(self, before: dict[str, str]) -> None:
        """Do nothing: OCPP 1.6 has no such report, so a change on site shows only when the settings are read."""

    def get_configuration(self, request: Payload) -> Response:
        keys = request.get("key") or [setting.name for setting in self._state.settings]
        most = self._state.settings.number("GetConfigurationMaxKeys", default=50)
        if len(request.get("key") or ()) > most:
            raise CallRefused("OccurenceConstraintViolation", f"at most {most} keys")
        found = [(key, self._state.settings.find(key)) for key in keys]
        known = [self._entry(setting) for _, setting in found if setting is not None]
        return Response({"configurationKey": known, "unknownKey": [key for key, setting in found if setting is None]})

    def change_configuration(self, request: Payload) -> Response:
        return Response(
            {"status": WRITE_STATUSES[self._state.settings.write(str(request["key"]), str(request["value"]))]}
        )

    def clear_cache(self, request: Payload) -> Response:
        if self._state.settings.find("AuthorizationCacheEnabled") is None:
            return Response({"status": "Rejected"})
        self._state.local_authorisation.clear_cache()
        return Response({"status": "Accepted"})

    def get_local_list_version(self, request: Payload) -> Response:
        local_authorisation = self._state.local_authorisation
        if not local_authorisation.capacity:
            return Response({"listVersion": -1})
        return Response({"listVersion": local_authorisation.version if local_authorisation.listed else 0})

    def send_local_list(self, request: Payload) -> Response:
        local_authorisation = self._state.local_authorisation
        if not local_authorisation.capacity:
            return Response({"status": "NotSupported"})
        entries = [_list_entry(entry) for entry in request.get("localAuthorizationList") or ()]
        update = local_authorisation.replace if request["updateType"] == "Full" else local_authorisation.amend
        return Response({"status": update(int(request["listVersion"]), entries)})

    def remote_start(self, request: Payload) -> Response:
        identifier = Identifier(IdentifierKind.RFID, str(request["idTag"]))
        connector = self._startable(request.get("connectorId"))
        if connector is None or not self._state.operational:
            return Response({"status": "Rejected"})
        return Response(
            {"status": "Accepted"}, lambda: self._charger.sessions.remote_start(connector, identifier, None)
        )

    def remote_stop(self, request: Payload) -> Response:
        for connector in self._state.connectors.values():
            running = connector.transaction
            if running is not None and running.central_id == request["transactionId"]:
                return Response(
                    {"status": "Accepted"}, partial(self._charger.sessions.stop, connector, StopReason.REMOTE)
                )
        return Response({"status": "Rejected"})

    def reset(self, request: Payload) -> Response:
        hard = request["type"] == "Hard"
        return Response({"status": "Accepted"}, lambda: self._charger.power.reboot(hard=hard))

    def trigger_message(self, request: Payload) -> Response:
        wanted = str(request["requestedMessage"])
        if wanted not in ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues"):
            return Response({"status": "NotImplemented"})
        return Response(
            {"status": "Accepted"}, lambda: self._charger.power.send_triggered(wanted, request.get("connectorId"))
        )

    def unlock_connector(self, request: Payload) -> Response:
        connector = self._state.connectors.get(request["connectorId"])
        if connector is None:
            return Response({"status": "NotSupported"})
        return Response({"status": "Unlocked"}, lambda: self._charger.sessions.stop(connector, StopReason.UNLOCKED))

    def change_availability(self, request: Payload) -> Response:
        wanted = request["connectorId"]
        if wanted and wanted not in self._state.connectors:
            return Response({"status": "Rejected"})
        numbers = [wanted] if wanted else list(self._state.connectors)
        busy = self._charger.power.set_availability(numbers, operative=request["type"] == "Operative")
        return Response({"status": "Scheduled" if busy else "Accepted"})

    def reserve_now(self, request: Payload) -> Response:
        holder = Identifier(IdentifierKind.RFID, str(request["idTag"]))
        status = self._charger.reservations.reserve(
            int(request["reservationId"]),
            int(request["connectorId"]),
            self._charger.dialect.key(holder),
            required_instant(request["expiryDate"]),
        )
        return Response({"status": status})

    def cancel_reservation(self, request: Payload) -> Response:
        known = self._charger.reservations.cancel(int(request["reservationId"]))
        return Response({"status": "Accepted" if known else "Rejected"})

    def data_transfer(self, request: Payload) -> Response:
        known = str(request["vendorId"]) == self._state.spec.vendor
        if known and isinstance(request.get("data"), str):
            self._state.message_to_driver = request["data"]
        return Response({"status": "Accepted" if known else "UnknownVendorId"})

    def _entry(self, setting: Setting) -> Payload:
        entry: Payload = {"key": setting.name, "readonly": setting.readonly}
        if not setting.writeonly:
            entry["value"] = self._state.settings.stored(setting.name)
        return entry

    def _startable(self, number: int | None) -> Connector | None:
        wanted = self._state.connectors.values() if number is None else [self._state.connectors.get(number)]
        free = [connector for connector in wanted if connector is not None and connector.can_start]
        return min(free, key=lambda connector: not connector.plugged_in, default=None)


def _list_entry(entry: Payload) -> ListEntry:
    key = ("", str(entry["idTag"]).upper())
    info = entry.get("idTagInfo")
    if info is None:
        return ListEntry(key, None)
    return ListEntry(
        key,
        AuthorisationResult(
            status=str(info["status"]),
            decided_by=DecidedBy.LOCAL_LIST,
            expires_at=parse_instant(info.get("expiryDate")),
            group=info.get("parentIdTag"),
        ),
    )


HANDLERS: dict[str, Callable[[CommandsV16, Payload], Response]] = {
    "GetConfiguration": CommandsV16.get_configuration,
    "ChangeConfiguration": CommandsV16.change_configuration,
    "ClearCache": CommandsV16.clear_cache,
    "GetLocalListVersion": CommandsV16.get_local_list_version,
    "SendLocalList": CommandsV16.send_local_list,
    "RemoteStartTransaction": CommandsV16.remote_start,
    "RemoteStopTransaction": CommandsV16.remote_stop,
    "Reset": CommandsV16.reset,
    "TriggerMessage": CommandsV16.trigger_message,
    "UnlockConnector": CommandsV16.unlock_connector,
    "ChangeAvailability": CommandsV16.change_availability,
    "DataTransfer": CommandsV16.data_transfer,
    "ReserveNow": CommandsV16.reserve_now,
    "CancelReservation": CommandsV16.cancel_reservation,
}
