"""The gate of a charger over time: life cycle of envelopes, stale telemetry, hysteresis and dwell, to the instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.site_energy.energy_policy import GateEnforcement
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.gate import EnvelopeState, Gate, GateLevel, LimitSource
from access_policy.domain.site_energy.levels import Held, Thresholds
from access_policy.domain.site_energy.lifecycle import standings
from access_policy.domain.site_energy.planned import narrowings
from access_policy.domain.site_energy.site import SiteEnergy, fold
from tests.support.builders import BAY, HOUR, MINUTE, NOON, NORTH
from tests.support.site_energy import (
    BAY_2,
    CIRCUIT,
    E1,
    E2,
    GRID,
    GRID_NODE,
    KW,
    NODE_1,
    charger_node,
    demand,
    envelope,
    fallback,
    heard,
    measured,
    node_put,
    offline,
    opted_in,
    policy,
    policy_put,
    received,
    withdrawn,
)

SECOND = timedelta(seconds=1)
OPEN, AGREEMENT, OWN = GateLevel.OPEN, GateLevel.OWN_AND_AGREEMENT, GateLevel.OWN_ONLY
FEED = measured(demand(0))  # a feed, whose measurement changes nothing


def site(*events: SiteEnergyEvent, **changes: Any) -> SiteEnergy:
    return fold(NORTH, (*opted_in(**changes), *events))


def gate(site: SiteEnergy, at: datetime, *, held: Held | None = None, running: Any = ()) -> Gate:
    found = site.gate(BAY, running, at, held)
    assert found is not None
    return found


def test_without_a_feed_or_with_the_policy_off_there_is_no_gate() -> None:
    assert site().gate(BAY, (), NOON) is None
    assert site(FEED, enabled=False).gate(BAY, (), NOON) is None
    assert fold(NORTH, (*opted_in()[:-1], FEED)).gate(BAY, (), NOON) is None
    assert site(FEED).gate(BAY_2, (), NOON) is not None


def test_a_charger_without_a_node_has_no_gate() -> None:
    alone = fold(NORTH, (node_put(GRID_NODE), policy_put(), FEED))

    assert alone.gate(BAY, (), NOON) is None


@pytest.mark.parametrize(
    ("demand_w", "level", "threshold_w"),
    [
        (400 * KW, OPEN, None),
        (400 * KW + 1, AGREEMENT, 100 * KW),
        (450 * KW, AGREEMENT, 100 * KW),
        (450 * KW + 1, OWN, 50 * KW),
        (600 * KW, OWN, 50 * KW),
    ],
)
def test_level_follows_from_what_the_demand_leaves_at_the_least_node(
    demand_w: int, level: GateLevel, threshold_w: int | None
) -> None:
    found = gate(site(measured(demand(demand_w))), NOON)

    assert (found.level, found.threshold_w) == (level, threshold_w)
    assert found.node_path == (NODE_1, CIRCUIT, GRID)
    least = min((150 * KW, NODE_1), (500 * KW - demand_w, GRID))
    assert (found.effective_w, found.binding_node_id) == least


def test_level_of_a_charger_that_needs_more_to_start_is_own_only_below_that() -> None:
    needing = charger_node(NODE_1, BAY, minimum_start_w=90 * KW)

    found = gate(site(node_put(needing), measured(demand(420 * KW))), NOON)

    assert (found.level, found.threshold_w) == (OWN, 90 * KW)


@pytest.mark.parametrize(
    ("events", "at", "source", "envelope_id"),
    [
        ((FEED,), NOON, LimitSource.CHARGER, None),
        ((measured(demand(450 * KW)),), NOON, LimitSource.STATIC_NODE, None),
        ((received(envelope(import_limit_w=KW)),), NOON, LimitSource.FRESH_ENVELOPE, E1),
        (
            (received(envelope(import_limit_w=KW, fallback=fallback(500))), offline(NOON)),
            NOON,
            LimitSource.FALLBACK_ENVELOPE,
            E1,
        ),
        ((received(envelope(import_limit_w=KW)), offline(NOON)), NOON, LimitSource.STALE_POLICY, E1),
    ],
)
def test_limit_source_names_where_the_least_limit_comes_from(
    events: Any, at: datetime, source: LimitSource, envelope_id: str | None
) -> None:
    found = gate(site(*events), at)

    assert found.limit_source is source
    assert (found.envelope.envelope_id if found.envelope else None) == envelope_id


def test_an_envelope_applies_from_its_start_to_before_its_end_without_an_event() -> None:
    limited = site(received(envelope(import_limit_w=KW), at=NOON - HOUR))
    held = Held()
    path = limited.path_of(BAY, {})
    assert path is not None

    def level(at: datetime) -> GateLevel:
        return path.advanced(held, NOON - HOUR, at).level

    assert [level(NOON - SECOND), level(NOON), level(NOON + 2 * HOUR)] == [OPEN, OWN, OWN]
    ends = NOON + 2 * HOUR + 5 * MINUTE  # and the dwell
    assert [level(ends - SECOND), level(ends)] == [OWN, OPEN]


@pytest.mark.parametrize(
    ("at", "states"),
    [
        (NOON - SECOND, [EnvelopeState.PENDING, EnvelopeState.PENDING]),
        (NOON, [EnvelopeState.ACTIVE, EnvelopeState.PENDING]),
        (NOON + HOUR, [EnvelopeState.RECEIVED, EnvelopeState.ACTIVE]),  # the higher sequence counts
        (NOON + 2 * HOUR, [EnvelopeState.EXPIRED, EnvelopeState.ACTIVE]),
        (NOON + 3 * HOUR, [EnvelopeState.EXPIRED, EnvelopeState.EXPIRED]),
    ],
)
def test_states_of_two_envelopes_of_a_source_that_overlap(at: datetime, states: list[EnvelopeState]) -> None:
    later = envelope(E2, sequence=2, valid_from=NOON + HOUR, valid_until=NOON + 3 * HOUR)
    known = site(received(), received(later)).envelopes.by_id.values()

    assert [each.state for each in standings(known, {}, timedelta(0), at)] == states


def test_withdrawing_the_newer_envelope_does_not_bring_the_older_one_back() -> None:
    newer = envelope(E2, sequence=2)
    known = site(received(), received(newer), withdrawn(NOON, E2)).envelopes.by_id.values()

    states = [each.state for each in standings(known, {}, timedelta(0), NOON)]

    assert states == [EnvelopeState.RECEIVED, EnvelopeState.WITHDRAWN]


@pytest.mark.parametrize(
    ("at", "state", "limit_w"),
    [
        (NOON + HOUR - SECOND, EnvelopeState.ACTIVE, 200 * KW),
        (NOON + HOUR, EnvelopeState.FALLBACK_ELIGIBLE, 200 * KW),
        (NOON + HOUR + 15 * MINUTE - SECOND, EnvelopeState.FALLBACK_ELIGIBLE, 200 * KW),
        (NOON + HOUR + 15 * MINUTE, EnvelopeState.FALLBACK_ELIGIBLE, None),
        (NOON + 2 * HOUR, EnvelopeState.EXPIRED, None),
    ],
)
def test_a_silent_source_holds_its_envelope_for_the_hold_time(
    at: datetime, state: EnvelopeState, limit_w: int | None
) -> None:
    known = site(received()).envelopes.by_id.values()

    found = standings(known, {"dso": NOON + HOUR}, 15 * MINUTE, at)[0]

    assert (found.state, found.limit_w) == (state, limit_w)


def test_a_silent_source_holds_its_envelope_past_its_end() -> None:
    known = site(received()).envelopes.by_id.values()
    silent = {"dso": NOON + 2 * HOUR - MINUTE}

    held = standings(known, silent, 15 * MINUTE, NOON + 2 * HOUR + 10 * MINUTE)[0]
    over = standings(known, silent, 15 * MINUTE, NOON + 2 * HOUR + 14 * MINUTE)[0]
    before = standings(known, {"dso": NOON + 2 * HOUR}, 15 * MINUTE, NOON + 2 * HOUR)[0]

    assert (held.state, held.limit_w) == (EnvelopeState.FALLBACK_ELIGIBLE, 200 * KW)
    assert (over.state, before.state) == (EnvelopeState.EXPIRED, EnvelopeState.EXPIRED)


def test_an_envelope_held_past_its_end_does_not_hide_one_that_has_not_ended() -> None:
    older = received(envelope(import_limit_w=100 * KW, valid_until=NOON + 4 * HOUR))
    newer = received(envelope(E2, sequence=2, import_limit_w=450 * KW, valid_until=NOON + HOUR))
    known = site(older, newer).envelopes.by_id.values()

    found = standings(known, {"dso": NOON + HOUR - MINUTE}, 15 * MINUTE, NOON + HOUR)

    assert sorted(each.limit_w or 0 for each in found) == [100 * KW, 450 * KW]


@pytest.mark.parametrize(
    ("limit_w", "at", "state", "counts_w"),
    [
        (120 * KW, NOON + HOUR, EnvelopeState.ACTIVE_FALLBACK, 120 * KW),
        (120 * KW, NOON + 4 * HOUR - SECOND, EnvelopeState.ACTIVE_FALLBACK, 120 * KW),
        (120 * KW, NOON + 4 * HOUR, EnvelopeState.EXPIRED, None),
        (300 * KW, NOON + HOUR, EnvelopeState.FALLBACK_ELIGIBLE, 200 * KW),  # silence does not loosen
        (300 * KW, NOON + HOUR + 15 * MINUTE, EnvelopeState.ACTIVE_FALLBACK, 300 * KW),
    ],
)
def test_a_silent_source_falls_back_until_the_fallback_ends(
    limit_w: int, at: datetime, state: EnvelopeState, counts_w: int | None
) -> None:
    known = site(received(envelope(fallback=fallback(limit_w)))).envelopes.by_id.values()

    found = standings(known, {"dso": NOON + HOUR}, 15 * MINUTE, at)[0]

    assert (found.state, found.limit_w) == (state, counts_w)
    if state is EnvelopeState.ACTIVE_FALLBACK:
        shown = found.shown(NOON + HOUR)
        assert (shown.valid_from, shown.valid_until) == (NOON + HOUR, NOON + 4 * HOUR)


def test_a_source_that_is_heard_again_has_its_envelope_in_force_again() -> None:
    silent = site(received(envelope(fallback=fallback())), offline(NOON + MINUTE))
    again = site(received(envelope(fallback=fallback())), offline(NOON + MINUTE), heard(NOON + 2 * MINUTE))

    found = gate(silent, NOON + 2 * MINUTE)
    assert (found.limit_source, found.effective_w) == (LimitSource.FALLBACK_ENVELOPE, 120 * KW)
    states = [
        standings(each.envelopes.by_id.values(), each.offline, 15 * MINUTE, NOON + 2 * MINUTE)[0].state
        for each in (silent, again)
    ]
    assert states == [EnvelopeState.ACTIVE_FALLBACK, EnvelopeState.ACTIVE]


@pytest.mark.parametrize(
    ("at", "committed_w", "observed_at"),
    [
        (NOON + 59 * SECOND, 460 * KW, NOON),
        (NOON + 60 * SECOND, 460 * KW, NOON),  # stale, and held: silence does not loosen
        (NOON + 60 * SECOND + 15 * MINUTE, 0, None),
    ],
)
def test_a_stale_measurement_is_held_where_it_is_above_the_fallback_demand(
    at: datetime, committed_w: int, observed_at: datetime | None
) -> None:
    path = site(measured(demand(460 * KW))).path_of(BAY, {})
    assert path is not None
    own = [each for each in path.nodes if each.node.node_id == GRID]

    found = type(path)(own, path.policy, path.version).slack(at)

    assert found is not None
    assert (found.committed_w, found.observed_at) == (committed_w, observed_at)


def test_a_stale_measurement_gives_way_to_what_running_charges_may_draw() -> None:
    running = (BAY, BAY_2)
    fed = site(measured(demand(KW), demand(KW, node_id=CIRCUIT)))

    fresh = gate(fed, NOON, running=running)
    stale = gate(fed, NOON + MINUTE, running=running)

    assert (fresh.effective_w, fresh.binding_node_id) == (0, NODE_1)  # its own charge draws its limit
    assert (stale.effective_w, stale.committed_w) == (0, 150 * KW)
    assert fed.tree.running_below(running)[GRID].watts == 300 * KW


def test_a_running_charge_without_any_limit_takes_all_that_a_node_allows() -> None:
    free = (
        node_put(GRID_NODE.__class__(node_id=GRID, parent_id=None, kind=GRID_NODE.kind)),
        node_put(charger_node(NODE_1, BAY, GRID, limit_w=None)),
        node_put(charger_node(EnergyNodeId("node-2"), BAY_2, GRID, limit_w=None)),
    )
    limited = fold(NORTH, (*free, policy_put(), received()))

    found = gate(limited, NOON, running=(BAY_2,))

    assert (found.effective_w, found.committed_w, found.level) == (0, 200 * KW, OWN)


def test_without_any_limit_on_the_path_the_gate_is_open() -> None:
    free = (
        node_put(GRID_NODE.__class__(node_id=GRID, parent_id=None, kind=GRID_NODE.kind)),
        node_put(charger_node(NODE_1, BAY, GRID, limit_w=None)),
    )

    found = gate(fold(NORTH, (*free, policy_put(), FEED)), NOON, running=(BAY,))

    assert (found.level, found.effective_w, found.limit_source, found.changes_at) == (OPEN, None, None, None)


# --- hysteresis and dwell ---------------------------------------------------------------------------------------------

THRESHOLDS = Thresholds(own_only=50, own_and_agreement=100, hysteresis=10)
DWELL = 5 * MINUTE


def held_after(*steps: tuple[int, int]) -> Held:
    """The capacity after each number of minutes, settled at the last one."""
    held, at = Held(), NOON
    for minutes, capacity in steps:
        at = NOON + minutes * MINUTE
        held = held.settled(DWELL, at).stepped(capacity, THRESHOLDS, at)
    return held


@pytest.mark.parametrize(
    ("steps", "level", "widens_at"),
    [
        (((0, 100),), OPEN, None),
        (((0, 99),), AGREEMENT, None),
        (((0, 49),), OWN, None),
        (((0, 49), (1, 109)), OWN, NOON + 6 * MINUTE),
        (((0, 49), (1, 59)), OWN, None),
        (((0, 99), (1, 109)), AGREEMENT, None),
        (((0, 99), (1, 110)), AGREEMENT, NOON + 6 * MINUTE),
        (((0, 99), (1, 110), (2, 109)), AGREEMENT, None),  # the dwell begins anew
        (((0, 99), (1, 110), (2, 109), (3, 110)), AGREEMENT, NOON + 8 * MINUTE),
        (((0, 99), (1, 110), (5, 120)), AGREEMENT, NOON + 6 * MINUTE),
        (((0, 99), (1, 110), (6, 120)), OPEN, None),
        (((0, 49), (1, 60), (6, 60)), AGREEMENT, None),
        (((0, 49), (1, 60), (3, 110), (6, 110)), AGREEMENT, NOON + 8 * MINUTE),
        (((0, 49), (1, 110), (6, 110)), OPEN, None),
    ],
)
def test_a_level_narrows_at_once_and_widens_after_the_dwell(
    steps: Any, level: GateLevel, widens_at: datetime | None
) -> None:
    held = held_after(*steps)

    assert (held.level, held.widens_at(DWELL)) == (level, widens_at)


def test_since_is_the_instant_of_the_level() -> None:
    assert held_after((0, 49), (1, 110)).since == NOON
    assert held_after((0, 49), (1, 60), (7, 60)).since == NOON + 6 * MINUTE


# --- what is planned --------------------------------------------------------------------------------------------------


def test_narrowings_are_those_of_envelopes_with_the_dwell_while_feeds_go_on() -> None:
    limited = site(
        received(envelope(import_limit_w=KW, valid_from=NOON + HOUR, valid_until=NOON + 2 * HOUR), at=NOON),
        measured(demand(0)),
    )
    path = limited.path_of(BAY, {})
    assert path is not None

    found = list(narrowings(path, Held(), NOON, NOON + 48 * HOUR))

    assert [each[:3] for each in found] == [
        (NOON + HOUR, NOON + 2 * HOUR, OWN),
        (NOON + 2 * HOUR, NOON + 2 * HOUR + 5 * MINUTE, OWN),  # the envelope is over, and the dwell is not
    ]
    assert [each.envelope and each.envelope.envelope_id for each in found] == [E1, None]


def test_narrowings_begin_with_the_one_in_force_when_its_level_did() -> None:
    limited = site(measured(demand(450 * KW)))
    path = limited.path_of(BAY, {})
    assert path is not None
    held = Held(AGREEMENT, NOON - HOUR)

    found = list(narrowings(path, held, NOON, NOON + HOUR))

    assert [each[:3] for each in found] == [(NOON - HOUR, NOON + HOUR, AGREEMENT)]


def test_a_gate_ends_where_it_could_next_narrow() -> None:
    limited = site(received(envelope(import_limit_w=KW, valid_from=NOON + HOUR), at=NOON), FEED)

    assert gate(limited, NOON).changes_at == NOON + HOUR
    assert gate(site(FEED), NOON).changes_at is None
    narrowed = gate(site(measured(demand(480 * KW)), policy_put(hold_max_s=0)), NOON)
    assert (narrowed.level, narrowed.changes_at) == (OWN, NOON + MINUTE + 5 * MINUTE)  # stale, and the dwell


def test_an_advisory_policy_makes_advisory_gates() -> None:
    assert gate(site(FEED, enforcement=GateEnforcement.ADVISORY), NOON).is_advisory
    assert not gate(site(FEED), NOON).is_advisory
    assert policy().enabled
