"""Send a person's call to a charger: check it, record it before it is sent, and record the answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from access_policy.application.charger_reservations.desired import THE_CHARGER, reservation_number
from access_policy.application.context import Context, enveloped
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.charger_calls import (
    CallConflicts,
    CalledChargers,
    CallRefused,
    CheckedCall,
    OperatorCallCommands,
    Reserved,
)
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ChargerNotConnected
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Appends, StoreUnavailable, VersionConflict
from access_policy.application.streams import charger_call_stream
from access_policy.domain.capability_profiles.capabilities import (
    REMOTE_START_TAG,
    ControlWithoutSwitch,
    DeviceVariable,
)
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.charger_calls.events import CallOutcome, ChargerCallEnded, ChargerCallRequested
from access_policy.domain.errors import Conflict
from access_policy.domain.ids import ChargerId, ChargerKey, ReservationId
from access_policy.domain.reservations.entries import key_of_charger

log = logging.getLogger(__name__)

RECORDED_MAX: Final = 4_000  # characters of a payload


class ChargerOffline(Conflict):
    code = "charger-not-connected"


class CallNotAnswered(Exception):
    """The charger did not answer; it may have carried out the call."""


class CallAlreadySent(Conflict):
    code = "call-already-sent"


class CallRefusedByCharger(Conflict):
    code = "charger-refused"


class RoleTooSmall(Exception):
    """Only admins may send the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCharger:
    """`may_send_any`: the caller is an admin, and is not limited to harmless calls."""

    charger_id: ChargerId
    action: str
    payload: Mapping[str, Any]
    may_send_any: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerCalled:
    call_id: str
    protocol: str
    action: str
    answer: Mapping[str, Any]
    answered_at: datetime
    position: int


@dataclass(frozen=True, slots=True)
class CallChargerHandler:
    view: DecisionView
    profiles: CapabilityProfiles
    chargers: CalledChargers
    store: Appends
    clock: Clock

    async def __call__(self, context: Context, command: CallCharger) -> ChargerCalled:
        """Check, record and send the call, and return the charger's answer. Raises `ChargerUnknown`, `ChargerRetired`,
        `ChargerOffline`, `CallInvalid`, `CallConflicts`, `RoleTooSmall`, `CallAlreadySent`, `CallRefusedByCharger`,
        `CallNotAnswered`, or `StoreUnavailable` (the call was not sent)."""
        key: ChargerKey = (context.tenant_id, command.charger_id)
        policy = self.view.charger(*key).policy
        policy.must_be_in_service()
        try:
            commands = self.chargers.commands(key)
        except ChargerNotConnected as offline:
            raise ChargerOffline(
                f"Charger {command.charger_id} is not connected; send the call once it is."
            ) from offline
        checked = await commands.check_call(command.action, command.payload, self._reserved(key, policy))
        if not (checked.is_harmless or command.may_send_any):
            raise RoleTooSmall
        if checked.interrupts and is_being_switched(policy):
            raise CallConflicts(
                f"Charger {command.charger_id} is being switched to {policy.application.requested_mode}; "
                f"send {checked.action} once its mode is applied."
            )
        return await self._sent(context, command.charger_id, commands, checked)

    async def _sent(
        self, context: Context, charger_id: ChargerId, commands: OperatorCallCommands, checked: CheckedCall
    ) -> ChargerCalled:
        call_id = context.created_id("call_charger", charger_id)
        requested = ChargerCallRequested(
            call_id=call_id,
            charger_id=charger_id,
            protocol=commands.protocol,
            action=checked.action,
            payload=recorded_text(checked.shown),
            requested_at=self.clock.now(),
        )
        stream = charger_call_stream(context.tenant_id, call_id)
        try:
            await self.store.append([Append(stream, 0, enveloped(context, (requested,), now=requested.requested_at))])
        except VersionConflict as again:
            raise CallAlreadySent(
                "An earlier request with this Idempotency-Key has sent the call; the audit has its answer."
            ) from again
        try:
            answer = await commands.send_call(checked)
        except ChargerDidNotAnswer as silence:
            await self._ended(context, requested, CallOutcome.NO_ANSWER, str(silence))
            raise CallNotAnswered(str(silence)) from silence
        if isinstance(answer, CallRefused):
            said = f"{answer.code}: {answer.description}".removesuffix(": ")
            await self._ended(context, requested, CallOutcome.REFUSED, said)
            raise CallRefusedByCharger(f"Charger {charger_id} refused {checked.action}: {said[:300]}")
        now, position = await self._ended(context, requested, CallOutcome.ANSWERED, recorded_text(answer))
        return ChargerCalled(
            call_id=call_id,
            protocol=requested.protocol,
            action=checked.action,
            answer=answer,
            answered_at=now,
            position=position,
        )

    async def _ended(
        self, context: Context, requested: ChargerCallRequested, outcome: CallOutcome, answer: str
    ) -> tuple[datetime, int]:
        """Record the end of the call. The charger has answered and the request is on record, so the caller gets the
        answer even if the store fails now."""
        now = self.clock.now()
        ended = ChargerCallEnded(
            call_id=requested.call_id,
            charger_id=requested.charger_id,
            action=requested.action,
            outcome=outcome,
            answer=answer[:RECORDED_MAX],
            ended_at=now,
        )
        stream = charger_call_stream(context.tenant_id, requested.call_id)
        try:
            return now, await self.store.append([Append(stream, 1, enveloped(context, (ended,), now=now))])
        except StoreUnavailable as trouble:
            log.warning("the answer of charger %s to %s is not recorded: %s", ended.charger_id, ended.action, trouble)
            return now, 0

    def _reserved(self, key: ChargerKey, policy: ChargerAccessPolicy) -> Reserved:
        """Return the reserved settings, with the switches of all profiles: a switch that only another profile names
        opens the charger as well."""
        known = self.profiles.all(key[0])
        own = self.profiles.get(key[0], policy.settings.profile)
        return Reserved(
            switches=[each.mode_control for each in known if not isinstance(each.mode_control, ControlWithoutSwitch)],
            freevend_tags={REMOTE_START_TAG, *(each.freevend_tag for each in known if each.freevend_tag is not None)},
            is_watched=own is not None and isinstance(own.mode_control, DeviceVariable),
            reservation_numbers=self._numbers(key, policy),
        )

    def _numbers(self, key: ChargerKey, policy: ChargerAccessPolicy) -> dict[int, ReservationId]:
        """Return the reservations by number, including those that are over: the charger may still have them."""
        here = self.view.book(key[0], policy.settings.depot_id).entries.at_place(key_of_charger(key[1]))
        connectors = range(THE_CHARGER, policy.settings.connectors + 1)
        ids = [each.reservation.reservation_id for each in here]
        return {reservation_number(each, connector): each for each in ids for connector in connectors}


def is_being_switched(policy: ChargerAccessPolicy) -> bool:
    """Return whether a requested mode is neither verified nor failed. A charger whose switch failed, or waits for a
    reboot, may be reset."""
    application = policy.application
    if application.requested_mode is None or application.failure is not None:
        return False
    return application.applied_mode is not application.requested_mode or (
        application.applied_due_at != application.due_at
    )


def recorded_text(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))[:RECORDED_MAX]
