"""OCPP 2.0.1: messages from the charger, turned into questions to the access desk and back.

A TransactionEvent that carries a token is answered with that token's status (E01.FR.11); `NoAuthorization` must be
answered Accepted (C02.FR.02), whatever the mode: in a managed window it is a sign of drift.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from access_policy.adapters.ocpp.driver_texts.catalogue import PERSONAL_MESSAGE_MAX, DriverTexts
from access_policy.adapters.ocpp.incoming.boots import Boots
from access_policy.adapters.ocpp.incoming.component_states import Component, Problem
from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.denial_signals import StatusAndMessage
from access_policy.adapters.ocpp.incoming.dependencies import Answer, Handler, HandlerDependencies
from access_policy.adapters.ocpp.incoming.meter_readings import MeterReadings, meter_readings
from access_policy.adapters.ocpp.incoming.payloads import (
    Payload,
    instant,
    number,
    obj,
    objects,
    required_object,
    required_text,
    text,
)
from access_policy.adapters.ocpp.incoming.tags import NO_AUTHORIZATION, read_token
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.application.charging_sessions.reports import EndReport, EnergyReport, RecordedStart, StartReport
from access_policy.application.deciding.attempts import AccessAttempt, RecordedDecision
from access_policy.domain.access.events import AccessAllowed, DenialSignal
from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.capability_profiles.charger_values import truth, value_text

_LONGEST_CHARGE_S = 30 * 24 * 3600  # more is a mistake of the charger


class Ocpp201:
    """Handlers by action. Each takes the charger, the payload and the message id."""

    def __init__(self, dependencies: HandlerDependencies, *, message_max: int = PERSONAL_MESSAGE_MAX) -> None:
        self._dependencies = dependencies
        self._boots = Boots(dependencies)
        self._signals = StatusAndMessage(dependencies.profiles, DriverTexts.packaged(), message_max)
        self.handlers: dict[str, Handler] = {
            "BootNotification": self.boot,
            "Heartbeat": self.heartbeat,
            "Authorize": self.authorize,
            "TransactionEvent": self.transaction_event,
            "StatusNotification": self.status,
            "MeterValues": acknowledge,
            "NotifyEvent": self.notify_event,
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

    async def authorize(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        token = required_object(payload, "idToken")
        value, token_type = required_text(token, "idToken"), required_text(token, "type")
        if self._dependencies.is_admitted_in_freevend(charger.key, value):
            return {"idTokenInfo": self._accepted_for_now()}
        decided = await self._dependencies.decider.authorize(
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
        return {"idTokenInfo": self._token_info(decided)}

    async def transaction_event(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        """A transaction has a session from the first event on that has a token or energy, of whatever type (E02: cable first),
        also if the events come over several connections or in another order."""
        transaction_id = text(obj(payload, "transactionInfo"), "transactionId")
        if not transaction_id:
            return {}  # nothing that could be recorded; an error would only make the charger send it again
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
        return {"idTokenInfo": self._info_of(started)}

    async def _begun(
        self, charger: ConnectedCharger, payload: Payload, message_id: str, transaction_id: str, token: Payload
    ) -> RecordedStart | None:
        """The session that the event starts. None: the transaction has one, or none yet."""
        is_first = payload.get("eventType") == "Started"
        if not is_first and self._dependencies.recent_activity.session(charger.key, transaction_id) is not None:
            return None
        now = self._dependencies.clock.now()
        started_at = instant(payload, "timestamp", now=now)
        start = replace(
            self._start(charger, payload, message_id, transaction_id, token, started_at),
            reports_begin=is_first and started_at is not now,  # ours where the charger's time cannot be meant
        )
        if token or _charges(payload):
            return await self._dependencies.sessions.start(start)
        return await self._dependencies.sessions.announce(start)

    async def _energy(self, charger: ConnectedCharger, payload: Payload, transaction_id: str) -> None:
        await self._dependencies.energy(
            EnergyReport(
                tenant_id=charger.key[0],
                charger_id=charger.key[1],
                connector_id=_evse_id(payload),
                transaction_id=transaction_id,
                energy_wh=_readings(payload).latest,
                charging=_charges(payload),
                at=self._dependencies.clock.now(),
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
        """A token in a later event (to stop, or presented again): its status, without a new attempt being recorded."""
        token_type = text(token, "type") or NO_AUTHORIZATION
        if token_type == NO_AUTHORIZATION:
            return self._accepted_for_now()
        ask = AccessAttempt(
            tenant_id=charger.key[0],
            charger_id=charger.key[1],
            connector_id=None,
            identifier=read_token(text(token, "idToken") or "", token_type, self._dependencies.profile(charger.key)),
            protocol=charger.protocol,
            message_id=message_id,
            signals=self._signals,
        )
        event, _ = self._dependencies.decisions.preview(ask, at=self._dependencies.clock.now())
        return self._token_info(RecordedDecision(attempt_id=event.lineage.attempt_id, event=event))

    async def _end(
        self, charger: ConnectedCharger, payload: Payload, message_id: str, transaction_id: str, token: Payload
    ) -> RecordedStart | None:
        """The session that the event starts and ends at once: nothing of it was reported before."""
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
        return await self._dependencies.sessions.end_of(start, end, charged=charged)

    async def status(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        connector = Component(_id(payload, "evseId"), _id(payload, "connectorId"), "Connector")
        at = instant(payload, "timestamp", now=self._dependencies.clock.now())
        await self._state(charger, connector, text(payload, "connectorStatus") or "", at)
        return {}

    async def notify_event(self, charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
        """A monitored variable changed (N07): a state or a problem of a component, or the charger's switch, which is read
        then, since the message may be late."""
        profile = self._dependencies.profile(charger.key)
        switch = profile.mode_control if profile is not None else None
        for told in objects(payload, "eventData"):
            names = (text(obj(told, "component"), "name"), text(obj(told, "variable"), "name"))
            if isinstance(switch, DeviceVariable) and _same_names(names, (switch.component, switch.variable)):
                self._dependencies.switch_moved(charger.key, f"{switch.component}.{switch.variable} changed")
            else:
                await self._component_event(charger, told, *((name or "").strip() for name in names))
        return {}

    async def _component_event(
        self, charger: ConnectedCharger, told: Payload, component_name: str, variable: str
    ) -> None:
        evse = obj(obj(told, "component"), "evse")
        component = Component(_id(evse, "id"), _id(evse, "connectorId"), component_name)
        at = instant(told, "timestamp", now=self._dependencies.clock.now())
        match variable.lower():
            case "availabilitystate" if component.has_state:
                await self._state(charger, component, value_text(told.get("actualValue")) or "", at)
            case "problem":
                has_problem = False if truth(told.get("cleared")) is True else truth(told.get("actualValue"))
                if has_problem is None:
                    return  # neither true nor false: nothing is known
                tech_code, tech_info = text(told, "techCode") or None, text(told, "techInfo") or None
                charger.components.problem(component, Problem(tech_code, tech_info) if has_problem else None)
                await self._report_fault(charger, component.evse_id, at)

    async def _state(self, charger: ConnectedCharger, component: Component, state: str, at: datetime) -> None:
        """The state of a connector, an EVSE or the station: in StatusNotification, or in NotifyEvent as 2.1 has it."""
        evse_id = component.evse_id
        charger.components.state(component, state)
        await self._report_fault(charger, evse_id, at)
        if not evse_id:
            return
        if state in ("Occupied", "Available"):
            self._dependencies.plug_seen(charger.key, evse_id, state == "Occupied")
        if charger.frees_evse(evse_id, component.connector_id, state):  # an EVSE without a vehicle has no session
            await self._dependencies.sessions.lost.connector_free(charger.key, evse_id, at)

    async def _report_fault(self, charger: ConnectedCharger, evse_id: int, at: datetime) -> None:
        fault = charger.components.fault_of(evse_id)
        await self._dependencies.conditions.status(
            charger.key,
            connector_id=evse_id,
            error_code=None if fault is None else fault.error_code,
            vendor_error_code=None if fault is None else fault.vendor_error_code,
            info=None if fault is None else fault.info,
            at=at,
        )

    def _info_of(self, started: RecordedStart) -> dict[str, Any]:
        return self._accepted_for_now() if started.decision is None else self._token_info(started.decision)

    def _accepted_for_now(self) -> dict[str, Any]:
        soon = self._dependencies.clock.now() + timedelta(minutes=1)
        return {"status": "Accepted", "cacheExpiryDateTime": rfc3339(soon)}

    def _token_info(self, decided: RecordedDecision) -> dict[str, Any]:
        if isinstance(decided.event, AccessAllowed):
            return {"status": "Accepted", "cacheExpiryDateTime": rfc3339(self._dependencies.valid_until(decided))}
        signal = decided.event.signal or DenialSignal(status="Invalid")
        info: dict[str, Any] = {"status": signal.status}
        if signal.message is not None:
            info["personalMessage"] = {
                "format": "UTF8",
                "language": signal.language or "en",
                "content": signal.message,
            }
        return info


def _evse_id(payload: Payload) -> int | None:
    """The EVSE that a TransactionEvent names; the service's connector."""
    return number(obj(payload, "evse"), "id")


