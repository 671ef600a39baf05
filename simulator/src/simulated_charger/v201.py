"""OCPP 2.0.1: the names of settings, and the messages that a charger sends. All of them are the same in OCPP 2.1."""

from __future__ import annotations

from simulated_charger.connector import (
    Connector,
    StartCause,
    Status,
    StopReason,
    Transaction,
)
from simulated_charger.instants import parse_instant, rfc3339
from simulated_charger.local_authorisation import Key, Rules
from simulated_charger.observed import AuthorisationResult, DecidedBy
from simulated_charger.outbox import Message
from simulated_charger.spec import NO_AUTHORIZATION, FreevendVariable, Identifier, IdentifierKind, Payload
from simulated_charger.state import ChargerState

TOKEN_TYPES = {
    IdentifierKind.RFID: "ISO14443",
    IdentifierKind.MAC: "MacAddress",
    IdentifierKind.EMAID: "eMAID",
    IdentifierKind.PIN: "KeyCode",
    IdentifierKind.CENTRAL: "Central",
    IdentifierKind.NONE: "NoAuthorization",
}
START_TRIGGERS = {
    StartCause.CABLE: "CablePluggedIn",
    StartCause.FREEVEND: "CablePluggedIn",
    StartCause.PRESENTED: "Authorized",
    StartCause.REMOTE: "RemoteStart",
}
STOP_TRIGGERS_AND_REASONS = {
    StopReason.LOCAL: ("StopAuthorized", "Local"),
    StopReason.REMOTE: ("RemoteStop", "Remote"),
    StopReason.DEAUTHORISED: ("Deauthorized", "DeAuthorized"),
    StopReason.UNPLUGGED: ("EVDeparted", "EVDisconnected"),
    StopReason.SOFT_RESET: ("ResetCommand", "Reboot"),
    StopReason.HARD_RESET: ("ResetCommand", "ImmediateReset"),
    StopReason.POWER_LOSS: ("AbnormalCondition", "PowerLoss"),
    StopReason.UNLOCKED: ("UnlockCommand", "Other"),
    StopReason.FAULT: ("AbnormalCondition", "Other"),
}
ENDS_WITH_AUTHORISATION = frozenset({"Authorized", "PowerPathClosed", "EnergyTransfer"})  # E05.FR.10
CABLE_POINTS = frozenset({"EVConnected", "ParkingBayOccupancy"})


