"""The explanation of each decision of an attempt: the rows of the table in order, as sentences for operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import attempt_stream
from access_policy.domain.access import decision as rows
from access_policy.domain.access.decision import Rule, Step
from access_policy.domain.access.events import AccessAllowed, AccessDenied, DecisionLineage
from access_policy.domain.access.trace import trace
from access_policy.domain.access_mode import Cause, CauseKind
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import AttemptId, TenantId


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    step: Step
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDecision:
    """`policy` is the policy that decided. `*_changed_since`: the current version reads differently."""

    recorded: Recorded
    steps: tuple[ExplainedStep, ...]
    policy: ChargerAccessPolicy | None
    policy_changed_since: bool
    vehicle_changed_since: bool
    agreement_changed_since: bool

    @property
    def event(self) -> AccessAllowed | AccessDenied:
        decided: AccessAllowed | AccessDenied = self.recorded.event
        return decided


@dataclass(frozen=True, slots=True)
class ExplainedAttempts:
    store: EventStore
    policies: ChargerAccessPolicies
    view: DecisionView

    async def decisions(self, tenant_id: TenantId, attempt_id: AttemptId) -> list[ExplainedDecision]:
        """The decisions in order; empty for an attempt that needed none. Raises `StoreUnavailable`."""
        history = await self.store.load(attempt_stream(tenant_id, attempt_id))
        decided = [recorded for recorded in history if isinstance(recorded.event, AccessAllowed | AccessDenied)]
        return [await self._explained(tenant_id, recorded) for recorded in decided]

    async def _explained(self, tenant_id: TenantId, recorded: Recorded) -> ExplainedDecision:
        lineage: DecisionLineage = recorded.event.lineage
        policy = await self.policies.at_version(tenant_id, lineage.charger_id, lineage.policy_version)
        today = self.view.known_policy(tenant_id, lineage.charger_id)
        registry = self.view.registry(tenant_id)
        vehicle = None if lineage.vehicle_id is None else registry.vehicles.get(lineage.vehicle_id)
        gone = lineage.vehicle_id is not None and vehicle is None
        agreed_at = 0 if lineage.agreement_id is None else registry.agreement_changed_at.get(lineage.agreement_id, 0)
        return ExplainedDecision(
            recorded=recorded,
            steps=tuple(ExplainedStep(step, text_of(step, lineage)) for step in trace(recorded.event)),
            policy=policy,
            policy_changed_since=today is not None and today.changed_at > lineage.policy_version,
            vehicle_changed_since=gone or (vehicle is not None and vehicle.changed_at > lineage.registry_version),
            agreement_changed_since=agreed_at > lineage.registry_version,
        )


def text_of(step: Step, lineage: DecisionLineage) -> str:
    """The finding of one row, as a sentence."""
    passed, decided = _TEXTS[step.rule]
    return (decided if step.decided else passed)(lineage)


def _because(cause: Cause) -> str:
    if cause.kind is CauseKind.BASELINE:
        return "its baseline mode"
    return f"{cause.kind.value} {cause.name!r} ({cause.id})"


def _identifier(lineage: DecisionLineage) -> str:
    ref = lineage.identifier
    return "no identifier" if ref is None else f"an identifier of kind {ref.kind.value} ({ref.masked})"


def _permitted(lineage: DecisionLineage) -> str:
    given = lineage.ad_hoc
    if given is None:
        return "An operator had allowed it for a limited time."
    until = given.until.astimezone(UTC)
    return f"Allowed until {until:%Y-%m-%d %H:%M} UTC by {given.given_by} because: {given.reason}"


def _always(text: str) -> Callable[[DecisionLineage], str]:
    return lambda _: text


_Text = Callable[[DecisionLineage], str]

_TEXTS_OF_ROWS: dict[Rule, tuple[_Text, _Text]] = {  # where the row passed the attempt on, and where it decided
    rows.freevend_admits_anyone: (
        lambda of: (
            f"The charger was under managed access by {_because(of.cause)} (policy version {of.policy_version})."
        ),
        lambda of: (
            f"The charger was in freevend by {_because(of.cause)} (policy version {of.policy_version}): "
            "anyone may charge."
        ),
    ),
    rows.identifier_must_be_readable: (
        lambda of: f"The charger sent {_identifier(of)}.",
        _always("The charger sent no identifier, or one that is malformed for its kind."),
    ),
    rows.pin_must_not_be_locked_out: (
        _always("PINs were not locked out here, or the identifier was not a PIN."),
        _always("PINs were locked out after too many wrong PINs."),
    ),
    rows.identifier_must_be_known: (
        lambda of: (
            f"It belonged to vehicle {of.vehicle_id} (registry version {of.registry_version})."
            if of.vehicle_id is not None
            else f"No vehicle had it, but an operator had allowed it (registry version {of.registry_version})."
        ),
        lambda of: (
            f"No vehicle had it (registry version {of.registry_version})."
            if of.vehicle_id is None
            else f"It belonged to vehicle {of.vehicle_id}, but identifiers of its kind are not accepted for this depot or "
            "agreement."
        ),
    ),
    rows.vehicle_must_not_be_suspended: (
        _always("The vehicle was not suspended."),
        _always("The vehicle was suspended."),
    ),
    rows.identifier_must_not_charge_at_another: (
        _always("It had no charge under way at another charger, or its kind allows several."),
        _always("The same identifier had a charge under way at another charger."),
    ),
    rows.ad_hoc_permission_admits: (
        _always("No ad-hoc permission held for it here."),
        lambda of: _permitted(of),
    ),
    rows.own_vehicle_charges_while_valid: (
        _always("It was not a vehicle of the own fleet."),
        lambda of: f"Vehicle {of.vehicle_id} is of the own fleet; its validity period decides.",
    ),
    rows.agreement_vehicle_must_be_valid: (
        _always("The vehicle was in its validity period."),
        _always("The vehicle was outside its validity period."),
    ),
    rows.agreement_must_have_started: (
        lambda of: f"Agreement {of.agreement_id} had started.",
        lambda of: f"Agreement {of.agreement_id} had not started.",
    ),
    rows.agreement_must_not_have_ended: (
        lambda of: f"Agreement {of.agreement_id} had not ended.",
        lambda of: f"Agreement {of.agreement_id} had ended.",
    ),
    rows.agreement_must_cover_this_charger: (
        lambda of: f"Agreement {of.agreement_id} covers charger {of.charger_id}.",
        lambda of: f"Agreement {of.agreement_id} does not cover charger {of.charger_id}.",
    ),
    rows.agreement_must_cover_this_hour: (
        lambda of: f"Agreement {of.agreement_id} covers this hour.",
        lambda of: f"Agreement {of.agreement_id} does not cover this hour.",
    ),
    rows.agreement_vehicle_charges: (
        _always("No row decided."),
        lambda of: f"Vehicle {of.vehicle_id} may charge under agreement {of.agreement_id}.",
    ),
}
_TEXTS = {rule.__name__: texts for rule, texts in _TEXTS_OF_ROWS.items()}
