"""What an OCPP 1.6 charger does when the central system asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from simulated_charger.connector import Connector, StopReason
from simulated_charger.link import Answer, CallRefused
from simulated_charger.local_authorisation import ListEntry
from simulated_charger.observed import DecidedBy, Verdict
from simulated_charger.settings import Setting, Written
from simulated_charger.spec import Identifier, IdentifierKind, Payload
from simulated_charger.station import parsed

if TYPE_CHECKING:
    from simulated_charger.charger import SimulatedCharger

KNOWN_ELSEWHERE = frozenset(
    {
        "CancelReservation", "CertificateSigned", "ClearChargingProfile", "DeleteCertificate",
        "ExtendedTriggerMessage", "GetCompositeSchedule", "GetDiagnostics", "GetInstalledCertificateIds", "GetLog",
        "InstallCertificate", "ReserveNow", "SetChargingProfile", "SignedUpdateFirmware", "UpdateFirmware",
    }
)  # fmt: skip

WRITTEN = {
    Written.ACCEPTED: "Accepted",
    Written.NEEDS_REBOOT: "RebootRequired",
    Written.REJECTED: "Rejected",
    Written.UNKNOWN: "NotSupported",
}


class CommandsV16:
    def __init__(self, charger: SimulatedCharger) -> None:
        self._charger = charger
        self._station = charger.station

    def handle(self, action: str, payload: Payload) -> Answer:
        """The answer. Raises CallRefused with the code that 1.6 prescribes."""
        handler = HANDLERS.get(action)
        if handler is None:
            raise CallRefused("NotSupported" if action in KNOWN_ELSEWHERE else "NotImplemented", action)
        try:
            return handler(self, payload)
        except KeyError as missing:
            raise CallRefused("ProtocolError", f"{missing} is missing") from missing
        except (TypeError, ValueError, AttributeError) as error:
            raise CallRefused("TypeConstraintViolation", str(error)) from error

    async def notify_changes(self, before: dict[str, str]) -> None:
        """OCPP 1.6 has no such report: a change on site is seen by reading back."""

    def get_configuration(self, asked: Payload) -> Answer:
        keys = asked.get("key") or [setting.name for setting in self._station.settings]
        most = self._station.settings.number("GetConfigurationMaxKeys", default=50)
        if len(asked.get("key") or ()) > most:
            raise CallRefused("OccurenceConstraintViolation", f"at most {most} keys")
        found = [(key, self._station.settings.find(key)) for key in keys]
        known = [self._entry(setting) for _, setting in found if setting is not None]
        return Answer({"configurationKey": known, "unknownKey": [key for key, setting in found if setting is None]})

    def change_configuration(self, asked: Payload) -> Answer:
        return Answer({"status": WRITTEN[self._station.settings.write(str(asked["key"]), str(asked["value"]))]})

    def clear_cache(self, asked: Payload) -> Answer:
        if self._station.settings.find("AuthorizationCacheEnabled") is None:
            return Answer({"status": "Rejected"})
        self._station.authorisation.clear_cache()
        return Answer({"status": "Accepted"})

    def get_local_list_version(self, asked: Payload) -> Answer:
        authorisation = self._station.authorisation
        if not authorisation.capacity:
            return Answer({"listVersion": -1})
        return Answer({"listVersion": authorisation.version if authorisation.listed else 0})

    def send_local_list(self, asked: Payload) -> Answer:
        authorisation = self._station.authorisation
        if not authorisation.capacity:
            return Answer({"status": "NotSupported"})
        entries = [_list_entry(entry) for entry in asked.get("localAuthorizationList") or ()]
        update = authorisation.replace if asked["updateType"] == "Full" else authorisation.amend
        return Answer({"status": update(int(asked["listVersion"]), entries)})

    def remote_start(self, asked: Payload) -> Answer:
        identifier = Identifier(IdentifierKind.RFID, str(asked["idTag"]))
        connector = self._startable(asked.get("connectorId"))
        if connector is None or not self._station.operational:
            return Answer({"status": "Rejected"})
        return Answer({"status": "Accepted"}, lambda: self._charger.sessions.remote_start(connector, identifier, None))

    def remote_stop(self, asked: Payload) -> Answer:
        for connector in self._station.connectors.values():
            running = connector.transaction
            if running is not None and running.central_id == asked["transactionId"]:
                return Answer(
                    {"status": "Accepted"}, partial(self._charger.sessions.stop, connector, StopReason.REMOTE)
                )
        return Answer({"status": "Rejected"})

    def reset(self, asked: Payload) -> Answer:
        hard = asked["type"] == "Hard"
        return Answer({"status": "Accepted"}, lambda: self._charger.power.reboot(hard=hard))

    def trigger_message(self, asked: Payload) -> Answer:
        wanted = str(asked["requestedMessage"])
        if wanted not in ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues"):
            return Answer({"status": "NotImplemented"})
        return Answer(
            {"status": "Accepted"}, lambda: self._charger.power.send_triggered(wanted, asked.get("connectorId"))
        )

    def unlock_connector(self, asked: Payload) -> Answer:
        connector = self._station.connectors.get(asked["connectorId"])
        if connector is None:
            return Answer({"status": "NotSupported"})
        return Answer({"status": "Unlocked"}, lambda: self._charger.sessions.stop(connector, StopReason.UNLOCKED))

    def change_availability(self, asked: Payload) -> Answer:
        wanted = asked["connectorId"]
        if wanted and wanted not in self._station.connectors:
            return Answer({"status": "Rejected"})
        numbers = [wanted] if wanted else list(self._station.connectors)
        busy = self._charger.power.set_availability(numbers, operative=asked["type"] == "Operative")
        return Answer({"status": "Scheduled" if busy else "Accepted"})

    def data_transfer(self, asked: Payload) -> Answer:
        known = str(asked["vendorId"]) == self._station.spec.vendor
        if known and isinstance(asked.get("data"), str):
            self._station.message_to_driver = asked["data"]
        return Answer({"status": "Accepted" if known else "UnknownVendorId"})

    def _entry(self, setting: Setting) -> Payload:
        entry: Payload = {"key": setting.name, "readonly": setting.readonly}
        if not setting.writeonly:
            entry["value"] = self._station.settings.stored(setting.name)
        return entry

    def _startable(self, number: int | None) -> Connector | None:
        wanted = self._station.connectors.values() if number is None else [self._station.connectors.get(number)]
        free = [connector for connector in wanted if connector is not None and connector.can_start]
        return min(free, key=lambda connector: not connector.plugged_in, default=None)


def _list_entry(entry: Payload) -> ListEntry:
    key = ("", str(entry["idTag"]).upper())
    info = entry.get("idTagInfo")
    if info is None:
        return ListEntry(key, None)
    return ListEntry(
        key,
        Verdict(
            status=str(info["status"]),
            decided_by=DecidedBy.LOCAL_LIST,
            expires_at=parsed(info.get("expiryDate")),
            group=info.get("parentIdTag"),
        ),
    )


HANDLERS: dict[str, Callable[[CommandsV16, Payload], Answer]] = {
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
}
