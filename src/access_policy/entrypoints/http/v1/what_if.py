"""`/v1/what-if`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.what_if.replay import Difference, Example, Outcome
from access_policy.entrypoints.http.answers import answer, instant
from access_policy.entrypoints.http.auth import Caller, Services
from access_policy.entrypoints.http.what_if_body import WhatIfBody

router = APIRouter(tags=["what-if"])


@router.post("/what-if", operation_id="ask_what_if")
async def ask_what_if(caller: Caller, services: Services, body: WhatIfBody) -> Response:
    """Replays recorded attempts by today's rules and by the proposed ones, and counts what would be decided differently.
    Nothing is recorded."""
    found = await services.what_if(caller.tenant_id, body.question())
    return answer(
        {
            "attempts": found.attempts,
            "complete": found.complete,
            "different": found.different,
            "newly_denied": found.count_where(lambda each: each.before.allowed and not each.after.allowed),
            "newly_allowed": found.count_where(lambda each: each.after.allowed and not each.before.allowed),
            "counts": [{**_difference(difference), "count": count} for difference, count in found.counts.most_common()],
            "examples": [_example(example) for example in found.examples],
            "notes": [
                {
                    "code": note.code,
                    "pointer": note.pointer,
                    "charger_ids": note.charger_ids,
                    "message": note.message,
                }
                for note in found.notes
            ],
        }
    )


def _difference(difference: Difference) -> dict[str, Any]:
    return {"before": _outcome(difference.before), "after": _outcome(difference.after)}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "decision": "allowed" if outcome.allowed else "denied",
        "reason": outcome.reason,
        "would_deny": outcome.would_deny,
    }


def _example(example: Example) -> dict[str, Any]:
    row = example.attempt
    return {
        "attempt_id": row["attempt_id"],
        "occurred_at": instant(row["occurred_at"]),
        "charger_id": row["charger_id"],
        "vehicle_id": row["vehicle_id"],
        "identifier": None
        if row["identifier_kind"] is None
        else {"kind": row["identifier_kind"], "masked": row["identifier_masked"]},
        "recorded": {"decision": row["decision"], "reason": row["reason"], "would_deny": row["would_deny"]},
        **_difference(example.difference),
    }
