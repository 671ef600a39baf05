"""End a recorded session that the charger does not end, and send the charger a stop request if it is connected to this
process."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from access_policy.application.charging_sessions.session_ends import SessionEnds
from access_policy.application.charging_sessions.transactions import attempt_history, is_over, start_in
from access_policy.application.context import Context
from access_policy.application.decision_view.sessions import Session
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ConnectedChargers, SessionCommands
from access_policy.application.ports.event_store import Streams
from access_policy.domain.access.events import ChargingStarted, SessionEndedByOperator
from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.ids import AttemptId, ChargerKey, TenantId

log = logging.getLogger(__name__)

REASON_MAX = 500


class SessionUnknown(Unknown):
    code = "session-not-found"


class SessionOver(Conflict):
    code = "session-over"


class EndReasonInvalid(Invalid):
    code = "end-reason-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession:
    attempt_id: AttemptId
    reason: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """`position` is the log position of the record. `stop_answer` is the charger's answer; None if the charger is not
    connected to this process."""

    attempt_id: AttemptId
    charger_id: str
    stop_answer: str | None
    position: int


@dataclass(frozen=True, slots=True)
class EndSessionHandler:
    ends: SessionEnds
    store: Streams
    chargers: ConnectedChargers[SessionCommands]

    async def charger_of(self, tenant_id: TenantId, attempt_id: AttemptId) -> ChargerKey:
        """Return the charger of the attempt's session. Raises `SessionUnknown`."""
        return tenant_id, (await self._start(tenant_id, attempt_id))[0].charger_id

    async def __call__(self, context: Context, command: EndSession) -> SessionEnded:
        """End the session. Raises `SessionUnknown`, `SessionOver`, `EndReasonInvalid`, `StoreUnavailable`."""
        reason = command.reason.strip()
        if not 1 <= len(reason) <= REASON_MAX:
            raise EndReasonInvalid(f"Give a reason of 1 to {REASON_MAX} characters.", pointer="/reason")
        start, session = await self._start(context.tenant_id, command.attempt_id)
        key = (context.tenant_id, start.charger_id)
        position = None if session is None else await self.ends.by_operator(context, key, session, reason=reason)
        if position is None:
            self.ends.note_over(key, start.transaction_id)
            if await self._may_charge_still(context.tenant_id, command.attempt_id):
                await self._ask_to_stop(key, start.transaction_id)  # an earlier run may have failed before this
            raise SessionOver(f"The session of attempt {command.attempt_id} is already over.")
        answer = await self._ask_to_stop(key, start.transaction_id)
        return SessionEnded(command.attempt_id, start.charger_id, answer, position)

    async def _start(self, tenant_id: TenantId, attempt_id: AttemptId) -> tuple[ChargingStarted, Session | None]:
        history = await attempt_history(self.store, tenant_id, attempt_id)
        start = start_in(history)
        if start is None:
            raise SessionUnknown(f"Attempt {attempt_id[:64]} has no session.")
        over = is_over(history, also_assumed=True)
        return start, None if over else Session.begun_by(start, version=len(history))

    async def _may_charge_still(self, tenant_id: TenantId, attempt_id: AttemptId) -> bool:
        """Return True if an operator ended the session and the charger has not reported its end."""
        history = await attempt_history(self.store, tenant_id, attempt_id)
        by_operator = any(isinstance(recorded.event, SessionEndedByOperator) for recorded in history)
        return by_operator and not is_over(history, also_assumed=False)

    async def _ask_to_stop(self, key: ChargerKey, transaction_id: str) -> str | None:
        if self.chargers.serving_epoch(key) is None:
            return None
        try:
            answer = await self.chargers.commands(key).stop_session(transaction_id)
        except ChargerDidNotAnswer as silence:
            answer = str(silence)
        log.info("charger %s was asked to stop %s, which an operator ended: %s", key[1], transaction_id, answer)
        return answer
