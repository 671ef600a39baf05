"""OCPP 2.0.1: handle the messages of chargers by calling the application."""

from __future__ import annotations

from typing import Final

from access_policy.adapters.ocpp.driver_texts.catalogue import PERSONAL_MESSAGE_MAX, DriverTexts
from access_policy.adapters.ocpp.incoming.boots import Boots
from access_policy.adapters.ocpp.incoming.components_v201 import Components
from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.denial_signals import StatusAndMessage
from access_policy.adapters.ocpp.incoming.dependencies import Handler, HandlerDependencies
from access_policy.adapters.ocpp.incoming.payloads import Payload, number, required_object, required_text, text
from access_policy.adapters.ocpp.incoming.tags import read_token
from access_policy.adapters.ocpp.incoming.token_answers import TokenAnswers
from access_policy.adapters.ocpp.incoming.transactions_v201 import Transactions
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.adapters.ocpp.transport.answers import Answer, Answering, Later
from access_policy.application.deciding.attempts import AccessAttempt, RecordedDecision

STATUS_MAX: Final = 50  # characters kept of a status that the charger reports


class Ocpp201:
    """Handlers by action. Each takes the charger, the payload and the message id."""

    def __init__(self, dependencies: HandlerDependencies, *, message_max: int = PERSONAL_MESSAGE_MAX) -> None:
        self._dependencies = dependencies
        self._boots = Boots(dependencies)
        self._signals = StatusAndMessage(dependencies.profiles, DriverTexts.packaged(), message_max)
        self._answers = TokenAnswers(dependencies)
        transactions = Transactions(dependencies, self._answers, self._signals)
        components = Components(dependencies)
        self.handlers: dict[str, Handler] = {
            "BootNotification": self.boot,
            "Heartbeat": self.heartbeat,
            "Authorize": self.authorize,
            "TransactionEvent": transactions.event,
            "StatusNotification": components.status,
            "MeterValues": transactions.meter_values,
            "NotifyEvent": components.notify_event,
            "ReservationStatusUpdate": self.reservation_status,
            "DataTransfer": _data_transfer,
            **dict.fromkeys(_ONLY_ACKNOWLEDGED, acknowledge),
        }

    async def boot(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        charging_station = required_object(payload, "chargingStation")
        return await self._boots.answer(
            charger,
            vendor=required_text(charging_station, "vendorName")[:100],
            model=required_text(charging_station, "model")[:100],
            firmware=text(charging_station, "firmwareVersion"),
        )

    def heartbeat(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        return {"currentTime": rfc3339(self._dependencies.clock.now())}

    def authorize(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answering:
        token = required_object(payload, "idToken")
        value, token_type = required_text(token, "idToken"), required_text(token, "type")
        if self._dependencies.is_admitted_in_freevend(charger.key, value):
            return {"idTokenInfo": self._answers.accepted_for_now()}
        decision = self._dependencies.decider.authorize_soon(
            AccessAttempt(
                tenant_id=charger.key[0],
                charger_id=charger.key[1],
                connector_id=None,
                identifier=read_token(value, token_type, self._dependencies.profile(charger.key)),
                protocol=charger.protocol,
                message_id=message_id,
                connection=charger.connection_id,
                signals=self._signals,
            )
        )
        return Later(decision, self._of_decision)

    def reservation_status(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        """Note that a reservation on the charger ended without a charge (H04)."""
        reservation_number = number(payload, "reservationId")
        if reservation_number is not None:
            status = required_text(payload, "reservationUpdateStatus")[:STATUS_MAX]
            self._dependencies.reservation_ended(charger.key, reservation_number, status)
        return {}

    def _of_decision(self, decided: RecordedDecision) -> Answer:
        return {"idTokenInfo": self._answers.of_decision(decided)}


def acknowledge(charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
    """Return the empty answer to a message that only informs."""
    return {}


def _data_transfer(charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
    required_text(payload, "vendorId")
    return {"status": "UnknownVendorId"}


_ONLY_ACKNOWLEDGED = (
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "NotifyMonitoringReport",
    "NotifyReport",
    "NotifyDisplayMessages",
    "NotifyCustomerInformation",
    "NotifyChargingLimit",
    "PublishFirmwareStatusNotification",
    "ReportChargingProfiles",
    "SecurityEventNotification",
    "ClearedChargingLimit",
)
