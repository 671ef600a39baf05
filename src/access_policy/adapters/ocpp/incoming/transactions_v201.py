"""TransactionEvent of OCPP 2.x: the starts, energy and ends of charges.

A TransactionEvent that carries a token is answered with that token's status (E01.FR.11). `NoAuthorization` must be answered
with Accepted (C02.FR.02) in every mode. In a managed window it is evidence of drift.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.denial_signals import StatusAndMessage
from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.incoming.energy_reports import energy_report
from access_policy.adapters.ocpp.incoming.meter_readings import MeterReadings, meter_readings
from access_policy.adapters.ocpp.incoming.payloads import Payload, instant, number, obj, objects, text
from access_policy.adapters.ocpp.incoming.tags import NO_AUTHORIZATION, read_token
from access_policy.adapters.ocpp.incoming.token_answers import TokenAnswers
from access_policy.adapters.ocpp.transport.answers import Answer
from access_policy.application.charging_sessions.reports import EndReport, RecordedStart, StartReport
from access_policy.application.deciding.attempts import AccessAttempt, RecordedDecision
from access_policy.domain.capability_profiles.charger_values import truth

_LONGEST_CHARGE_S = 30 * 24 * 3600  # a longer one is the charger's mistake


class Transactions:
    def __init__(self, dependencies: HandlerDependencies, answers: TokenAnswers, signals: StatusAndMessage) -> None:
        self._dependencies = dependencies
        self._answers = answers
        self._signals = signals

    async def event(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        """Handle a TransactionEvent. The first event with a token or energy, of any type (E02: cable first), starts the
        transaction's session, even if the events come over several connections or in another order.
        """
        transaction_id = text(obj(payload, "transactionInfo"), "transactionId")
        if not transaction_id:
            return {}  # an error would only make the charger send it again
        token, evse_id = obj(payload, "idToken"), _evse_id(payload)
        if evse_id:
            await self._dependencies.sessions.locate(charger.key, transaction_id, evse_id)
        if payload.get("eventType") == "Ended":
            started = await self._end(charger, payload, message_id, transaction_id, token)
        else:
            started = await self._begun(charger, payload, message_id, transaction_id, token)
            await self._energy(charger, payload, transaction_id)
        if not token:
            return {}
        if started is None:
            return {"idTokenInfo": await self._token_of_running(charger, token, message_id)}
        return {"idTokenInfo": self._answers.of_start(started)}

    async def meter_values(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        """Handle readings outside a transaction (J01), of a connector or, with id 0, of the whole charger."""
        now = self._dependencies.clock.now()
        report = energy_report(charger, payload, connector_id=number(payload, "evseId"), now=now)
        await self._dependencies.energy(report)
        return {}

    async def _begun(
        self, charger: ConnectedCharger, payload: Payload, message_id: str, transaction_id: str, token: Payload
    ) -> RecordedStart | None:
        """Return the session that the event starts; None if the transaction already has a session, or does not have one yet."""
        is_first = payload.get("eventType") == "Started"
        if not is_first and self._dependencies.recent_activity.session(charger.key, transaction_id) is not None:
            return None
        now = self._dependencies.clock.now()
        started_at = instant(payload, "timestamp", now=now)
        start = replace(
            self._start(charger, payload, message_id, transaction_id, token, started_at),
            reports_begin=is_first and started_at is not now,  # the service's where the charger's time is impossible
        )
        if token or _charges(payload):
            return await self._dependencies.sessions.start(start)
        return await self._dependencies.announced_transactions.announce(start)

    async def _energy(self, charger: ConnectedCharger, payload: Payload, transaction_id: str) -> None:
        await self._dependencies.energy(
            energy_report(
                charger,
                payload,
                connector_id=_evse_id(payload),
                transaction_id=transaction_id,
                charging=_charges(payload),
                now=self._dependencies.clock.now(),
            )
        )

    def _start(
        self,
        charger: ConnectedCharger,
        payload: Payload,
        message_id: str,
        transaction_id: str,
        token: Payload,
        started_at: datetime,
    ) -> StartReport:
        token_type = text(token, "type") or NO_AUTHORIZATION
        value = text(token, "idToken") or ""
        anonymous = token_type == NO_AUTHORIZATION or self._dependencies.is_freevend_tag(charger.key, value)
        return StartReport(
            tenant_id=charger.key[0],
            charger_id=charger.key[1],
            connector_id=_evse_id(payload),
            identifier=None if anonymous else read_token(value, token_type, self._dependencies.profile(charger.key)),
            anonymous=anonymous,
            transaction_ids=(transaction_id,),
            started_at=started_at,
            meter_start_wh=_readings(payload).earliest,
            offline=truth(payload.get("offline")) is True or charger.was_away_at(started_at),
            protocol=charger.protocol,
            message_id=message_id,
            signals=self._signals,
        )

    async def _token_of_running(self, charger: ConnectedCharger, token: Payload, message_id: str) -> dict[str, Any]:
        """Return the status of a token in a later event (to stop, or presented again), without recording a new attempt."""
        token_type = text(token, "type") or NO_AUTHORIZATION
        if token_type == NO_AUTHORIZATION:
            return self._answers.accepted_for_now()
        attempt = AccessAttempt(
            tenant_id=charger.key[0],
            charger_id=charger.key[1],
            connector_id=None,
            identifier=read_token(text(token, "idToken") or "", token_type, self._dependencies.profile(charger.key)),
            protocol=charger.protocol,
            message_id=message_id,
            signals=self._signals,
        )
        event, _ = self._dependencies.decisions.preview(attempt, at=self._dependencies.clock.now())
        return self._answers.of_decision(RecordedDecision(attempt_id=event.lineage.attempt_id, event=event))

    async def _end(
        self, charger: ConnectedCharger, payload: Payload, message_id: str, transaction_id: str, token: Payload
    ) -> RecordedStart | None:
        """End the session. Return the session that this event both starts and ends, if the transaction was not reported
        before.
        """
        ended_at = instant(payload, "timestamp", now=self._dependencies.clock.now())
        readings = _readings(payload)
        end = EndReport(
            tenant_id=charger.key[0],
            charger_id=charger.key[1],
            transaction_id=transaction_id,
            ended_at=ended_at,
            meter_start_wh=readings.begin,
            meter_stop_wh=readings.end,
            reason=text(obj(payload, "transactionInfo"), "stoppedReason") or "Local",
        )
        start = replace(
            self._start(charger, payload, message_id, transaction_id, token, began_at(payload, ended_at)),
            meter_start_wh=readings.begin,
        )
        charged = bool(token) or _has_charged(payload, readings.begin, readings.end)
        return await self._dependencies.announced_transactions.end_of(start, end, charged=charged)


def _evse_id(payload: Payload) -> int | None:
    """Return the EVSE that a TransactionEvent names, which is the service's connector."""
    return number(obj(payload, "evse"), "id")


def _readings(payload: Payload) -> MeterReadings:
    return meter_readings(objects(payload, "meterValue"))


def began_at(payload: Payload, ended_at: datetime) -> datetime:
    """Return the latest possible begin of the charge, according to the event of its end."""
    charged_s = number(obj(payload, "transactionInfo"), "timeSpentCharging") or 0
    read_at = [instant(value, "timestamp", now=ended_at) for value in objects(payload, "meterValue")]
    return min([ended_at, ended_at - timedelta(seconds=min(max(0, charged_s), _LONGEST_CHARGE_S)), *read_at])


def _has_charged(payload: Payload, start_wh: int | None, stop_wh: int | None) -> bool:
    charged_s = number(obj(payload, "transactionInfo"), "timeSpentCharging") or 0
    return charged_s > 0 or _charges(payload) or (start_wh is not None and stop_wh is not None and stop_wh > start_wh)


def _charges(payload: Payload) -> bool:
    return obj(payload, "transactionInfo").get("chargingState") == "Charging"
