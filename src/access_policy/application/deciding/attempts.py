"""An attempt to charge, and the recorded decision that answers it."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.ports.denial_signals import DenialSignals
from access_policy.domain.access.events import AccessAllowed, AccessDenied, Stage
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ActorId, AttemptId, ChargerId, TenantId
from access_policy.domain.values import cheap_dataclass

CHARGER = ActorId("charger")


@dataclass(slots=True, kw_only=True)  # not frozen: one is created for every attempt, and freezing triples the cost
class AccessAttempt:
    """A request to charge with `identifier` at a charger. None: no identifier was presented, or a malformed one.

    `message_id` is the protocol's, and unique only within `connection` (OCPP-J 4.1.4). The same id with the same
    identifier on the same connection is a redelivery of the attempt; on another connection it is another attempt.
    """

    tenant_id: TenantId
    charger_id: ChargerId
    connector_id: int | None
    identifier: Identifier | None
    protocol: str
    message_id: str
    signals: DenialSignals | None
    connection: str = ""
    stage: Stage = Stage.AUTHORIZE
    actor: ActorId = CHARGER


@cheap_dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDecision:
    """`redelivered`: the attempt had been decided before and gets the same answer. `position` is an upper bound of the
    decision's log position; 0 for a decision recorded by an earlier delivery."""

    attempt_id: AttemptId
    event: AccessAllowed | AccessDenied
    redelivered: bool = False
    position: int = 0

    @property
    def allowed(self) -> bool:
        return isinstance(self.event, AccessAllowed)
