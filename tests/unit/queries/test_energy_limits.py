"""The time above a node's limits, from its measurements, its static limit and its envelopes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from access_policy.application.queries.charger_energy import continued, recorded
from access_policy.application.queries.energy_limits import node_rows
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.gate import GateLevel
from tests.support.builders import HOUR, MINUTE, NOON

END = NOON + HOUR


def sample(minutes: int, demand_w: int) -> dict[str, Any]:
    return {"observed_at": NOON + minutes * MINUTE, "demand_w": demand_w}


def limit(at: timedelta, limit_w: int | None) -> dict[str, Any]:
    return {"at": NOON + at, "limit_w": limit_w}


def envelope(sequence: int = 1, limit_w: int = 50_000, **changes: Any) -> dict[str, Any]:
    window = {
        "valid_from": NOON + 2 * MINUTE,
        "valid_until": NOON + 4 * MINUTE,
        "received_at": NOON,
        "withdrawn_at": None,
    }
    return {"source": "grid", "sequence": sequence, "import_limit_w": limit_w, **window, **changes}


def test_time_above_each_limit_is_counted_by_the_measurements() -> None:
    demand = [sample(minute, 60_000) for minute in range(4)]

    found = node_rows(demand, [limit(-HOUR, 55_000)], [envelope()], until=NOON + 4 * MINUTE)

    assert found == {
        "measured_s": 240,
        "above_static_s": 240,
        "above_envelope_s": 120,
        "highest_w": 60_000,
        "most_above_w": 10_000,
    }


def test_demand_at_the_limit_is_within_it() -> None:
    found = node_rows([sample(0, 55_000)], [limit(-HOUR, 55_000)], [], until=NOON + MINUTE)

    assert (found["above_static_s"], found["most_above_w"]) == (0, 0)


def test_silent_meter_is_time_not_measured() -> None:
    found = node_rows([sample(0, 60_000)], [limit(-HOUR, 55_000)], [], until=END)

    assert (found["measured_s"], found["above_static_s"]) == (300, 300)


def test_limit_counts_from_when_it_was_put_until_it_is_taken_away() -> None:
    history = [limit(timedelta(), 100_000), limit(2 * MINUTE, 50_000), limit(4 * MINUTE, None)]

    found = node_rows([sample(minute, 60_000) for minute in range(6)], history, [], until=NOON + 6 * MINUTE)

    assert found["above_static_s"] == 120


def test_withdrawn_envelope_of_the_higher_sequence_does_not_bring_the_older_one_back() -> None:
    newer = envelope(2, 70_000, withdrawn_at=NOON + 2 * MINUTE)

    found = node_rows([sample(2, 60_000)], [], [envelope(), newer], until=NOON + 3 * MINUTE)

    assert found["above_envelope_s"] == 0


def change(minutes: int, level: str, **changes: Any) -> dict[str, Any]:
    names = ("envelope_id", "envelope_sequence", "limit_source", "node_id", "effective_w")
    return {"at": NOON + minutes * MINUTE, "level": level, "is_advisory": False, **dict.fromkeys(names), **changes}


def test_recorded_changes_of_a_gate_are_windows_and_the_last_one_has_its_planned_end() -> None:
    rows = [change(0, "own_only"), change(5, "open"), change(9, "own_and_agreement", envelope_id="env-1")]
    active = NarrowedWindow(starts_at=NOON + 9 * MINUTE, ends_at=END, level=GateLevel.OWN_AND_AGREEMENT)
    later = NarrowedWindow(starts_at=END + HOUR, ends_at=END + 2 * HOUR, level=GateLevel.OWN_ONLY)

    found = continued(recorded(rows), (active, later), NOON + 10 * MINUTE)

    assert [(each.start, each.end, each.level.value, each.is_planned) for each in found] == [
        (NOON, NOON + 5 * MINUTE, "own_only", False),
        (NOON + 9 * MINUTE, END, "own_and_agreement", False),
        (END + HOUR, END + 2 * HOUR, "own_only", True),
    ]
    assert found[1].envelope_id == "env-1"
