"""`/v1/access-decisions`, `/v1/access-events` and `/v1/faults`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from access_policy.application.context import Context, new_id
from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.ports.identity import Role
from access_policy.application.ports.views import AttemptFilter, Row
from access_policy.application.queries.explained_attempt import ExplainedDecision, text_of
from access_policy.domain.access.decision import Step
from access_policy.domain.access.events import AccessAllowed, AccessDenied, Stage
from access_policy.domain.access.trace import trace
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Invalid
from access_policy.domain.identifiers import identifier
from access_policy.domain.ids import AttemptId, ChargerId
from access_policy.entrypoints.http.answers import Cursor, Limit, answer, instant, not_found, page
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import DecisionBody, End, Instant
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.v1.planned import cause, cause_as_it_was

router = APIRouter(tags=["access"])

PROTOCOL = "http"


class OnlyDryRun(Invalid):
    code = "only-with-dry-run"


class NoSuchConnector(Invalid):
    code = "no-such-connector"


@router.post("/access-decisions", operation_id="decide_access")
async def decide_access(request: Request, caller: Caller, services: Services, body: DecisionBody) -> Response:
    """Recorded unless `dry_run`; `at` looks at another instant, in a dry run only."""
    if not body.dry_run and caller.role is Role.OPERATOR:
        raise ApiProblem(HTTPStatus.FORBIDDEN, "role-too-small", "An operator may ask with dry_run only.")
    if not body.dry_run and body.at is not None:
        raise OnlyDryRun("'at' goes with dry_run only: a recorded decision is made now.", pointer="/at")
    presented = identifier(body.identifier.kind, body.identifier.value)
    ask = AccessAttempt(
        tenant_id=caller.tenant_id,
        charger_id=ChargerId(body.charger_id),
        connector_id=body.connector_id,
        identifier=presented,
        protocol=PROTOCOL,
        message_id=request.state.request_id,
        signals=None,
        stage=Stage.REQUEST,
        actor=caller.subject,
    )
    _must_have(services.decision_view.charger(caller.tenant_id, ask.charger_id).policy, body.connector_id)
    if body.dry_run:
        event, steps = services.decisions.preview(ask, at=body.at or services.clock.now())
        return answer(_decision(event, steps, attempt_id=None))
    decided = await services.decider.authorize(ask, attempt_id=_attempt_id(body, context_of(request, caller)))
    await services.settled(decided.position)
    return answer(_decision(decided.event, trace(decided.event), attempt_id=decided.attempt_id))


def _attempt_id(body: DecisionBody, context: Context) -> AttemptId:
    """The caller's own; or, under an Idempotency-Key, that of the first run; else a new one. A caller may send the same
    request id with several requests: it identifies no attempt."""
    if body.attempt_id is not None:
        return AttemptId(body.attempt_id)
    return AttemptId(new_id() if context.command_seed is None else context.created_id("attempt", body.charger_id))


def _must_have(charger: ChargerAccessPolicy, connector_id: int | None) -> None:
    connectors = charger.settings.connectors
    if connector_id is not None and connector_id > connectors:
        raise NoSuchConnector(
            f"Charger {charger.charger_id} has {connectors} connector(s), and none with the number {connector_id}.",
            pointer="/connector_id",
        )


def _decision(
    event: AccessAllowed | AccessDenied, steps: tuple[Step, ...], *, attempt_id: str | None
) -> dict[str, Any]:
    lineage = event.lineage
    allowed = isinstance(event, AccessAllowed)
    return {
        "decision": "allowed" if allowed else "denied",
        "reason": event.reason,
        "access_class": lineage.access_class,
        "vehicle_id": lineage.vehicle_id,
        "agreement_id": lineage.agreement_id,
        "expected_mode": lineage.expected_mode,
        "cause": cause(lineage.cause),
        "would_deny": event.would_deny if isinstance(event, AccessAllowed) else None,
        "valid_until": instant(event.valid_until) if isinstance(event, AccessAllowed) else None,
        "decided_for": instant(lineage.decided_for),
        "attempt_id": attempt_id,
        "explanation": [
            {"rule": step.rule, "decided": step.decided, "reason": step.reason, "text": text_of(step, lineage)}
            for step in steps
        ],
    }


@router.get("/access-events", operation_id="list_access_events")
async def list_access_events(
    caller: Caller,
    services: Services,
    decision: Annotated[Literal["allowed", "denied", "none"] | None, Query()] = None,
    reason: Annotated[str | None, Query(max_length=64)] = None,
    would_deny: Annotated[str | None, Query(max_length=64, description="The reason under observe")] = None,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    wanted = AttemptFilter(
        decision=decision,
        reason=reason,
        would_deny=would_deny,
        charger_id=charger_id,
        depot_id=depot_id,
        since=from_,
        until=until,
    )
    return page(await services.views.attempts(caller.tenant_id, wanted, cursor=cursor, limit=limit), _attempt)


@router.get("/access-events/{attempt_id}", operation_id="get_access_event")
async def get_access_event(caller: Caller, services: Services, attempt_id: str) -> Response:
    row = await services.views.attempt(caller.tenant_id, AttemptId(attempt_id))
    if row is None:
        raise not_found("attempt")
    lineage = {
        name: row[name]
        for name in (
            "stage",
            "protocol",
            "message_id",
            "enforcement",
            "policy_version",
            "registry_version",
            "transaction_id",
            "session_decision",
            "session_end_reason",
        )
    }
    decisions = [
        _explained(each)
        for each in await services.explained_attempts.decisions(caller.tenant_id, AttemptId(attempt_id))
    ]
    return answer(
        {
            **_attempt(row),
            "valid_until": instant(row["valid_until"]),
            "lineage": lineage,
            "decisions": decisions,
            "explanation": decisions[-1]["explanation"] if decisions else [],
        }
    )


def _explained(decision: ExplainedDecision) -> dict[str, Any]:
    event, lineage = decision.event, decision.event.lineage
    allowed = isinstance(event, AccessAllowed)
    return {
        "decision": "allowed" if allowed else "denied",
        "reason": event.reason,
        "would_deny": event.would_deny if isinstance(event, AccessAllowed) else None,
        "valid_until": instant(event.valid_until) if isinstance(event, AccessAllowed) else None,
        "denial_signal": None if isinstance(event, AccessAllowed) else event.signal,
        "stage": lineage.stage,
        "protocol": lineage.protocol,
        "message_id": lineage.message_id,
        "decided_for": instant(lineage.decided_for),
        "recorded_at": instant(decision.recorded.envelope.recorded_at),
        "actor": decision.recorded.envelope.actor,
        "expected_mode": lineage.expected_mode,
        "cause": cause(lineage.cause),
        "cause_as_it_was": cause_as_it_was(lineage.cause, decision.policy),
        "enforcement": lineage.enforcement,
        "access_class": lineage.access_class,
        "vehicle_id": lineage.vehicle_id,
        "agreement_id": lineage.agreement_id,
        "policy_version": lineage.policy_version,
        "registry_version": lineage.registry_version,
        "changed_since": {
            "policy": decision.policy_changed_since,
            "vehicle": decision.vehicle_changed_since,
            "agreement": decision.agreement_changed_since,
        },
        "explanation": [
            {"rule": each.step.rule, "decided": each.step.decided, "reason": each.step.reason, "text": each.text}
            for each in decision.steps
        ],
    }


def _attempt(row: Row) -> dict[str, Any]:
    return {
        "attempt_id": row["attempt_id"],
        "occurred_at": instant(row["occurred_at"]),
        "depot_id": row["depot_id"],
        "charger_id": row["charger_id"],
        "connector_id": row["connector_id"],
        "decision": row["decision"],
        "reason": row["reason"],
        "access_class": row["access_class"],
        "vehicle_id": row["vehicle_id"],
        "agreement_id": row["agreement_id"],
        "identifier": None
        if row["identifier_kind"] is None
        else {"kind": row["identifier_kind"], "masked": row["identifier_masked"]},
        "expected_mode": row["expected_mode"],
        "cause": None
        if row["cause_kind"] is None
        else {"kind": row["cause_kind"], "id": row["cause_id"], "name": row["cause_name"]},
        "would_deny": row["would_deny"],
        "offline": bool(row["offline"]),
        "denial_signal": None
        if row["signal_status"] is None
        else {"status": row["signal_status"], "message": row["signal_message"]},
        "display": None
        if row["display_status"] is None
        else {
            "status": row["display_status"],
            "message": row["display_message"],
            "language": row["display_language"],
            "until": instant(row["display_until"]),
        },
        "error_shown": row["error_shown"],
        "denial_not_honoured": bool(row["denial_not_honoured"]),
        "stop_requested": None
        if row["stop_requested_at"] is None
        else {"at": instant(row["stop_requested_at"]), "cause": row["stop_cause"]},
        "session": None
        if row["session_started_at"] is None
        else {
            "started_at": instant(row["session_started_at"]),
            "ended_at": instant(row["session_ended_at"]),
            "energy_wh": row["session_energy_wh"],
        },
    }


@router.get("/faults", operation_id="list_faults")
async def list_faults(
    caller: Caller,
    services: Services,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    found = await services.views.faults(
        caller.tenant_id, charger_id=charger_id, since=from_, until=until, cursor=cursor, limit=limit
    )
    return page(found, _fault)


@router.get("/pin-lockouts", operation_id="list_pin_lockouts")
async def list_pin_lockouts(
    caller: Caller,
    services: Services,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Where too many wrong PINs were typed; `source` is `charger`, or the service that asked for them over HTTP."""
    found = await services.views.pin_lockouts(
        caller.tenant_id, charger_id=charger_id, since=from_, until=until, cursor=cursor, limit=limit
    )
    return page(found, _pin_lockout)


def _pin_lockout(row: Row) -> dict[str, Any]:
    return {
        "locked_at": instant(row["locked_at"]),
        "locked_until": instant(row["locked_until"]),
        "charger_id": row["charger_id"],
        "depot_id": row["depot_id"],
        "source": row["source"],
        "attempt_id": row["attempt_id"],
    }


def _fault(row: Row) -> dict[str, Any]:
    return {
        "occurred_at": instant(row["occurred_at"]),
        "charger_id": row["charger_id"],
        "connector_id": row["connector_id"],
        "error_code": row["error_code"],
        "vendor_error_code": row["vendor_error_code"],
        "info": row["info"],
        "cleared_at": instant(row["cleared_at"]),
    }
