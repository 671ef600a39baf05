"""Whether an attempt was decided before."""

from __future__ import annotations

from datetime import datetime, timedelta

from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access.refusals import is_wrong_pin, row_of
from access_policy.domain.errors import Conflict
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId

REDELIVERED_WITHIN = timedelta(minutes=10)  # a message id that is used again later belongs to a new attempt


class AttemptIdTaken(Conflict):
    """The caller chose the id of another attempt, which is unchanged."""

    code = "attempt-id-taken"


def is_redelivery(earlier: AccessAllowed | AccessDenied, again: AccessAllowed | AccessDenied, now: datetime) -> bool:
    """Return whether the message is a redelivery: it was delivered recently, and nothing that has changed since would
    decide it differently, except for the lock-out that the attempt itself began as the last of too many wrong PINs.

    A charger that uses a message id twice within a connection must not receive a permission that was revoked.
    """
    recent = now - earlier.lineage.decided_for <= REDELIVERED_WITHIN
    locked_by_itself = is_wrong_pin(earlier) and row_of(again) is Reason.PIN_LOCKED_OUT
    return recent and type(earlier) is type(again) and (row_of(earlier) is row_of(again) or locked_by_itself)


def must_be_the_same_attempt(
    earlier: AccessAllowed | AccessDenied, attempt: AccessAttempt, ref: IdentifierRef | None
) -> None:
    """Refuse another identifier: it must neither get nor be remembered under a decision on this one. Raises
    `AttemptIdTaken`."""
    if (earlier.lineage.charger_id, earlier.lineage.identifier) != (attempt.charger_id, ref):
        raise attempt_id_taken(earlier.lineage.attempt_id)


def attempt_id_taken(attempt_id: AttemptId) -> AttemptIdTaken:
    return AttemptIdTaken(
        f"attempt_id {attempt_id} belongs to another attempt; choose a new one for each attempt, or leave it out.",
        pointer="/attempt_id",
    )
