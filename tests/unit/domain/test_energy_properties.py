"""Whatever a site looks like: a limit never loosens a gate, order and repetition change nothing, time alone releases, and
silence never does before the hold time ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.ids import ChargerId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.envelopes import FallbackLimit, KnownEnvelope, OperatingEnvelope
from access_policy.domain.site_energy.evaluation import ChargerPath, NodeHere, RunningBelow
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.levels import Held, Thresholds
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import fold
from tests.support.builders import BAY, MINUTE, NOON, NORTH
from tests.support.lengths import Length
from tests.support.site_energy import KW, demand, envelope, opted_in, policy, received

PATHS = Length(ci=100, soak=10_000, of="paths")
HOLD, MAX_AGE, DWELL = 15, 1, 5  # minutes, as in `policy`
OFTEN = hypothesis.settings(max_examples=PATHS.count, deadline=None)

# Strategies are made once: hypothesis checks each one that a test makes, which takes longer than to draw from it.
watts = st.integers(0, 60).map(lambda each: each * 10 * KW)
maybe_watts = st.none() | watts
durations = st.integers(1, 60).map(lambda each: each * MINUTE)
fallbacks = st.none() | st.tuples(watts, st.integers(1, 90).map(lambda each: each * MINUTE))
instants = st.integers(-30, 90).map(lambda each: NOON + each * MINUTE)
mostly_never = st.none() | st.none() | instants
demands = st.none() | st.tuples(instants, watts)
unlimited = st.sampled_from((0, 0, 0, 1))
silences = st.dictionaries(st.sampled_from(["dso", "site"]), instants)


@st.composite
def known_envelopes(draw: st.DrawFn, node_id: str, sequence: int, source: str) -> KnownEnvelope:
    valid_from = draw(instants)
    valid_until = valid_from + draw(durations)
    import_limit_w, fallback = draw(watts), draw(fallbacks)
    sent = OperatingEnvelope(
        envelope_id=EnvelopeId(f"{node_id}-{source}-{sequence}"),
        node_id=EnergyNodeId(node_id),
        source=source,
        sequence=sequence,
        valid_from=valid_from,
        valid_until=valid_until,
        import_limit_w=import_limit_w,
        fallback=fallback and FallbackLimit(import_limit_w=fallback[0], valid_until=valid_from + fallback[1]),
    )
    return KnownEnvelope(envelope=sent, received_at=NOON, changed_at=1, withdrawn_at=draw(mostly_never))


@st.composite
def nodes(draw: st.DrawFn, number: int, offline: dict[str, datetime]) -> NodeHere:
    node_id = f"n{number}"
    found = [
        draw(known_envelopes(node_id, sequence, source))
        for source in ("dso", "site")
        for sequence in range(1, draw(st.integers(0, 3)) + 1)
    ]
    measured = draw(demands)
    return NodeHere(
        node=EnergyNode(
            node_id=EnergyNodeId(node_id),
            parent_id=None,
            kind=NodeKind.CHARGER if number == 0 else NodeKind.CIRCUIT,
            charger_id=ChargerId("bay") if number == 0 else None,
            limit_w=draw(maybe_watts),
        ),
        envelopes=tuple(found),
        offline=offline,
        demand=measured and Demand(node_id=EnergyNodeId(node_id), observed_at=measured[0], demand_w=measured[1]),
        running=RunningBelow(draw(watts), draw(unlimited)),
    )


@st.composite
def paths(draw: st.DrawFn, *, may_be_silent: bool = True) -> ChargerPath:
    offline = draw(silences) if may_be_silent else {}
    length = draw(st.integers(1, 4))
    return ChargerPath([draw(nodes(number, offline)) for number in range(length)], policy(), 1)


def capacity(path: ChargerPath, at: datetime) -> float:
    found = path.capacity_w(at)
    return float("inf") if found is None else found


def moments(*of: ChargerPath) -> list[datetime]:
    """Every instant at which something may change, and those just before."""
    turns = {turn for path in of for turn in path.turns(NOON - 60 * MINUTE)}
    return sorted({NOON, *turns, *(turn - timedelta(microseconds=1) for turn in turns)})


def levels(path: ChargerPath, at: list[datetime]) -> list[GateLevel]:
    """From an open gate on, read at these instants only."""
    held, found = Held(), list[GateLevel]()
    for since, instant in pairwise([*at[:1], *at]):
        held = path.stepped(path.advanced(held, since, instant), instant)
        found.append(held.level)
    return found


def is_never_wider(narrower: list[GateLevel], wider: list[GateLevel]) -> bool:
    return not any(other.is_narrower_than(one) for one, other in zip(narrower, wider, strict=True))


@pytest.mark.soak(PATHS)
@OFTEN
@given(paths(), st.data())
def test_another_node_above_or_another_limit_never_loosens_the_gate(path: ChargerPath, data: st.DataObject) -> None:
    offline = dict(path.nodes[0].offline)
    if data.draw(st.booleans(), "another node"):
        place = data.draw(st.integers(1, len(path.nodes)))
        added = [*path.nodes[:place], data.draw(nodes(9, offline)), *path.nodes[place:]]
    else:
        place = data.draw(st.integers(0, len(path.nodes) - 1))
        here = path.nodes[place]
        another = data.draw(known_envelopes(here.node.node_id, 1, "another source"))
        fuller = replace(here, envelopes=(*here.envelopes, another), known=type(here.known)())
        added = [*path.nodes[:place], fuller, *path.nodes[place + 1 :]]
    limited = replace(path, nodes=added)
    at = moments(path, limited)

    assert all(capacity(limited, each) <= capacity(path, each) for each in at)
    assert is_never_wider(levels(limited, at), levels(path, at))


@given(paths(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_envelopes_changes_nothing(path: ChargerPath, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = [
        replace(each, envelopes=tuple(random.sample(each.envelopes, len(each.envelopes))), known=type(each.known)())
        for each in random.sample(path.nodes, len(path.nodes))
    ]
    other = replace(path, nodes=shuffled)

    assert [capacity(path, each) for each in moments(path)] == [capacity(other, each) for each in moments(path)]


@given(paths(), st.lists(instants, max_size=5))
def test_the_level_does_not_depend_on_when_it_is_read(path: ChargerPath, looks: list[datetime]) -> None:
    begins, ends = NOON - 60 * MINUTE, NOON + 240 * MINUTE
    begun = path.stepped(Held(), begins)
    held, since = begun, begins
    for look in sorted(looks):
        held, since = path.advanced(held, since, look), look

    assert path.advanced(held, since, ends) == path.advanced(begun, begins, ends)


@pytest.mark.soak(PATHS)
@OFTEN
@given(paths(may_be_silent=False), st.sampled_from(["dso", "site"]), instants)
def test_silence_never_loosens_a_gate_before_the_hold_time_ends(
    path: ChargerPath, source: str, silent_from: datetime
) -> None:
    silent = replace(
        path, nodes=[replace(each, offline={source: silent_from}, known=type(each.known)()) for each in path.nodes]
    )
    ends = silent_from + HOLD * MINUTE
    at = [each for each in moments(path, silent) if each < ends]

    assert all(capacity(silent, each) <= capacity(path, each) for each in at)
    assert is_never_wider(levels(silent, at), levels(path, at))


@given(paths(), instants)
def test_a_silent_meter_never_loosens_a_gate_before_the_hold_time_ends(path: ChargerPath, at: datetime) -> None:
    """Compared with a meter that goes on to report the same."""
    reporting = replace(
        path,
        nodes=[
            each if each.demand is None else replace(each, demand=replace(each.demand, observed_at=at))
            for each in path.nodes
        ],
    )
    measured = [each.demand.observed_at for each in path.nodes if each.demand is not None]
    hypothesis.assume(all(observed <= at < observed + (MAX_AGE + HOLD) * MINUTE for observed in measured))

    assert capacity(path, at) <= capacity(reporting, at)


@given(paths(), instants)
def test_static_limits_apply_whatever_envelopes_and_sources_do(path: ChargerPath, at: datetime) -> None:
    bare = replace(path, nodes=[replace(each, envelopes=()) for each in path.nodes])
    hypothesis.assume(not any(each.running.unlimited for each in path.nodes))

    assert capacity(path, at) <= capacity(bare, at)


@given(paths(), instants)
def test_an_envelope_is_released_by_the_time_alone(path: ChargerPath, at: datetime) -> None:
    bare = replace(path, nodes=[replace(each, envelopes=()) for each in path.nodes])
    known = [each for here in path.nodes for each in here.envelopes]
    fallbacks = [each.envelope.fallback.valid_until for each in known if each.envelope.fallback is not None]
    ends = [*(each.envelope.valid_until for each in known), *fallbacks]
    over = max([at, *ends, *path.nodes[0].offline.values()]) + (HOLD + 1) * MINUTE

    assert path.slack(over) == bare.slack(over)
    later = over + 2 * (HOLD + MAX_AGE + DWELL) * MINUTE + 120 * MINUTE
    assert path.advanced(path.stepped(Held(), at), at, later).level is bare.stepped(Held(), later).level or (
        path.slack(later) is not None  # a level that a static limit holds between threshold and hysteresis
    )


@given(
    st.lists(st.tuples(st.integers(1, 9), watts), min_size=1, max_size=9),
    st.lists(st.integers(0, 8), max_size=12),
)
def test_late_and_repeated_envelopes_change_nothing(sent: list[tuple[int, int]], again: list[int]) -> None:
    each_once = [
        envelope(EnvelopeId(f"e{number}"), sequence, import_limit_w=limit_w)
        for number, (sequence, limit_w) in enumerate(sent)
    ]
    site, repeated = fold(NORTH, opted_in()), fold(NORTH, opted_in())
    for number, each in enumerate(each_once):
        for event in site.receive_or_ignore(each, now=NOON):
            site.apply(event)
        for repeat in (each, *(each_once[place] for place in again if place <= number)):
            for event in repeated.receive_or_ignore(repeat, now=NOON):
                repeated.apply(event)

    assert repeated.gate(BAY, (), NOON, Held()) == replace(site.gate(BAY, (), NOON, Held()), version=repeated.version)  # type: ignore[type-var]
    highest = max(sequence for sequence, _ in sent)
    assert max(each.envelope.sequence for each in repeated.envelopes.by_id.values()) == highest


@given(st.permutations([demand(each * 10 * KW, NOON - each * MINUTE) for each in range(5)]))
def test_measurements_count_by_when_they_were_observed(items: list[Demand]) -> None:
    site = fold(NORTH, (*opted_in(), received()))

    for item in items:
        for event in site.measure([item], now=NOON):
            site.apply(event)

    assert list(site.demands.values()) == [demand(0, NOON)]


@pytest.mark.soak(PATHS)
@OFTEN
@given(st.lists(st.integers(0, 15).map(lambda each: each * 10), min_size=1, max_size=40))
def test_levels_agree_with_a_slow_reading_of_hysteresis_and_dwell(capacities: list[int]) -> None:
    """The capacity of each minute. A narrowed level ends only after a whole dwell of minutes with enough."""
    thresholds, dwell = Thresholds(own_only=50, own_and_agreement=100, hysteresis=20), DWELL * MINUTE
    held = Held()

    for minute, capacity_w in enumerate(capacities):
        at = NOON + minute * MINUTE
        held = held.settled(dwell, at).stepped(capacity_w, thresholds, at)

        until_now = capacities[: minute + 1]
        expected = GateLevel.OPEN
        for level, threshold in ((GateLevel.OWN_AND_AGREEMENT, 100), (GateLevel.OWN_ONLY, 50)):
            if _is_narrowed(until_now, threshold):
                expected = level
        assert held.level is expected


def _is_narrowed(capacities: list[int], threshold: int) -> bool:
    """Below the threshold once, and since then never enough for a whole dwell before the latest minute."""
    below = [minute for minute, each in enumerate(capacities) if each < threshold]
    if not below:
        return False
    since = capacities[below[-1] + 1 :]
    enough = 0  # minutes with enough, that are over
    for capacity_w in since:
        if enough >= DWELL:
            return False
        enough = enough + 1 if capacity_w >= threshold + 20 else 0
    return True
