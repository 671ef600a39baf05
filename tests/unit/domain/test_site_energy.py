"""SiteEnergy: its tree, its envelopes and feeds, and the refusals of bad input."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.domain.ids import ChargerId, EnergyNodeId
from access_policy.domain.site_energy import errors, events
from access_policy.domain.site_energy.events import IgnoredReason
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import HEARD_AGAIN_AFTER, SOURCES_MAX, SiteEnergy
from access_policy.domain.site_energy.tree import DEPTH_MAX
from access_policy.domain.site_energy.watts import WATTS_MAX
from tests.support.builders import BAY, HOUR, MINUTE, NOON, NORTH
from tests.support.site_energy import (
    CIRCUIT,
    CIRCUIT_NODE,
    E1,
    E2,
    GRID,
    GRID_NODE,
    KW,
    NODE_1,
    NODE_2,
    charger_node,
    demand,
    envelope,
    fallback,
    heard,
    measured,
    node,
    node_put,
    offline,
    opted_in,
    policy,
    policy_put,
    received,
    withdrawn,
)
from tests.support.spec import given_site

Decide = Callable[[SiteEnergy], tuple[Any, ...]]
SECOND = timedelta(seconds=1)
ELSEWHERE = EnergyNodeId("elsewhere")


def putting(put: EnergyNode) -> Decide:
    return lambda site: site.put_node(put)


def receiving(at: datetime = NOON, **changes: Any) -> Decide:
    return lambda site: site.receive(envelope(**changes), now=at)


def test_put_node_into_an_empty_site_makes_it_the_root() -> None:
    site = given_site().when(putting(GRID_NODE)).then(node_put(GRID_NODE))

    assert site.tree.root_id == GRID


def test_put_node_again_changes_nothing() -> None:
    given_site(node_put(GRID_NODE)).when(putting(GRID_NODE)).then_nothing()


@pytest.mark.parametrize(
    ("put", "refusal", "pointer"),
    [
        (node(ELSEWHERE, None), errors.EnergyTreeBroken, "/parent_id"),  # a second root
        (node(GRID, CIRCUIT), errors.EnergyTreeBroken, "/parent_id"),  # a cycle
        (node(CIRCUIT, CIRCUIT), errors.EnergyTreeBroken, "/parent_id"),
        (node(CIRCUIT, None), errors.EnergyTreeBroken, "/parent_id"),
        (node(ELSEWHERE, EnergyNodeId("unknown")), errors.EnergyNodeUnknown, "/parent_id"),
        (node(ELSEWHERE, NODE_1), errors.EnergyTreeBroken, "/parent_id"),  # below a charger
        (charger_node(CIRCUIT, ChargerId("bay-3"), GRID), errors.EnergyTreeBroken, "/kind"),
        (charger_node(ELSEWHERE, BAY), errors.ChargerHasNode, "/charger_id"),
        (node(ELSEWHERE, GRID, limit_w=-1), errors.EnergyNodeInvalid, "/limit_w"),
        (node(ELSEWHERE, GRID, limit_w=WATTS_MAX + 1), errors.EnergyNodeInvalid, "/limit_w"),
        (node(ELSEWHERE, GRID, kind=NodeKind.CHARGER), errors.EnergyNodeInvalid, "/charger_id"),
        (node(ELSEWHERE, GRID, charger_id=ChargerId("bay-3")), errors.EnergyNodeInvalid, "/charger_id"),
        (node(ELSEWHERE, GRID, minimum_start_w=1), errors.EnergyNodeInvalid, "/minimum_start_w"),
        (charger_node(NODE_1, BAY, minimum_start_w=-1), errors.EnergyNodeInvalid, "/minimum_start_w"),
    ],
)
def test_put_node_that_breaks_the_tree_or_is_absurd_is_refused(
    put: EnergyNode, refusal: type[Exception], pointer: str
) -> None:
    outcome = given_site(*opted_in()).when(putting(put))

    outcome.then_refused(refusal)
    assert outcome.refusal is not None
    assert outcome.refusal.pointer == pointer


def test_put_node_of_the_most_watts_is_accepted() -> None:
    highest = node(GRID, None, limit_w=WATTS_MAX)

    given_site().when(putting(highest)).then(node_put(highest))


def test_put_node_too_deep_is_refused() -> None:
    ids = [EnergyNodeId(f"n{number}") for number in range(DEPTH_MAX)]
    chain = [node_put(node(each, above)) for each, above in zip(ids, [None, *ids], strict=False)]

    given_site(*chain).when(putting(node(ELSEWHERE, ids[-1]))).then_refused(errors.EnergyTreeBroken)
    given_site(*chain[:-1]).when(putting(node(ELSEWHERE, ids[-2]))).then(node_put(node(ELSEWHERE, ids[-2])))


def test_put_node_elsewhere_moves_all_below_it() -> None:
    moved = charger_node(NODE_1, BAY, GRID)

    site = given_site(*opted_in()).when(putting(moved)).then(node_put(moved))

    assert [each.node_id for each in site.tree.path(NODE_1)] == [NODE_1, GRID]
    assert site.tree.children == {GRID: {CIRCUIT, NODE_1}, CIRCUIT: {NODE_2}}


def test_remove_node_with_nodes_below_is_refused_and_without_forgets_its_envelopes() -> None:
    history = (*opted_in(), received(envelope(node_id=NODE_1)), measured(demand(KW, node_id=NODE_1)))

    given_site(*history).when(lambda site: site.remove_node(CIRCUIT)).then_refused(errors.EnergyNodeInUse)
    given_site(*history).when(lambda site: site.remove_node(ELSEWHERE)).then_refused(errors.EnergyNodeUnknown)
    site = (
        given_site(*history)
        .when(lambda site: site.remove_node(NODE_1))
        .then(events.EnergyNodeRemoved(depot_id=NORTH, node_id=NODE_1))
    )

    assert (site.envelopes.by_id, site.demands, site.tree.by_charger) == ({}, {}, {ChargerId("bay-2"): NODE_2})


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"own_only_below_w": 100 * KW + 1}, "/own_only_below_w"),
        ({"own_only_below_w": -1}, "/own_only_below_w"),
        ({"own_and_agreement_below_w": WATTS_MAX + 1}, "/own_and_agreement_below_w"),
        ({"hysteresis_w": -1}, "/hysteresis_w"),
        ({"minimum_dwell_s": -1}, "/minimum_dwell_s"),
        ({"measurement_max_age_s": 0}, "/measurement_max_age_s"),
        ({"hold_max_s": 604_801}, "/hold_max_s"),
    ],
)
def test_put_policy_with_absurd_values_is_refused(changes: dict[str, int], pointer: str) -> None:
    outcome = given_site().when(lambda site: site.put_policy(policy(**changes)))

    outcome.then_refused(errors.EnergyPolicyInvalid)
    assert outcome.refusal is not None
    assert outcome.refusal.pointer == pointer


def test_put_policy_again_changes_nothing() -> None:
    given_site(policy_put()).when(lambda site: site.put_policy(policy())).then_nothing()


def test_receive_an_envelope_records_it_and_again_changes_nothing() -> None:
    given_site(*opted_in()).when(receiving()).then(received())
    given_site(*opted_in(), received()).when(receiving(at=NOON + MINUTE)).then_nothing()
    given_site(*opted_in(), received(), withdrawn(NOON)).when(receiving()).then_nothing()


@pytest.mark.parametrize(
    ("changes", "refusal", "pointer"),
    [
        ({"valid_until": NOON}, errors.EnvelopeInvalid, "/valid_until"),
        ({"import_limit_w": -1}, errors.EnvelopeInvalid, "/import_limit_w"),
        ({"import_limit_w": WATTS_MAX + 1}, errors.EnvelopeInvalid, "/import_limit_w"),
        ({"sequence": -1}, errors.EnvelopeInvalid, "/sequence"),
        ({"fallback": fallback(-1)}, errors.EnvelopeInvalid, "/fallback/import_limit_w"),
        ({"fallback": fallback(valid_until=NOON)}, errors.EnvelopeInvalid, "/fallback/valid_until"),
        ({"envelope_id": E2, "node_id": ELSEWHERE, "sequence": 6}, errors.EnergyNodeUnknown, "/node_id"),
        ({"envelope_id": E2, "sequence": 5}, errors.EnvelopeSequenceOld, "/sequence"),
        ({"sequence": 4}, errors.EnvelopeSequenceOld, "/sequence"),
        ({"sequence": 6, "node_id": CIRCUIT}, errors.EnvelopeIdTaken, "/envelope_id"),
        ({"sequence": 6, "source": "other"}, errors.EnvelopeIdTaken, "/envelope_id"),
    ],
)
def test_receive_a_bad_envelope_is_refused(changes: dict[str, Any], refusal: type[Exception], pointer: str) -> None:
    outcome = given_site(*opted_in(), received(envelope(sequence=5))).when(receiving(**changes))

    outcome.then_refused(refusal)
    assert outcome.refusal is not None
    assert outcome.refusal.pointer == pointer


def test_receive_an_envelope_without_a_policy_is_refused_or_recorded_as_ignored() -> None:
    given_site(node_put(GRID_NODE)).when(receiving()).then_refused(errors.EnergyNotOptedIn)
    ignored = events.OperatingEnvelopeIgnored(
        depot_id=NORTH, envelope=envelope(), reason=IgnoredReason.NOT_OPTED_IN, ignored_at=NOON
    )

    history = given_site(node_put(GRID_NODE))
    site = history.when(lambda site: site.receive_or_ignore(envelope(), now=NOON)).then(ignored)

    assert not site.has_feed
    assert not site.envelopes.by_id
    given_site(node_put(GRID_NODE), ignored).when(
        lambda site: site.receive_or_ignore(envelope(), now=NOON + MINUTE)
    ).then_nothing()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"envelope_id": E2, "sequence": 5}, IgnoredReason.SEQUENCE_OLD),
        ({"envelope_id": E2, "sequence": 6, "node_id": ELSEWHERE}, IgnoredReason.UNKNOWN_NODE),
        ({"sequence": 6, "source": "other"}, IgnoredReason.ID_TAKEN),
    ],
)
def test_receive_or_ignore_a_late_or_strange_envelope_records_that_it_has_no_effect(
    changes: dict[str, Any], reason: IgnoredReason
) -> None:
    known = envelope(sequence=5)

    site = (
        given_site(*opted_in(), received(known))
        .when(lambda site: site.receive_or_ignore(envelope(**changes), now=NOON))
        .then(
            events.OperatingEnvelopeIgnored(
                depot_id=NORTH, envelope=envelope(**changes), reason=reason, ignored_at=NOON
            )
        )
    )

    assert {each.envelope for each in site.envelopes.by_id.values()} == {known}


def test_withdraw_an_envelope_once() -> None:
    given_site(*opted_in(), received()).when(lambda site: site.withdraw(E1, now=NOON)).then(withdrawn(NOON))
    given_site(*opted_in(), received(), withdrawn(NOON)).when(lambda site: site.withdraw(E1, now=NOON)).then_nothing()
    given_site(*opted_in()).when(lambda site: site.withdraw(E1, now=NOON)).then_refused(errors.EnvelopeUnknown)


def test_a_finished_envelope_is_forgotten_and_its_sequence_stays() -> None:
    later = received(envelope(E2, sequence=2), at=NOON + 4 * HOUR)

    site = given_site(*opted_in(), received(), later).state

    assert list(site.envelopes.by_id) == [E2]
    given_site(*opted_in(), received(), later).when(receiving(at=NOON + 4 * HOUR)).then_refused(
        errors.EnvelopeSequenceOld
    )


def test_an_envelope_of_a_silent_source_is_kept_while_its_fallback_lasts() -> None:
    history = (
        *opted_in(),
        received(envelope(fallback=fallback(valid_until=NOON + 12 * HOUR))),
        offline(NOON + HOUR),
        received(envelope(E2, source="other"), at=NOON + 8 * HOUR),
    )

    assert E1 in given_site(*history).state.envelopes.by_id


def test_measure_keeps_the_newest_item_of_each_node() -> None:
    items = [demand(2 * KW, NOON), demand(3 * KW, NOON - SECOND), demand(KW, NOON, CIRCUIT)]

    given_site(*opted_in()).when(lambda site: site.measure(items, now=NOON)).then(measured(items[0], items[2]))
    given_site(*opted_in(), measured(*items[:1])).when(
        lambda site: site.measure([items[1], items[0]], now=NOON)
    ).then_nothing()


@pytest.mark.parametrize(
    ("item", "refusal", "pointer"),
    [
        (demand(-1), errors.MeasurementInvalid, "/items/1/demand_w"),
        (demand(WATTS_MAX + 1), errors.MeasurementInvalid, "/items/1/demand_w"),
        (demand(KW, NOON + 61 * SECOND), errors.MeasurementInvalid, "/items/1/observed_at"),
        (demand(KW, node_id=ELSEWHERE), errors.EnergyNodeUnknown, "/items/1/node_id"),
    ],
)
def test_measure_with_one_bad_item_refuses_all(item: Any, refusal: type[Exception], pointer: str) -> None:
    outcome = given_site(*opted_in()).when(lambda site: site.measure([demand(KW), item], now=NOON))

    outcome.then_refused(refusal)
    assert outcome.refusal is not None
    assert outcome.refusal.pointer == pointer


def test_measure_accepts_a_clock_that_is_a_minute_ahead() -> None:
    ahead = demand(KW, NOON + MINUTE)

    given_site(*opted_in()).when(lambda site: site.measure([ahead], now=NOON)).then(measured(ahead, at=NOON))


def test_a_depot_without_a_policy_takes_no_measurements_and_knows_no_sources() -> None:
    history = given_site(node_put(GRID_NODE))

    history.when(lambda site: site.measure([demand(KW)], now=NOON)).then_refused(errors.EnergyNotOptedIn)
    history.when(lambda site: site.hear("dso", now=NOON)).then_refused(errors.EnergyNotOptedIn)
    history.when(lambda site: site.lose("dso", NOON, now=NOON)).then_refused(errors.EnergyNotOptedIn)


def test_hear_a_source_that_stays_is_recorded_once_in_a_while() -> None:
    history = given_site(*opted_in(), heard(NOON))

    history.when(lambda site: site.hear("dso", now=NOON + HEARD_AGAIN_AFTER - SECOND)).then_nothing()
    history.when(lambda site: site.hear("dso", now=NOON + HEARD_AGAIN_AFTER)).then(heard(NOON + HEARD_AGAIN_AFTER))


def test_hear_a_source_that_was_silent_ends_its_silence() -> None:
    history = given_site(*opted_in(), heard(NOON), offline(NOON + SECOND))

    site = history.when(lambda site: site.hear("dso", now=NOON + MINUTE)).then(heard(NOON + MINUTE))

    assert site.offline == {}


def test_lose_a_source_is_never_before_it_was_heard() -> None:
    history = given_site(*opted_in(), heard(NOON))

    history.when(lambda site: site.lose("dso", NOON - HOUR, now=NOON + MINUTE)).then(
        offline(NOON, reported_at=NOON + MINUTE)
    )
    given_site(*opted_in(), heard(NOON), offline(NOON + HOUR)).when(
        lambda site: site.lose("dso", NOON + HOUR, now=NOON + MINUTE)
    ).then_nothing()


def test_a_fresh_envelope_ends_a_silence_but_not_an_announced_end() -> None:
    fresh = received(envelope(), at=NOON + MINUTE)

    assert given_site(*opted_in(), offline(NOON), fresh).state.offline == {}
    announced = offline(NOON + HOUR, reported_at=NOON)
    assert given_site(*opted_in(), announced, fresh).state.offline == {"dso": NOON + HOUR}


def test_the_circuit_of_the_tree_has_the_chargers_below_it() -> None:
    site = given_site(*opted_in()).state

    assert [each.node_id for each in site.tree.path(NODE_1)] == [NODE_1, CIRCUIT_NODE.node_id, GRID]
    assert {each.node_id for each in site.tree.below(CIRCUIT)} == {CIRCUIT, NODE_1, NODE_2}


def test_a_source_more_than_a_depot_may_have_is_refused() -> None:
    history = given_site(*opted_in(), *(heard(NOON, f"source-{number}") for number in range(SOURCES_MAX)))

    history.when(receiving()).then_refused(errors.TooManyEnergySources)
    history.when(lambda site: site.hear("dso", now=NOON)).then_refused(errors.TooManyEnergySources)
    history.when(lambda site: site.lose("dso", NOON, now=NOON)).then_refused(errors.TooManyEnergySources)
    history.when(receiving(source="source-0")).then(received(envelope(source="source-0")))