class DialectV201:
    __slots__ = ("_state", "_switch")

    def __init__(self, state: ChargerState) -> None:
        self._state = state
        freevend = state.spec.freevend
        self._switch = freevend if isinstance(freevend, FreevendVariable) else None

    # settings

    @property
    def authorises_freevend(self) -> bool:
        return False

    @property
    def transaction_starts_at_plug_in(self) -> bool:
        return bool(self._members("TxCtrlr.TxStartPoint") & CABLE_POINTS)

    def rules(self) -> Rules:
        flag = self._state.settings.flag
        return Rules(
            pre_authorise=flag("AuthCtrlr.LocalPreAuthorize"),
            known_offline=flag("AuthCtrlr.LocalAuthorizeOffline"),
            unknown_offline=flag("AuthCtrlr.OfflineTxForUnknownIdEnabled"),
            cache_enabled=flag("AuthCacheCtrlr.Enabled"),
            list_enabled=flag("LocalAuthListCtrlr.Enabled"),
            central_authorisation=not flag("AuthCtrlr.DisableRemoteAuthorization"),
            drops_past_expiry=True,
        )

    def key(self, identifier: Identifier) -> Key:
        return (TOKEN_TYPES[identifier.kind].upper(), self._state.tag(identifier.value).upper())

    def freevend_identifier(self) -> Identifier | None:
        switch = self._switch
        free = switch is not None and self._state.settings.in_force(switch.key) == switch.on_value
        return NO_AUTHORIZATION if free else None

    def stops_on_invalid(self) -> bool:
        return self._state.settings.flag("TxCtrlr.StopTxOnInvalidId")

    def ends_with_authorisation(self) -> bool:
        return bool(self._members("TxCtrlr.TxStopPoint") & ENDS_WITH_AUTHORISATION)

    def stops_when_unplugged(self) -> bool:
        return True

    def authorises_remote_starts(self) -> bool:
        return self._state.settings.flag("AuthCtrlr.AuthorizeRemoteStart")

    def connection_timeout_s(self) -> int:
        return self._state.settings.number("TxCtrlr.EVConnectionTimeOut", default=60)

    def retries(self) -> tuple[int, float]:
        number = self._state.settings.number
        attempts = number("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", default=3)
        return attempts, number("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]", default=60)

    # messages

    def boot(self, reason: str) -> tuple[str, Payload]:
        spec = self._state.spec
        about = {
            "vendorName": spec.vendor,
            "model": spec.model,
            "serialNumber": spec.charge_point_id[:25],
            "firmwareVersion": spec.firmware,
        }
        return "BootNotification", {"reason": reason, "chargingStation": about}

    def charger_status(self) -> tuple[str, Payload] | None:
        return None

    def connector_status(self, connector: Connector) -> tuple[str, Payload]:
        status = connector.status
        if status not in (Status.FAULTED, Status.UNAVAILABLE, Status.RESERVED):
            status_word = "Occupied" if connector.plugged_in else "Available"
        else:
            status_word = status.value
        return "StatusNotification", {
            "timestamp": self._state.timestamp(),
            "connectorStatus": status_word,
            "evseId": connector.id,
            "connectorId": 1,
        }

    def authorize(self, identifier: Identifier) -> tuple[str, Payload]:
        return "Authorize", {"idToken": self._token(identifier)}

    def authorisation(self, answer: Payload) -> AuthorisationResult | None:
        info = answer.get("idTokenInfo")
        if not isinstance(info, dict) or not isinstance(info.get("status"), str):
            return None
        shown = info.get("personalMessage") or answer.get("updatedPersonalMessage") or {}
        return AuthorisationResult(
            status=info["status"],
            expires_at=parse_instant(info.get("cacheExpiryDateTime")),
            group=(info.get("groupIdToken") or {}).get("idToken"),
            message=shown.get("content"),
        )

    def started(self, connector: Connector, transaction: Transaction) -> Message:
        event = self._event(connector, transaction, "Started", START_TRIGGERS[transaction.cause])
        event["timestamp"] = rfc3339(transaction.started_at)
        event["meterValue"] = self._meter(connector, "Transaction.Begin")
        return self._with_token(event, transaction)

    def authorised(self, connector: Connector, transaction: Transaction) -> Message | None:
        event = self._event(connector, transaction, "Updated", START_TRIGGERS[transaction.cause])
        return self._with_token(event, transaction)

    def suspended(self, connector: Connector, transaction: Transaction, reason: StopReason) -> Message | None:
        event = self._event(connector, transaction, "Updated", STOP_TRIGGERS_AND_REASONS[reason][0])
        return Message("TransactionEvent", lambda: event)

    def sampled(self, connector: Connector, transaction: Transaction) -> Message:
        event = self._event(connector, transaction, "Updated", "MeterValuePeriodic")
        event["meterValue"] = self._meter(connector, "Sample.Periodic")
        return Message("TransactionEvent", lambda: event)

    def stopped(
        self, connector: Connector, transaction: Transaction, reason: StopReason, by: Identifier | None
    ) -> Message:
        trigger, stopped_reason = STOP_TRIGGERS_AND_REASONS[reason]
        event = self._event(connector, transaction, "Ended", trigger)
        event["transactionInfo"]["stoppedReason"] = stopped_reason
        event["meterValue"] = self._meter(connector, "Transaction.End")
        if by is not None:
            event["idToken"] = self._token(by)
        return Message("TransactionEvent", lambda: event)

    def reservation_ended(self, number: int, reason: str) -> tuple[str, Payload] | None:
        return "ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": reason}

    def transaction_id(self, transaction: Transaction) -> str | None:
        return transaction.key

    def _event(self, connector: Connector, transaction: Transaction, kind: str, trigger: str) -> Payload:
        event: Payload = {
            "eventType": kind,
            "timestamp": self._state.timestamp(),
            "triggerReason": trigger,
            "seqNo": transaction.take_seq_no(),
            "transactionInfo": {
                "transactionId": transaction.key,
                "chargingState": _charging_state(connector, transaction),
            },
            "evse": {"id": connector.id, "connectorId": 1},
        }
        if not self._state.operational:
            event["offline"] = True
        return event

    def _with_token(self, event: Payload, transaction: Transaction) -> Message:
        if (admission := transaction.admission) is not None:
            event["idToken"] = self._token(admission.identifier)
            if transaction.reservation is not None:
                event["reservationId"] = transaction.reservation
            if admission.remote_start_id is not None:
                event["transactionInfo"]["remoteStartId"] = admission.remote_start_id
        return Message("TransactionEvent", lambda: event)

    def _token(self, identifier: Identifier) -> Payload:
        if identifier.kind is IdentifierKind.NONE:
            return {"idToken": "", "type": "NoAuthorization"}
        return {"idToken": self._state.tag(identifier.value), "type": TOKEN_TYPES[identifier.kind]}

    def _meter(self, connector: Connector, context: str) -> list[Payload]:
        samples = [
            {
                "value": round(self._state.energy_wh(connector), 1),
                "context": context,
                "measurand": "Energy.Active.Import.Register",
                "unitOfMeasure": {"unit": "Wh"},
            },
            {
                "value": connector.power_w,
                "context": context,
                "measurand": "Power.Active.Import",
                "unitOfMeasure": {"unit": "W"},
            },
        ]
        return [{"timestamp": self._state.timestamp(), "sampledValue": samples}]

    def _members(self, name: str) -> set[str]:
        return set((self._state.settings.in_force(name) or "").split(","))


def kind_of(token_type: str) -> IdentifierKind:
    """Return the kind of a token from the central system; an unknown type is `CENTRAL`."""
    kinds = {name: kind for kind, name in TOKEN_TYPES.items()}
    return kinds.get(token_type, IdentifierKind.CENTRAL)


def listed_authorisation(info: Payload) -> AuthorisationResult:
    return AuthorisationResult(
        status=str(info["status"]),
        decided_by=DecidedBy.LOCAL_LIST,
        expires_at=parse_instant(info.get("cacheExpiryDateTime")),
        group=(info.get("groupIdToken") or {}).get("idToken"),
    )


def _charging_state(connector: Connector, transaction: Transaction) -> str:
    if connector.charging:
        return "Charging"
    if not connector.plugged_in:
        return "Idle"
    return "SuspendedEVSE" if transaction.suspended else "EVConnected"
