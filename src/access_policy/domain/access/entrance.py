"""The decision at an entrance: the decision table for each charger behind it, and the best of their answers.

An attempt is admitted if at least one charger behind the entrance would admit it. The answer is the best answer of these
chargers:

1. Allowed before denied. A reservation says most about the party that enters, then its vehicle, an operator's permission, and
   an open charger. A charger that only observes, or whose energy gate only advises, comes last.
2. Of denials, the one of the latest row of the table: it came closest to being allowed.
3. Of equal answers, that of the first charger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access_policy.domain.access.decision import (
    PERMISSION_HORIZON,
    RULES,
    DecisionInputs,
    as_advised,
    inputs_at,
    permission_holds_until,
    reason_for,
)
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.mode_schedule.timeline import Timeline

ALLOWING_ORDER: Final = (
    Reason.RESERVATION,
    Reason.OWN_VEHICLE,
    Reason.AGREEMENT_VEHICLE,
    Reason.AD_HOC,
    Reason.FREEVEND,
)
_OBSERVED: Final = len(ALLOWING_ORDER)
_DENIED: Final = _OBSERVED + 1


@dataclass(slots=True, eq=False)
class Behind:
    """A charger behind the entrance: the inputs of its decision and its timeline, which covers their `at`."""

    inputs: DecisionInputs
    timeline: Timeline

    def then(self, at: datetime) -> DecisionInputs:
        return inputs_at(at, self.inputs, self.timeline)


def best_of(behind: Iterable[Behind]) -> Behind:
    """Return the charger whose answer the entrance gives. Raises `ValueError` without a charger."""
    return min(behind, key=lambda each: rank_of(each.inputs))


def rank_of(inputs: DecisionInputs) -> tuple[int, int]:
    """Return the rank of the answer; the smallest rank is the best answer."""
    judged = as_advised(inputs)
    is_observed = inputs.enforcement is Enforcement.OBSERVE or judged is not inputs
    for row, rule in enumerate(RULES):
        reason = rule(judged)
        if reason in ALLOWING:
            return ALLOWING_ORDER.index(reason), 0
        if reason is not None:
            return _OBSERVED if is_observed else _DENIED, -row
    raise AssertionError("the last row of the table always answers")


def entry_holds_until(behind: Sequence[Behind], chosen: Behind) -> datetime:
    """Return the first instant at which no charger behind the entrance would admit the same attempt, at most
    `PERMISSION_HORIZON` ahead. `chosen` is a charger that admits it now.
    """
    at = chosen.inputs.at
    horizon = min(at + PERMISSION_HORIZON, *(each.timeline.end for each in behind))
    until = permission_holds_until(chosen.inputs, chosen.timeline)
    while until < horizon:
        another = next((each for each in behind if _admits(each.then(until))), None)
        if another is None:
            return until
        until = permission_holds_until(another.then(until), another.timeline)
    return horizon


def _admits(inputs: DecisionInputs) -> bool:
    return inputs.enforcement is Enforcement.OBSERVE or reason_for(inputs) in ALLOWING
