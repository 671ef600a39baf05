"""OCPP 1.6J: handle the messages of chargers by calling the application.

Transaction messages are always acknowledged, whatever they contain, because after an error the charger would resend them for
ever (1.6, 4.8; errata 3.18). Before the boot is accepted, every other CALL is answered with SecurityError (OCPP-J 1.6 errata
3.10).
"""

from __future__ import annotations

from datetime import timedelta

from access_policy.adapters.ocpp.incoming.boots import Boots
from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.denial_signals import StatusOnly
from access_policy.adapters.ocpp.incoming.dependencies import Handler, HandlerDependencies
from access_policy.adapters.ocpp.incoming.energy_reports import energy_report
from access_policy.adapters.ocpp.incoming.meter_readings import meter_readings, register_wh
from access_policy.adapters.ocpp.incoming.payloads import (
    Payload,
    error_code,
    instant,
    number,
    objects,
    required_text,
    text,
)
from access_policy.adapters.ocpp.incoming.tags import read_tag
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.adapters.ocpp.transport.answers import Answer, Answering, Later
from access_policy.application.charging_sessions.reports import EndReport, StartReport
from access_policy.application.deciding.attempt_ids import numeric_transaction_id
from access_policy.application.deciding.attempts import AccessAttempt, RecordedDecision
from access_policy.domain.access.events import AccessAllowed, AccessDenied

PROTOCOL = "ocpp1.6"
TRANSACTION_ID_TRIES = 4

_SIGNALS = StatusOnly()


