"""Why a charger is not as it should be, in words, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from access_policy.application.queries.charger_conditions import ConditionStatus
from access_policy.application.queries.charger_sync import Sync
from access_policy.domain.access_mode import AccessMode
from access_policy.entrypoints.http.console import words
from access_policy.entrypoints.http.v1.charger_models import ChargerStatus, ConditionShown

OPEN: Final = 0  # anyone may charge although only some vehicles should
WRONG: Final = 1  # another mode than expected
ATTENTION: Final = 2  # as expected so far, but the next change cannot be applied


class Act(StrEnum):
    """The next steps that a card offers to visitors of a role that may take them."""

    RESTART = "restart"
    LOG = "log"
    PROBE = "probe"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class ProblemShown:
    """A problem. `since` None: unknown. `severity` orders problems, the smallest number first."""

    charger: ChargerStatus
    severity: int
    what: str
    why: str
    next_step: str
    since: datetime | None
    acts: tuple[Act, ...] = ()


def problem_of(charger: ChargerStatus) -> ProblemShown | None:
    conditions = {each.type: each for each in charger.conditions}
    reachable, stalled = conditions["Reachable"], conditions["Stalled"]
    match charger.sync:
        case Sync.IN_SYNC if not charger.connected:
            return _offline(charger, ATTENTION, "Offline", reachable)
        case Sync.DRIFTED:
            why = f"The charger was seen in another mode after {words.mode_in_words(charger.applied_mode)} had been applied."
            step = (
                "The service is switching it back. If this repeats, someone or something else is changing its settings."
            )
            return _wrong(charger, "Drifted", why, step, conditions["Drifted"].since, Act.PROBE, Act.LOG)
        case Sync.FAILED:
            why = _failure(charger, conditions["Applied"])
            step = "The service retries by itself. If it keeps failing, restart the charger or check its profile."
            since = conditions["Applied"].since
            return _wrong(charger, "Switch failed", why, step, since, Act.RESTART, Act.PROBE)
        case Sync.UNREACHABLE:
            return _offline(charger, _gravity(charger), "Not reachable", reachable)
        case Sync.PENDING if stalled.status is ConditionStatus.TRUE:
            why = stalled.message or "The charger is connected and has not confirmed the switch."
            step = "Restart the charger; the service then switches it again."
            return _wrong(charger, "Stuck", why, step, stalled.since, Act.RESTART, Act.LOG)
        case _:
            return None


def _wrong(charger: ChargerStatus, what: str, why: str, step: str, since: datetime | None, *acts: Act) -> ProblemShown:
    return ProblemShown(charger, _gravity(charger), what, why, step, since, acts)


def _gravity(charger: ChargerStatus) -> int:
    is_open = charger.expected_mode is AccessMode.MANAGED and charger.applied_mode is not AccessMode.MANAGED
    return OPEN if is_open else WRONG


def _offline(charger: ChargerStatus, severity: int, what: str, reachable: ConditionShown) -> ProblemShown:
    act = Act.LOG if charger.protocol else Act.SETTINGS
    step = _next_offline(charger)
    return ProblemShown(charger, severity, what, _why_offline(reachable), step, reachable.since, (act,))


def _why_offline(reachable: ConditionShown) -> str:
    if reachable.reason == "never_connected":
        return "It has never connected to this service."
    return f"It lost its connection: {reachable.message}." if reachable.message else "It lost its connection."


def _next_offline(charger: ChargerStatus) -> str:
    if not charger.protocol:
        return f"Enter the service's address in the charger; its path ends with {charger.charge_point_id}."
    return "Check its power and network. The service switches it as soon as it connects again."


def _failure(charger: ChargerStatus, applied: ConditionShown) -> str:
    reason = (charger.failure.reason if charger.failure else applied.reason).replace("_", " ")
    detail = charger.failure.detail if charger.failure else None
    text = f"The switch to {words.mode_in_words(charger.expected_mode)} failed: {reason}"
    return f"{text} ({detail})." if detail else f"{text}."
