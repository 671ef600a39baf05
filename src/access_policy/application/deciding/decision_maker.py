"""Decide an attempt from memory, without recording it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.deciding.decision_event import Versions, decision_event
from access_policy.application.deciding.denials import denial_at
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.deciding.inputs import InputsFromMemory
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.narrowing import NO_GATES, Gates
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.domain.access.decision import DecisionInputs, Step, explain
from access_policy.domain.access.events import AccessAllowed, AccessDenied, DenialSignal, Stage
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId

DRY_RUN = AttemptId("dry-run")


class Decides(Protocol):
    def decide(
        self,
        attempt: AccessAttempt,
        ref: IdentifierRef | None,
        attempt_id: AttemptId,
        *,
        at: datetime,
        charger: ChargerView,
    ) -> AccessAllowed | AccessDenied:
        """See `DecisionMaker.decide`."""
        ...


class DecisionMaker:
    def __init__(
        self, view: DecisionView, live: RecentActivity, identifiers: IdentifierResolver, gates: Gates = NO_GATES
    ) -> None:
        self._view = view
        self._identifiers = identifiers
        self.inputs = InputsFromMemory(view, live, gates)

    def decide(
        self,
        attempt: AccessAttempt,
        ref: IdentifierRef | None,
        attempt_id: AttemptId,
        *,
        at: datetime,
        charger: ChargerView,
    ) -> AccessAllowed | AccessDenied:
        """Return the decision for `at`, as the event that records it. `charger` has the policy to decide by: the
        current one or, for a start reported late, the one in force when it began."""
        timeline = charger.timeline_at(at)
        inputs = self._inputs(attempt, ref, at, charger)

        def signal_of(reason: Reason) -> DenialSignal | None:
            if attempt.signals is None:
                return None
            vehicle_id = None if inputs.vehicle is None else inputs.vehicle.vehicle_id
            return attempt.signals.signal(denial_at(self._view, charger, reason, at, ref=ref, vehicle_id=vehicle_id))

        return decision_event(
            attempt,
            attempt_id,
            inputs,
            timeline,
            Versions(charger.policy.version, self._view.registry(attempt.tenant_id).version),
            signal_of,
        )

    def preview(self, attempt: AccessAttempt, *, at: datetime) -> tuple[AccessAllowed | AccessDenied, tuple[Step, ...]]:
        """Return the decision for `at` and the rows of the table that led to it, without recording anything.

        Raises `ChargerUnknown` or `ChargerRetired`.
        """
        charger = self._view.charger(attempt.tenant_id, attempt.charger_id)
        charger.policy.must_be_in_service()
        ref = self._identifiers.of_attempt(attempt)
        inputs = self._inputs(attempt, ref, at, charger)
        return self.decide(attempt, ref, DRY_RUN, at=at, charger=charger), explain(inputs)

    def _inputs(
        self, attempt: AccessAttempt, ref: IdentifierRef | None, at: datetime, charger: ChargerView
    ) -> DecisionInputs:
        return self.inputs.gather(
            charger,
            ref,
            at,
            charger.timeline_at(at),
            connector_id=attempt.connector_id,
            actor=attempt.actor,
            is_late=attempt.stage is Stage.OFFLINE_START,
        )