class Ocpp16:
    """Handlers by action. Each takes the charger, the payload and the message id."""

    def __init__(self, dependencies: HandlerDependencies) -> None:
        self._dependencies = dependencies
        self._boots = Boots(dependencies)
        self.handlers: dict[str, Handler] = {
            "BootNotification": self.boot,
            "Heartbeat": self.heartbeat,
            "Authorize": self.authorize,
            "StartTransaction": self.start_transaction,
            "StopTransaction": self.stop_transaction,
            "StatusNotification": self.status,
            "MeterValues": self.meter_values,
            "DataTransfer": _data_transfer,
            "DiagnosticsStatusNotification": _acknowledge,
            "FirmwareStatusNotification": _acknowledge,
            "SecurityEventNotification": _acknowledge,
            "LogStatusNotification": _acknowledge,
            "SignedFirmwareStatusNotification": _acknowledge,
        }

    async def boot(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        return await self._boots.answer(
            charger,
            vendor=required_text(payload, "chargePointVendor")[:100],
            model=required_text(payload, "chargePointModel")[:100],
            firmware=text(payload, "firmwareVersion"),
        )

    def heartbeat(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        return {"currentTime": rfc3339(self._dependencies.clock.now())}

    def authorize(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answering:
        tag = required_text(payload, "idTag")
        profile = self._dependencies.profile(charger.key)
        if profile is not None and profile.is_freevend_tag(tag) and self._dependencies.expects_freevend(charger.key):
            return {"idTagInfo": self._accepted_for_now()}
        decision = self._dependencies.decider.authorize_soon(
            AccessAttempt(
                tenant_id=charger.key[0],
                charger_id=charger.key[1],
                connector_id=None,  # Authorize of 1.6 does not name one
                identifier=read_tag(tag, profile),
                protocol=PROTOCOL,
                message_id=message_id,
                connection=charger.connection_id,
                signals=_SIGNALS,
            )
        )
        return Later(decision, self._of_decision)

    async def start_transaction(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        now = self._dependencies.clock.now()
        tag = text(payload, "idTag") or ""
        started_at = instant(payload, "timestamp", now=now)
        connector_id, meter_start_wh = number(payload, "connectorId"), register_wh(payload, "meterStart")
        identity = (*charger.key, str(connector_id), tag, rfc3339(started_at), str(meter_start_wh))
        started = await self._dependencies.sessions.start(
            StartReport(
                tenant_id=charger.key[0],
                charger_id=charger.key[1],
                connector_id=connector_id,
                identifier=read_tag(tag, self._dependencies.profile(charger.key)),
                anonymous=self._dependencies.is_freevend_tag(charger.key, tag),
                transaction_ids=tuple(str(numeric_transaction_id(n, *identity)) for n in range(TRANSACTION_ID_TRIES)),
                started_at=started_at,
                meter_start_wh=meter_start_wh,
                offline=charger.was_away_at(started_at),
                protocol=PROTOCOL,
                message_id=message_id,
                signals=_SIGNALS,
            )
        )
        info = self._accepted_for_now() if started.decision is None else self._tag_info(started.decision)
        return {"transactionId": int(started.transaction_id), "idTagInfo": info}

    async def stop_transaction(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        transaction_id = number(payload, "transactionId")
        tag = text(payload, "idTag")
        readings = meter_readings(objects(payload, "transactionData"))
        meter_stop_wh = register_wh(payload, "meterStop")
        await self._dependencies.sessions.end(
            EndReport(
                tenant_id=charger.key[0],
                charger_id=charger.key[1],
                transaction_id=str(transaction_id),
                ended_at=instant(payload, "timestamp", now=self._dependencies.clock.now()),
                meter_start_wh=readings.begin,
                meter_stop_wh=readings.end if meter_stop_wh is None else meter_stop_wh,
                reason=text(payload, "reason") or "Local",
                identifier=read_tag(tag, self._dependencies.profile(charger.key)) if tag else None,
                id_is_ours=True,
            )
        )
        return {}

    async def meter_values(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        transaction_id = number(payload, "transactionId")
        await self._dependencies.energy(
            energy_report(
                charger,
                payload,
                connector_id=number(payload, "connectorId"),
                transaction_id=None if transaction_id is None else str(transaction_id),
                now=self._dependencies.clock.now(),
            )
        )
        return {}

    async def status(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        is_faulted = payload.get("status") == "Faulted"
        await self._dependencies.conditions.status(
            charger.key,
            connector_id=max(0, number(payload, "connectorId") or 0),
            error_code=error_code(payload) or ("Faulted" if is_faulted else None),
            vendor_error_code=text(payload, "vendorErrorCode") or None,
            info=text(payload, "info") or None,
            at=instant(payload, "timestamp", now=self._dependencies.clock.now()),
        )
        self._note_plug(charger, payload)
        connector_id = number(payload, "connectorId")
        if connector_id and payload.get("status") == "Available":
            at = instant(payload, "timestamp", now=self._dependencies.clock.now())
            await self._dependencies.sessions.lost.connector_free(charger.key, connector_id, at)
        if payload.get("status") == "Charging":
            now = self._dependencies.clock.now()
            report = energy_report(charger, payload, connector_id=connector_id, charging=True, now=now)
            await self._dependencies.energy(report)
        return {}

    def _note_plug(self, charger: ConnectedCharger, payload: Payload) -> None:
        """Note whether a vehicle is plugged in. Preparing: a vehicle is waiting (or a card was shown); Available: there is no
        vehicle (1.6, 4.9).
        """
        connector_id = number(payload, "connectorId")
        if connector_id and payload.get("status") in ("Preparing", "Available"):
            self._dependencies.plug_seen(charger.key, connector_id, payload["status"] == "Preparing")

    def _accepted_for_now(self) -> dict[str, str]:
        return {"status": "Accepted", "expiryDate": rfc3339(self._dependencies.clock.now() + timedelta(minutes=1))}

    def _of_decision(self, decided: RecordedDecision) -> Answer:
        return {"idTagInfo": self._tag_info(decided)}

    def _tag_info(self, decided: RecordedDecision) -> dict[str, str]:
        match decided.event:
            case AccessAllowed():
                return {"status": "Accepted", "expiryDate": rfc3339(self._dependencies.valid_until(decided))}
            case AccessDenied(signal=signal):
                return {"status": signal.status if signal is not None else "Invalid"}


def _acknowledge(charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
    return {}


def _data_transfer(charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
    required_text(payload, "vendorId")
    return {"status": "UnknownVendorId"}