def _id(payload: Payload, name: str) -> int:
    """Of an EVSE or a connector; 0: none is named."""
    return max(0, number(payload, name) or 0)


def _readings(payload: Payload) -> MeterReadings:
    return meter_readings(objects(payload, "meterValue"))


def _same_names(told: tuple[str | None, ...], known: tuple[str, ...]) -> bool:
    """Names of components and variables are compared without case (2.x, identifierString)."""
    return tuple((name or "").lower() for name in told) == tuple(name.lower() for name in known)


def began_at(payload: Payload, ended_at: datetime) -> datetime:
    """When the charge began at the latest, as far as the event of its end tells."""
    charged_s = number(obj(payload, "transactionInfo"), "timeSpentCharging") or 0
    told = [instant(value, "timestamp", now=ended_at) for value in objects(payload, "meterValue")]
    return min([ended_at, ended_at - timedelta(seconds=min(max(0, charged_s), _LONGEST_CHARGE_S)), *told])


def _has_charged(payload: Payload, start_wh: int | None, stop_wh: int | None) -> bool:
    charged_s = number(obj(payload, "transactionInfo"), "timeSpentCharging") or 0
    return charged_s > 0 or _charges(payload) or (start_wh is not None and stop_wh is not None and stop_wh > start_wh)


def _charges(payload: Payload) -> bool:
    return obj(payload, "transactionInfo").get("chargingState") == "Charging"


def acknowledge(charger: ConnectedCharger, payload: Payload, message_id: str) -> Answer:
    """The empty answer to a message that only informs."""
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
    "ReservationStatusUpdate",
    "SecurityEventNotification",
    "ClearedChargingLimit",
)
