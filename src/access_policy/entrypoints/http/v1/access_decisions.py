"""`/v1/access-decisions`: decide an attempt over HTTP, or preview the decision."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends
from fastapi.responses import Response
from pydantic import Field, StringConstraints

from access_policy.application.context import Context, new_id
from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.entrance_attempts import EntranceAttempt
from access_policy.application.deciding.entrance_decider import EntranceDecider
from access_policy.application.deciding.entrance_decisions import EntranceDecisions
from access_policy.application.ports.denial_signals import DenialSignals
from access_policy.application.ports.identity import Role
from access_policy.application.queries.explanation_texts import text_of
from access_policy.domain.access.decision import Step
from access_policy.domain.access.events import AccessDenied, EntranceAllowed, EntranceDenied, Stage
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access.refusals import Decided
from access_policy.domain.access.trace import trace
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Invalid
from access_policy.domain.identifiers import identifier
from access_policy.domain.ids import AttemptId, ChargerId, EntranceId
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.entrypoints.http.auth import OPERATORS, SERVICES, requires
from access_policy.entrypoints.http.calls import Call, CommandCall
from access_policy.entrypoints.http.dependencies import Clock, DecisionView, Process, provided
from access_policy.entrypoints.http.fields import IdentifierBody, Instant, RequestModel, ResponseModel, Text, UtcInstant
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import NOT_FOUND
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.gate_models import GateShown
from access_policy.entrypoints.http.v1.plan_models import CauseShown

router = api_router(tags=["access"])

PROTOCOL = "http"


class OnlyDryRun(Invalid):
    code = "only-with-dry-run"


class NoSuchConnector(Invalid):
    code = "no-such-connector"


class ChargerOrEntrance(Invalid):
    code = "charger-or-entrance"


class DecisionBody(RequestModel):
    """Give exactly one of `charger_id` and `entrance_id`. `connector_id` is allowed only with a charger."""

    charger_id: Text | None = None
    entrance_id: Text | None = None
    connector_id: Annotated[int, Field(strict=True, ge=0, le=100)] | None = None
    identifier: IdentifierBody
    at: Instant | None = None
    dry_run: bool = False
    attempt_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = None


class ExplainedRow(ResponseModel):
    rule: str
    decided: bool
    reason: Reason | None
    text: str


class DriverText(ResponseModel):
    language: str
    text: str


class Decision(ResponseModel):
    """A decision. `attempt_id` is null in a dry run. `entrance_id`, `deciding_charger_id` (the charger behind the
    entrance whose policy gave the answer) and `driver_text` (of a denial, in the depot's language) are null for an
    attempt at a charger.
    """

    decision: Literal["allowed", "denied"]
    reason: Reason
    access_class: AccessClass
    vehicle_id: str | None
    agreement_id: str | None
    reservation_id: str | None
    expected_mode: AccessMode
    cause: CauseShown
    would_deny: Reason | None
    valid_until: UtcInstant | None
    decided_for: UtcInstant
    attempt_id: str | None
    gate: GateShown | None
    entrance_id: str | None
    deciding_charger_id: str | None
    driver_text: DriverText | None
    explanation: list[ExplainedRow]


@dataclass(frozen=True, slots=True)
class EntranceAccess:
    """Decisions at entrances. The process that has the connection of the first charger behind an entrance counts wrong
    PINs there."""

    process: Process
    clock: Clock
    decider: Annotated[EntranceDecider, provided(lambda c: c.deciding.entrance_decider)]
    decisions: Annotated[EntranceDecisions, provided(lambda c: c.deciding.entrance_decisions)]
    signals: Annotated[DenialSignals, provided(lambda c: c.deciding.entrance_signals)]

    async def decide(self, body: DecisionBody, call: Call, *, at: datetime) -> Decision | Response:
        assert body.entrance_id is not None  # checked before
        attempt = EntranceAttempt(
            tenant_id=call.caller.tenant_id,
            entrance_id=EntranceId(body.entrance_id),
            identifier=identifier(body.identifier.kind, body.identifier.value),
            protocol=PROTOCOL,
            message_id=call.context.correlation_id,
            signals=self.signals,
            actor=call.caller.subject,
        )
        if body.dry_run:
            await self.decisions.prepare(attempt, at=at)
            event, steps = self.decisions.preview(attempt, at=at)
            return _decision(event, steps, attempt_id=None)
        attempt_id = _attempt_id(body, call.context, f"entrance/{body.entrance_id}")
        named = {**body.model_dump(mode="json", exclude_none=True), "attempt_id": attempt_id}
        key = (attempt.tenant_id, self.decisions.first_behind(attempt).policy.charger_id)
        if (passed_on := await self.process.peers.decision(call.request, key, json.dumps(named).encode())) is not None:
            return passed_on
        decided = await self.decider.decide(attempt, attempt_id)
        await call.settled(decided.position)
        return _decision(decided.event, trace(decided.event), attempt_id=decided.attempt_id)


@router.post(
    "/access-decisions",
    operation_id="decide_access",
    dependencies=requires(SERVICES | OPERATORS, some_depots=True),
    responses=NOT_FOUND,
    response_model=Decision,
)
async def decide_access(
    body: DecisionBody,
    call: CommandCall,
    process: Process,
    view: DecisionView,
    clock: Clock,
    decider: Annotated[AttemptDecider, provided(lambda c: c.deciding.decider)],
    decisions: Annotated[DecisionMaker, provided(lambda c: c.deciding.decisions)],
    entrances: Annotated[EntranceAccess, Depends()],
) -> Decision | Response:
    """Decide at a charger (`charger_id`) or at an entrance of a depot (`entrance_id`). The decision is recorded unless
    `dry_run` is set. `at` decides for another instant and is allowed only in a dry run. Operators may call this only
    with `dry_run`."""
    if not body.dry_run and call.caller.role is Role.OPERATOR:
        raise ApiProblem(HTTPStatus.FORBIDDEN, "role-too-small", "An operator may only decide with dry_run.")
    if not body.dry_run and body.at is not None:
        raise OnlyDryRun("A recorded decision is made now; leave out 'at', or set dry_run.", pointer="/at")
    charger_id = _charger_of(body)
    if charger_id is None:
        return await entrances.decide(body, call, at=body.at or clock.now())
    attempt = AccessAttempt(
        tenant_id=call.caller.tenant_id,
        charger_id=charger_id,
        connector_id=body.connector_id,
        identifier=identifier(body.identifier.kind, body.identifier.value),
        protocol=PROTOCOL,
        message_id=call.context.correlation_id,
        signals=None,
        stage=Stage.REQUEST,
        actor=call.caller.subject,
    )
    _check_connector(view.charger(attempt.tenant_id, attempt.charger_id).policy, body.connector_id)
    if body.dry_run:
        event, steps = decisions.preview(attempt, at=body.at or clock.now())
        return _decision(event, steps, attempt_id=None)
    attempt_id = _attempt_id(body, call.context, charger_id)
    named = {**body.model_dump(mode="json", exclude_none=True), "attempt_id": attempt_id}
    key = (attempt.tenant_id, attempt.charger_id)
    if (passed_on := await process.peers.decision(call.request, key, json.dumps(named).encode())) is not None:
        return passed_on
    decided = await decider.authorize(attempt, attempt_id=attempt_id)
    await call.settled(decided.position)
    return _decision(decided.event, trace(decided.event), attempt_id=decided.attempt_id)


def _charger_of(body: DecisionBody) -> ChargerId | None:
    """Return the charger, or None for an attempt at an entrance. Raises `ChargerOrEntrance`."""
    if (body.charger_id is None) == (body.entrance_id is None):
        raise ChargerOrEntrance("Give either charger_id or entrance_id.", pointer="/charger_id")
    if body.entrance_id is not None and body.connector_id is not None:
        raise ChargerOrEntrance("An entrance has no connector; leave connector_id out.", pointer="/connector_id")
    return None if body.charger_id is None else ChargerId(body.charger_id)


def _attempt_id(body: DecisionBody, context: Context, place: str) -> AttemptId:
    """Return the caller's own id; or, with an Idempotency-Key, the id of the first run; else a new id. The request id
    does not identify an attempt, because a caller may send the same one with several requests."""
    if body.attempt_id is not None:
        return AttemptId(body.attempt_id)
    return AttemptId(new_id() if context.command_seed is None else context.created_id("attempt", place))


def _check_connector(charger: ChargerAccessPolicy, connector_id: int | None) -> None:
    connectors = charger.settings.connectors
    if connector_id is not None and connector_id > connectors:
        raise NoSuchConnector(
            f"Charger {charger.charger_id} has {connectors} connector(s), none of them with the number {connector_id}; "
            "correct connector_id or leave it out.",
            pointer="/connector_id",
        )


def _decision(event: Decided, steps: tuple[Step, ...], *, attempt_id: str | None) -> Decision:
    lineage = event.lineage
    entrance_id = event.entrance_id if isinstance(event, EntranceAllowed | EntranceDenied) else None
    return Decision(
        **outcome_of(event),
        access_class=lineage.access_class,
        vehicle_id=lineage.vehicle_id,
        agreement_id=lineage.agreement_id,
        reservation_id=lineage.reservation_id,
        expected_mode=lineage.expected_mode,
        cause=CauseShown.of(lineage.cause),
        decided_for=lineage.decided_for,
        attempt_id=attempt_id,
        gate=GateShown.of(lineage),
        entrance_id=entrance_id,
        deciding_charger_id=None if entrance_id is None else lineage.charger_id,
        driver_text=_driver_text(event) if isinstance(event, EntranceDenied) else None,
        explanation=[
            ExplainedRow(rule=step.rule, decided=step.decided, reason=step.reason, text=text_of(step, lineage))
            for step in steps
        ],
    )


def _driver_text(event: EntranceDenied) -> DriverText | None:
    signal = event.signal
    if signal is None or signal.message is None or signal.language is None:
        return None
    return DriverText(language=signal.language, text=signal.message)


def outcome_of(event: Decided) -> dict[str, Any]:
    """Return the fields that distinguish an allowed decision from a denied one."""
    if isinstance(event, AccessDenied | EntranceDenied):
        return {"decision": "denied", "reason": event.reason, "would_deny": None, "valid_until": None}
    return {
        "decision": "allowed",
        "reason": event.reason,
        "would_deny": event.would_deny,
        "valid_until": event.valid_until,
    }
