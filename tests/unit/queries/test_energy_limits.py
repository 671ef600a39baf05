"""The limits of nodes as they were in force, the time above them, and what counted while feeds were silent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.application.queries.charger_energy import continued, recorded
from access_policy.application.queries.energy_limits import LimitHistory, node_rows
from access_policy.application.queries.energy_past import Change
from access_policy.application.queries.energy_silences import silence_rows
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.site import SiteEnergy
from tests.support.builders import HOUR, MINUTE, NOON, NORTH
from tests.support.site_energy import (
    CIRCUIT,
    E2,
    GRID,
    KW,
    envelope,
    fallback,
    heard,
    node,
    node_put,
    offline,
    opted_in,
    received,
    withdrawn,
)

END = NOON + 4 * HOUR


def history(*changes: tuple[datetime, SiteEnergyEvent], until: datetime = END) -> LimitHistory:
    """From 12:00, after the grid connection of 500 kW was put."""
    before: list[Change] = [(NOON - HOUR, each) for each in opted_in()]
    past = LimitHistory(SiteEnergy(depot_id=NORTH), NOON, until)
    past.follow([*before, *changes])
    past.end()
    return past


def limits(past: LimitHistory) -> list[tuple[int, int | None, str | None]]:
    """Those of the grid connection: minutes after 12:00, kW, source."""
    found = [
        (
            round((span.start - NOON) / MINUTE),
            None if span.limit is None else span.limit.watts // KW,
            None if span.limit is None else span.limit.source.value,
        )
        for span in past.spans()[GRID]
    ]
    assert [span.end for span in past.spans()[GRID][:-1]] == [span.start for span in past.spans()[GRID][1:]]
    return found


def test_limit_in_force_follows_the_envelope_and_then_the_static_limit() -> None:
    sent = envelope(valid_from=NOON + 10 * MINUTE, valid_until=NOON + 30 * MINUTE)

    past = history((NOON - MINUTE, received(sent, at=NOON - MINUTE)))

    assert limits(past) == [(0, 500, "STATIC_NODE"), (10, 200, "FRESH_ENVELOPE"), (30, 500, "STATIC_NODE")]


def test_envelope_limits_from_when_it_was_received_and_a_newer_sequence_replaces_it() -> None:
    newer = envelope(sequence=2, import_limit_w=80 * KW)

    past = history((NOON + 5 * MINUTE, received(at=NOON + 5 * MINUTE)), (NOON + HOUR, received(newer, at=NOON + HOUR)))

    assert limits(past) == [
        (0, 500, "STATIC_NODE"),
        (5, 200, "FRESH_ENVELOPE"),
        (60, 80, "FRESH_ENVELOPE"),
        (120, 500, "STATIC_NODE"),
    ]


def test_silent_source_is_held_then_falls_back_and_returns() -> None:
    sent = envelope(valid_until=NOON + 3 * HOUR, import_limit_w=100 * KW, fallback=fallback(150 * KW, NOON + 2 * HOUR))

    past = history(
        (NOON, received(sent)),
        (NOON + HOUR, offline(NOON + HOUR)),
        (NOON + 150 * MINUTE, heard(NOON + 150 * MINUTE)),
    )

    assert limits(past) == [
        (0, 100, "FRESH_ENVELOPE"),
        (60, 100, "STALE_POLICY"),
        (75, 150, "FALLBACK_ENVELOPE"),
        (120, 500, "STATIC_NODE"),
        (150, 100, "FRESH_ENVELOPE"),
        (180, 500, "STATIC_NODE"),
    ]


def test_changes_of_one_forecast_count_together() -> None:
    moments = timedelta(milliseconds=10)
    second = envelope(E2, 2, valid_from=NOON + HOUR, import_limit_w=50 * KW)

    past = history((NOON - moments, received()), (NOON, received(second)))

    assert [each[1] for each in limits(past)] == [200, 50, 500]


def test_withdrawn_envelope_limits_no_longer_and_a_removed_node_has_no_limit() -> None:
    past = history(
        (NOON, received()),
        (NOON + 10 * MINUTE, withdrawn(NOON + 10 * MINUTE)),
        (NOON + 20 * MINUTE, node_put(node(GRID, None, limit_w=None))),
    )

    assert limits(past) == [(0, 200, "FRESH_ENVELOPE"), (10, 500, "STATIC_NODE"), (20, None, None)]


def sample(minutes: int, demand_w: int) -> dict[str, Any]:
    return {"observed_at": NOON + minutes * MINUTE, "demand_w": demand_w}


def test_time_above_is_counted_by_the_source_of_the_limit_in_force() -> None:
    sent = envelope(valid_until=NOON + 3 * HOUR, import_limit_w=100 * KW, fallback=fallback(150 * KW, NOON + 2 * HOUR))
    past = history((NOON, received(sent)), (NOON + HOUR, offline(NOON + HOUR)))

    found = node_rows([sample(minute, 120 * KW) for minute in range(180)], past.spans()[GRID], until=END)

    assert (found["above_s"], found["above_fresh_envelope_s"], found["above_stale_policy_s"]) == (4_500, 3_600, 900)
    assert (found["above_fallback_envelope_s"], found["above_static_node_s"]) == (0, 0)
    assert (found["measured_s"], found["highest_w"], found["most_above_w"]) == (184 * 60, 120 * KW, 20 * KW)


def test_measurement_counts_by_the_limits_that_change_before_the_next_one() -> None:
    past = history((NOON, received(envelope(valid_until=NOON + MINUTE))))

    found = node_rows([sample(0, 600 * KW)], past.spans()[GRID], until=END)

    assert (found["above_fresh_envelope_s"], found["above_static_node_s"], found["measured_s"]) == (60, 240, 300)


def test_demand_at_the_limit_is_within_it() -> None:
    found = node_rows([sample(0, 500 * KW)], history().spans()[GRID], until=END)

    assert (found["above_s"], found["most_above_w"]) == (0, 0)


def test_silent_meter_is_time_not_measured() -> None:
    found = node_rows([sample(0, 600 * KW)], history().spans()[GRID], until=END)

    assert (found["measured_s"], found["above_static_node_s"]) == (300, 300)


def silence(reason: str, feed: str, since: datetime, restored_at: datetime | None) -> dict[str, Any]:
    return {"depot_id": NORTH, "reason": reason, "feed": feed, "since": since, "restored_at": restored_at}


def test_silence_of_a_source_names_what_counted_instead_at_each_node() -> None:
    of_grid = envelope(valid_until=NOON + 3 * HOUR, fallback=fallback(300 * KW, NOON + 2 * HOUR))
    of_circuit = envelope(E2, node_id=CIRCUIT, valid_until=NOON + 3 * HOUR)
    past = history((NOON, received(of_grid)), (NOON, received(of_circuit)), (NOON + HOUR, offline(NOON + HOUR)))

    found = silence_rows([silence("source_offline", "dso", NOON + HOUR, None)], past, ZoneInfo("UTC"), END)

    assert [(row["source"], row["node_id"], row["silent_s"], row["fell_back_to"]) for row in found] == [
        ("dso", "circuit", 3 * 3_600, "held_envelope,static_limit"),
        ("dso", "grid", 3 * 3_600, "held_envelope,fallback_limit,static_limit"),
    ]


def test_silence_that_lasts_is_counted_until_now() -> None:
    past = history((NOON, received()), (NOON, offline(NOON)))

    (row,) = silence_rows([silence("source_offline", "dso", NOON, None)], past, ZoneInfo("UTC"), NOON + MINUTE)

    assert (row["silent_s"], row["fell_back_to"]) == (60, "held_envelope")


def test_silence_of_measurements_names_the_demand_that_counted_instead() -> None:
    short = silence("measurement_stale", "grid", NOON, NOON + 15 * MINUTE)
    long = silence("measurement_stale", "grid", NOON + HOUR, NOON + 2 * HOUR)

    found = silence_rows([short, long], history(), ZoneInfo("UTC"), END)

    assert [(row["node_id"], row["fell_back_to"]) for row in found] == [
        ("grid", "greater_demand"),
        ("grid", "greater_demand,possible_draw"),
    ]


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
