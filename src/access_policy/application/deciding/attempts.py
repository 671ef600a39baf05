"""What chargers and services ask of the decision path, and what they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.application.decision_view.view import ChargerView, DecisionView
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.events import AccessAllowed, AccessDenied, DenialSignal, Stage
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ActorId, AttemptId, ChargerId, TenantId

CHARGER = ActorId("charger")


def denial_at(view: DecisionView, charger: ChargerView, reason: Reason, at: datetime) -> Denial:
    """What may be told of a denial at the charger, in the words and the zone of its depot."""
    settings = charger.policy.settings
    depot = view.depot(charger.tenant_id, settings.depot_id)
    free_from = (each.start for each in charger.timeline_at(at).transitions(at) if each.mode is AccessMode.FREEVEND)
    return Denial(
        tenant_id=charger.tenant_id,
        reason=reason,
        managed_until=next(free_from, None),
        agreement_ended=reason is Reason.AGREEMENT_ENDED,
        language=depot.settings.language if depot is not None else "en",
        zone=charger.zone,
        profile=settings.profile,
    )


class DenialSignals(Protocol):
    """How one protocol shows a denial at the charger."""

    def signal(self, denial: Denial) -> DenialSignal: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessAttempt:
    """May this identifier charge here? `identifier` None: none was presented, or it was malformed for its kind.

    `message_id` is the protocol's, and unique only within `connection` (OCPP-J 4.1.4): the same id with the same identifier
    on the same connection is the same attempt delivered again. On another connection it is another attempt.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReport:
    """A charge began. `anonymous`: it carries no vehicle's identifier (`NoAuthorization`, the freevend tag).

    `transaction_ids` are the ids to try in order: one where the charger gives it, several where we do (OCPP 1.6).
    `offline`: it began while the charger could not ask; it is judged by the policy of `started_at`.
    `reports_begin`: the message says when the transaction began, by the charger's clock (2.x `Started`).
    """

    tenant_id: TenantId
    charger_id: ChargerId
    connector_id: int | None
    identifier: Identifier | None
    anonymous: bool
    transaction_ids: tuple[str, ...]
    started_at: datetime
    meter_start_wh: int | None
    offline: bool
    protocol: str
    message_id: str
    signals: DenialSignals | None
    reports_begin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReport:
    """A charge ended. `id_is_ours`: the service gives the transaction ids (OCPP 1.6), so that an unknown one is a mistake of
    the charger, and `identifier` may say which session is meant. `meter_start_wh` is the reading at the start as the report
    of the end has it; it counts where the start had none."""

    tenant_id: TenantId
    charger_id: ChargerId
    transaction_id: str
    ended_at: datetime
    meter_stop_wh: int | None
    reason: str
    identifier: Identifier | None = None
    id_is_ours: bool = False
    meter_start_wh: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReport:
    """A charge draws energy, or may: `energy_wh` is the meter's reading, `charging` what the charger says it does.
    `transaction_id` None: not told, the one on the connector is meant."""

    tenant_id: TenantId
    charger_id: ChargerId
    connector_id: int | None
    transaction_id: str | None
    energy_wh: int | None
    charging: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The recorded decision. `redelivered`: the attempt had been decided before and is answered the same. `position` is
    where the log had it first at the latest; 0: long ago."""

    attempt_id: AttemptId
    event: AccessAllowed | AccessDenied
    redelivered: bool = False
    position: int = 0

    @property
    def allowed(self) -> bool:
        return isinstance(self.event, AccessAllowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """`decided` is None for an anonymous start: nobody had to ask."""

    attempt_id: AttemptId
    transaction_id: str
    decided: Decided | None
    redelivered: bool = False
