"""The explanation of each decision of an attempt: the rows of the table in order, as sentences (`explanation_texts`)."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.queries.explanation_texts import Wording, text_of
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.decision import Step
from access_policy.domain.access.events import DecisionLineage
from access_policy.domain.access.refusals import Decided
from access_policy.domain.access.trace import trace
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import AttemptId, TenantId


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    step: Step
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDecision:
    """`policy` is the policy that decided. `*_changed_since`: the current version differs."""

    recorded: Recorded
    steps: tuple[ExplainedStep, ...]
    policy: ChargerAccessPolicy | None
    policy_changed_since: bool
    vehicle_changed_since: bool
    agreement_changed_since: bool

    @property
    def event(self) -> Decided:
        decided: Decided = self.recorded.event
        return decided


@dataclass(frozen=True, slots=True)
class ExplainedAttempts:
    store: EventStore
    policies: ChargerAccessPolicies
    view: DecisionView

    async def decisions(
        self, tenant_id: TenantId, attempt_id: AttemptId, wording: Wording | None = None
    ) -> list[ExplainedDecision]:
        """Return the decisions in order; empty for an attempt that needed none. Without a `wording` the sentences
        contain ids and versions. Raises `StoreUnavailable`."""
        history = await self.store.load(attempt_stream(tenant_id, attempt_id))
        decided = [recorded for recorded in history if isinstance(recorded.event, Decided)]
        return [await self._explained(tenant_id, recorded, wording) for recorded in decided]

    async def _explained(self, tenant_id: TenantId, recorded: Recorded, wording: Wording | None) -> ExplainedDecision:
        lineage: DecisionLineage = recorded.event.lineage
        policy = await self.policies.at_version(tenant_id, lineage.charger_id, lineage.policy_version)
        today = self.view.known_policy(tenant_id, lineage.charger_id)
        registry = self.view.registry(tenant_id)
        vehicle = None if lineage.vehicle_id is None else registry.vehicles.get(lineage.vehicle_id)
        gone = lineage.vehicle_id is not None and vehicle is None
        agreed_at = 0 if lineage.agreement_id is None else registry.agreement_changed_at.get(lineage.agreement_id, 0)
        return ExplainedDecision(
            recorded=recorded,
            steps=tuple(ExplainedStep(step, text_of(step, lineage, wording)) for step in trace(recorded.event)),
            policy=policy,
            policy_changed_since=today is not None and today.changed_at > lineage.policy_version,
            vehicle_changed_since=gone or (vehicle is not None and vehicle.changed_at > lineage.registry_version),
            agreement_changed_since=agreed_at > lineage.registry_version,
        )
