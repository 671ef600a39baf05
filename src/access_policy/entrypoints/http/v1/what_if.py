"""`/v1/what-if`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Request

from access_policy.application.what_if import replay
from access_policy.domain.access.reasons import Reason
from access_policy.entrypoints.http.auth import OPERATORS, Caller, requires
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.depot_scope import chargers_within
from access_policy.entrypoints.http.fields import ResponseModel, UtcInstant
from access_policy.entrypoints.http.responses import NOT_FOUND
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.access_event_models import IdentifierMasked
from access_policy.entrypoints.http.v1.what_if_proposals import WhatIfBody

router = api_router(tags=["what-if"])


class Outcome(ResponseModel):
    decision: Literal["allowed", "denied"]
    reason: Reason
    would_deny: Reason | None

    @classmethod
    def of(cls, outcome: replay.ReplayedDecision) -> Outcome:
        return cls(
            decision="allowed" if outcome.allowed else "denied", reason=outcome.reason, would_deny=outcome.would_deny
        )


class OutcomesCounted(ResponseModel):
    before: Outcome
    after: Outcome
    count: int


class DifferentAttempt(ResponseModel):
    attempt_id: str
    occurred_at: UtcInstant
    charger_id: str
    vehicle_id: str | None
    identifier: IdentifierMasked | None
    recorded: Outcome
    before: Outcome
    after: Outcome

    @classmethod
    def of(cls, example: replay.Example) -> DifferentAttempt:
        row = example.attempt
        return cls(
            attempt_id=row["attempt_id"],
            occurred_at=row["occurred_at"],
            charger_id=row["charger_id"],
            vehicle_id=row["vehicle_id"],
            identifier=IdentifierMasked.of(row),
            recorded=Outcome(decision=row["decision"], reason=row["reason"], would_deny=row["would_deny"]),
            before=Outcome.of(example.difference.before),
            after=Outcome.of(example.difference.after),
        )


class WhatIfNote(ResponseModel):
    """A limit of the replay: something that recorded attempts cannot show. `pointer` is into the request (RFC 6901)."""

    code: str
    pointer: str
    charger_ids: list[str]
    message: str


class WhatIf(ResponseModel):
    attempts: int
    complete: bool
    different: int
    newly_denied: int
    newly_allowed: int
    counts: list[OutcomesCounted]
    examples: list[DifferentAttempt]
    notes: list[WhatIfNote]


@router.post(
    "/what-if", operation_id="ask_what_if", dependencies=requires(OPERATORS, some_depots=True), responses=NOT_FOUND
)
async def ask_what_if(
    request: Request,
    caller: Caller,
    what_if: Annotated[replay.WhatIf, provided(lambda c: c.queries.what_if)],
    body: WhatIfBody,
) -> WhatIf:
    """Replay recorded attempts under the present rules and under the proposed ones, and count the decisions that
    differ. Nothing is recorded."""
    question = body.question()
    if question.charger_ids is None:
        question = replace(question, charger_ids=await chargers_within(request, caller))
    found = await what_if(caller.tenant_id, question)
    return WhatIf(
        attempts=found.attempts,
        complete=found.complete,
        different=found.different,
        newly_denied=found.newly_denied,
        newly_allowed=found.newly_allowed,
        counts=[
            OutcomesCounted(before=Outcome.of(each.before), after=Outcome.of(each.after), count=count)
            for each, count in found.counts.most_common()
        ],
        examples=[DifferentAttempt.of(example) for example in found.examples],
        notes=[
            WhatIfNote(code=note.code, pointer=note.pointer, charger_ids=list(note.charger_ids), message=note.message)
            for note in found.notes
        ],
    )
