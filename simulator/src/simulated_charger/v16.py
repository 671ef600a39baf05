"""OCPP 1.6: the names of settings, and the messages that a charger sends."""

from __future__ import annotations

from simulated_charger.connector import (
    Connector,
    StopReason,
    Transaction,
)
from simulated_charger.instants import parse_instant, rfc3339
from simulated_charger.local_authorisation import Key, Rules
from simulated_charger.observed import AuthorisationResult
from simulated_charger.outbox import Message
from simulated_charger.spec import FreevendKey, Identifier, IdentifierKind, Payload
from simulated_charger.state import ChargerState

UNKNOWN_TRANSACTION = -1  # the transactionId after an unanswered StartTransaction (1.6 errata 3.18)

REASONS = {
    StopReason.LOCAL: "Local",
    StopReason.REMOTE: "Remote",
    StopReason.DEAUTHORISED: "DeAuthorized",
    StopReason.UNPLUGGED: "EVDisconnected",
    StopReason.SOFT_RESET: "SoftReset",
    StopReason.HARD_RESET: "HardReset",
    StopReason.POWER_LOSS: "PowerLoss",
    StopReason.UNLOCKED: "UnlockCommand",
    StopReason.FAULT: "Other",
}


class DialectV16:
    __slots__ = ("_freevend", "_state")

    def __init__(self, state: ChargerState) -> None:
        self._state = state
        freevend = state.spec.freevend
        self._freevend = freevend if isinstance(freevend, FreevendKey) else None

    @property
    def transaction_starts_at_plug_in(self) -> bool:
        return False

    @property
    def authorises_freevend(self) -> bool:
        return self._freevend is not None and self._freevend.authorises_tag

    # settings

    def rules(self) -> Rules:
        flag = self._state.settings.flag
        return Rules(
            pre_authorise=flag("LocalPreAuthorize"),
            known_offline=flag("LocalAuthorizeOffline"),
            unknown_offline=flag("AllowOfflineTxForUnknownId"),
            cache_enabled=flag("AuthorizationCacheEnabled"),
            list_enabled=flag("LocalAuthListEnabled"),
        )

    def key(self, identifier: Identifier) -> Key:
        return ("", self.id_tag(identifier).upper())

    def freevend_identifier(self) -> Identifier | None:
        freevend, settings = self._freevend, self._state.settings
        if freevend is None or settings.in_force(freevend.key) != freevend.on_value:
            return None
        tag = settings.in_force(freevend.tag_key) if freevend.tag_key is not None else None
        return Identifier(IdentifierKind.CENTRAL, tag or freevend.default_tag)

    def stops_on_invalid(self) -> bool:
        return self._state.settings.flag("StopTransactionOnInvalidId")

    def ends_with_authorisation(self) -> bool:
        return True

    def stops_when_unplugged(self) -> bool:
        return self._state.settings.flag("StopTransactionOnEVSideDisconnect")

    def authorises_remote_starts(self) -> bool:
        return self._state.settings.flag("AuthorizeRemoteTxRequests")

    def connection_timeout_s(self) -> int:
        return self._state.settings.number("ConnectionTimeOut", default=60)

    def retries(self) -> tuple[int, float]:
        settings = self._state.settings
        attempts = settings.number("TransactionMessageAttempts", default=3)
        return attempts, settings.number("TransactionMessageRetryInterval", default=60)

    # messages

    def boot(self, reason: str) -> tuple[str, Payload]:
        spec = self._state.spec
        return "BootNotification", {
            "chargePointVendor": spec.vendor,
            "chargePointModel": spec.model,
            "chargePointSerialNumber": spec.charge_point_id[:25],
            "firmwareVersion": spec.firmware,
        }

    def charger_status(self) -> tuple[str, Payload] | None:
        return "StatusNotification", {
            "connectorId": 0,
            "errorCode": "NoError",
            "status": "Available",
            "timestamp": self._state.timestamp(),
        }

    def connector_status(self, connector: Connector) -> tuple[str, Payload]:
        fault = connector.fault
        payload: Payload = {
            "connectorId": connector.id,
            "errorCode": fault.error_code if fault is not None else "NoError",
            "status": connector.status.value,
            "timestamp": self._state.timestamp(),
        }
        if fault is not None and fault.vendor_error_code is not None:
            payload["vendorErrorCode"] = fault.vendor_error_code
        return "StatusNotification", payload

    def authorize(self, identifier: Identifier) -> tuple[str, Payload]:
        return "Authorize", {"idTag": self.id_tag(identifier)}

    def authorisation(self, answer: Payload) -> AuthorisationResult | None:
        info = answer.get("idTagInfo")
        if not isinstance(info, dict) or not isinstance(info.get("status"), str):
            return None
        return AuthorisationResult(
            status=info["status"], expires_at=parse_instant(info.get("expiryDate")), group=info.get("parentIdTag")
        )

    def started(self, connector: Connector, transaction: Transaction) -> Message:
        admission = transaction.admission
        payload: Payload = {
            "connectorId": connector.id,
            "idTag": self.id_tag(admission.identifier) if admission is not None else "",
            "meterStart": round(transaction.meter_start_wh),
            "timestamp": rfc3339(transaction.started_at),
        }
        if transaction.reservation is not None:
            payload["reservationId"] = transaction.reservation
        return Message("StartTransaction", lambda: payload)

    def authorised(self, connector: Connector, transaction: Transaction) -> Message | None:
        return None

    def suspended(self, connector: Connector, transaction: Transaction, reason: StopReason) -> Message | None:
        return None

    def sampled(self, connector: Connector, transaction: Transaction) -> Message:
        samples = [
            {
                "value": f"{self._state.energy_wh(connector):.1f}",
                "context": "Sample.Periodic",
                "measurand": "Energy.Active.Import.Register",
                "unit": "Wh",
            },
            {
                "value": f"{connector.power_w:.0f}",
                "context": "Sample.Periodic",
                "measurand": "Power.Active.Import",
                "unit": "W",
            },
        ]
        sampled = [{"timestamp": self._state.timestamp(), "sampledValue": samples}]

        def build() -> Payload:
            payload: Payload = {"connectorId": connector.id, "meterValue": sampled}
            if transaction.central_id is not None:
                payload["transactionId"] = transaction.central_id
            return payload

        return Message("MeterValues", build)

    def stopped(
        self, connector: Connector, transaction: Transaction, reason: StopReason, by: Identifier | None
    ) -> Message:
        payload: Payload = {
            "meterStop": round(self._state.energy_wh(connector)),
            "timestamp": self._state.timestamp(),
            "reason": REASONS[reason],
        }
        if by is not None:
            payload["idTag"] = self.id_tag(by)

        def build() -> Payload:
            given = transaction.central_id
            return {**payload, "transactionId": UNKNOWN_TRANSACTION if given is None else given}

        return Message("StopTransaction", build)

    def reservation_ended(self, number: int, reason: str) -> tuple[str, Payload] | None:
        return None

    def transaction_id(self, transaction: Transaction) -> str | None:
        return None if transaction.central_id is None else str(transaction.central_id)

    def id_tag(self, identifier: Identifier) -> str:
        value = identifier.value
        if identifier.kind is IdentifierKind.MAC and not value.upper().startswith("VID:"):
            value = f"VID:{value.replace(':', '').replace('-', '')}"
        return self._state.tag(value)
