"""The statuses of the plan in words and signs, and the order in which arrivals are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from access_policy.application.plan.status import PlanStatus
from access_policy.entrypoints.http.v1.reservation_models import Reservation

_WORDS: Final = {
    PlanStatus.PLANNED: "planned",
    PlanStatus.AT_RISK: "at risk",
    PlanStatus.DUE: "due, not here yet",
    PlanStatus.CHARGING: "charging",
    PlanStatus.READY: "ready",
    PlanStatus.SHORT: "short",
    PlanStatus.DONE: "done",
    PlanStatus.MISSED: "missed",
    PlanStatus.REPLACED: "replaced",
    PlanStatus.CANCELLED: "cancelled",
}
SIGNS: Final = {
    PlanStatus.PLANNED: "",
    PlanStatus.AT_RISK: "!",
    PlanStatus.DUE: "…",
    PlanStatus.CHARGING: "▶",
    PlanStatus.READY: "✓",
    PlanStatus.SHORT: "▼",
    PlanStatus.DONE: "✓",
    PlanStatus.MISSED: "×",
    PlanStatus.REPLACED: "",
    PlanStatus.CANCELLED: "",
}
_SOURCES: Final = {
    "ocpi": "partner (OCPI)",
    "event": "partner (event)",
    "dispatch": "dispatch plan",
    "manual": "made by hand",
}
_STEPS: Final = {
    "made": "Made",
    "changed": "Changed",
    "cancelled": "Cancelled",
    "fulfilled": "The holder’s charge started",
    "no_show": "Lost: the holder did not arrive in time",
    "ended": "Ended",
    "conflict": "Conflict",
}


@dataclass(frozen=True, slots=True)
class Arrivals:
    """A part of a day's arrivals. `key` is the part of the page's address."""

    key: str
    title: str
    rows: list[Reservation]


_PARTS: Final = (
    ("missing", "Missing", (PlanStatus.DUE, PlanStatus.MISSED)),
    ("expected", "Expected", (PlanStatus.AT_RISK, PlanStatus.PLANNED)),
    ("charging", "Charging", (PlanStatus.CHARGING,)),
    ("here", "Here, charged", (PlanStatus.READY, PlanStatus.SHORT, PlanStatus.DONE)),
    ("gone", "Cancelled or replaced", (PlanStatus.CANCELLED, PlanStatus.REPLACED)),
)


def arrivals_of(rows: Iterable[Reservation]) -> list[Arrivals]:
    """Return all parts, including empty ones; each is ordered by start."""
    every = list(rows)
    return [Arrivals(key, title, [each for each in every if each.status in of]) for key, title, of in _PARTS]


def status_in_words(status: PlanStatus) -> str:
    return _WORDS[status]


def source_in_words(source: str) -> str:
    return _SOURCES.get(source, source)


def step_in_words(kind: str) -> str:
    return _STEPS.get(kind, kind)
