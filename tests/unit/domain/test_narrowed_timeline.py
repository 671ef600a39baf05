"""The timeline with narrowed windows: they make freevend managed, and change nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from access_policy.domain.access_mode import AccessMode, CauseKind
from access_policy.domain.ids import EnvelopeId, OverrideId
from access_policy.domain.mode_schedule.timeline import (
    ModePlan,
    NarrowedWindow,
    Override,
    next_transition,
    timeline,
)
from access_policy.domain.site_energy.gate import GateLevel
from tests.support.builders import ANNA, FREEVEND, HOUR, MANAGED, NIGHTS, NOON, berlin, rule
from tests.support.energy import ENVELOPE, a_window

OPEN_DEPOT = ModePlan(time_zone="Europe/Berlin", baseline=FREEVEND)
OWN_ONLY = GateLevel.OWN_ONLY


def told(plan: ModePlan, *windows: NarrowedWindow) -> list[tuple[float, float, AccessMode, CauseKind]]:
    """Hours from noon."""
    segments = timeline(replace(plan, narrowed=windows), NOON, NOON + 24 * HOUR).segments
    return [((s.start - NOON) / HOUR, (s.end - NOON) / HOUR, s.mode, s.cause.kind) for s in segments]


def window(begins: float, ends: float, level: GateLevel = OWN_ONLY) -> NarrowedWindow:
    return a_window(NOON + begins * HOUR, NOON + ends * HOUR, level)


def test_freevend_is_managed_inside_the_window() -> None:
    assert told(OPEN_DEPOT, window(2, 5)) == [
        (0, 2, FREEVEND, CauseKind.BASELINE),
        (2, 5, MANAGED, CauseKind.ENVELOPE),
        (5, 24, FREEVEND, CauseKind.BASELINE),
    ]


def test_window_that_began_before_and_ends_after_covers_the_horizon() -> None:
    assert told(OPEN_DEPOT, window(-2, 50)) == [(0, 24, MANAGED, CauseKind.ENVELOPE)]


def test_managed_access_keeps_its_cause() -> None:
    nightly = replace(OPEN_DEPOT, rules={NIGHTS: rule()})  # from 22:00 in Berlin
    begins = (berlin("2026-11-18 22:00") - NOON) / HOUR

    segments = told(nightly, window(begins - 1, begins + 1))

    assert segments[:3] == [
        (0, begins - 1, FREEVEND, CauseKind.BASELINE),
        (begins - 1, begins, MANAGED, CauseKind.ENVELOPE),
        (begins, segments[2][1], MANAGED, CauseKind.RULE),
    ]


def test_override_does_not_open_the_window() -> None:
    override = Override(
        override_id=OverrideId("o-1"),
        mode=FREEVEND,
        starts_at=NOON + HOUR,
        ends_at=NOON + 6 * HOUR,
        reason="open day",
        made_by=ANNA,
        made=1,
    )
    plan = replace(OPEN_DEPOT, baseline=MANAGED, overrides={override.override_id: override})

    assert told(plan, window(2, 5)) == [
        (0, 1, MANAGED, CauseKind.BASELINE),
        (1, 2, FREEVEND, CauseKind.OVERRIDE),
        (2, 5, MANAGED, CauseKind.ENVELOPE),
        (5, 6, FREEVEND, CauseKind.OVERRIDE),
        (6, 24, MANAGED, CauseKind.BASELINE),
    ]


def test_windows_that_touch_differ_by_level_or_envelope() -> None:
    other = replace(ENVELOPE, envelope_id=EnvelopeId("e-2"))

    def spans(*windows: NarrowedWindow) -> list[tuple[float, float]]:
        return [(begins, ends) for begins, ends, mode, _ in told(OPEN_DEPOT, *windows) if mode is MANAGED]

    assert spans(window(1, 2), window(2, 3)) == [(1, 3)]
    assert spans(window(1, 2), window(2, 3, GateLevel.OWN_AND_AGREEMENT)) == [(1, 2), (2, 3)]
    assert spans(window(1, 2), replace(window(2, 3), envelope=other)) == [(1, 2), (2, 3)]


def test_cause_names_the_envelope_and_the_level() -> None:
    def cause_at(at: datetime, *windows: NarrowedWindow) -> tuple[str | None, str]:
        cause = timeline(replace(OPEN_DEPOT, narrowed=windows), NOON, NOON + HOUR).at(at).cause
        return cause.id, cause.name

    assert cause_at(NOON, window(0, 1)) == ("e-1", "own_only")
    assert cause_at(NOON, replace(window(0, 1), envelope=None)) == (None, "own_only")


def test_window_is_a_transition() -> None:
    found = next_transition(replace(OPEN_DEPOT, narrowed=[window(2, 5)]), NOON)

    assert found is not None
    assert (found.start, found.mode) == (NOON + 2 * HOUR, MANAGED)
