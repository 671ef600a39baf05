"""An attempt at an entrance, and the recorded decision that answers it."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.ports.denial_signals import DenialSignals
from access_policy.domain.access.events import Stage
from access_policy.domain.access.refusals import AtEntrance
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ActorId, AttemptId, ChargerId, EntranceId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class EntranceAttempt:
    """A request to enter with `identifier`. None: no identifier was presented, or a malformed one. `signals` produce
    the message that the driver sees at the entrance."""

    tenant_id: TenantId
    entrance_id: EntranceId
    identifier: Identifier | None
    protocol: str
    message_id: str
    signals: DenialSignals
    actor: ActorId

    def at_charger(self, charger_id: ChargerId) -> AccessAttempt:
        """Return the same attempt at a charger behind the entrance."""
        return AccessAttempt(
            tenant_id=self.tenant_id,
            charger_id=charger_id,
            connector_id=None,
            identifier=self.identifier,
            protocol=self.protocol,
            message_id=self.message_id,
            signals=self.signals,
            stage=Stage.REQUEST,
            actor=self.actor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEntry:
    """`redelivered` and `position`: see `RecordedDecision`."""

    attempt_id: AttemptId
    event: AtEntrance
    redelivered: bool = False
    position: int = 0
