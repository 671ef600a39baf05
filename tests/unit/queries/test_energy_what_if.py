"""Gates replayed from a site's events: envelopes, dwell and running charges count as they did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from access_policy.application.what_if.energy import FOLLOWED_MAX_H, check_work, judged
from access_policy.application.what_if.gate_replay import GateReplay, Watch, charges_of, watches_of
from access_policy.application.what_if.replay import WhatIfInvalid
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.events import (
    DemandMeasured,
    EnergyNodePut,
    EnergyPolicyPut,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
    SiteEnergyEvent,
)
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import SiteEnergy
from tests.support.builders import DAY, HOUR, MINUTE, NOON

NORTH, BAY, SITE = DepotId("north"), ChargerId("bay-1"), EnergyNodeId("main")
POLICY = EnergyPolicy(enabled=True, own_only_below_w=10_000, own_and_agreement_below_w=10_000, minimum_dwell_s=300)
NODES = (
    EnergyNode(node_id=SITE, parent_id=None, kind=NodeKind.SITE, limit_w=100_000),
    EnergyNode(node_id=EnergyNodeId("bay"), parent_id=SITE, kind=NodeKind.CHARGER, charger_id=BAY, limit_w=50_000),
    EnergyNode(
        node_id=EnergyNodeId("bay-2"),
        parent_id=SITE,
        kind=NodeKind.CHARGER,
        charger_id=ChargerId("bay-2"),
        limit_w=95_000,
    ),
)
ENVELOPE = OperatingEnvelope(
    envelope_id=EnvelopeId("env-1"),
    node_id=SITE,
    source="grid",
    sequence=1,
    valid_from=NOON,
    valid_until=NOON + 4 * HOUR,
    import_limit_w=5_000,
)
SET_UP: tuple[SiteEnergyEvent, ...] = (
    EnergyPolicyPut(depot_id=NORTH, policy=POLICY),
    *(EnergyNodePut(depot_id=NORTH, node=node) for node in NODES),
)


def attempt(at: datetime, **values: Any) -> dict[str, Any]:
    names = ("session_started_at", "session_ended_at", "reason", "would_deny", "access_class")
    return {"attempt_id": f"{at}", "occurred_at": at, "charger_id": BAY, **dict.fromkeys(names), **values}


def levels(
    *ats: datetime,
    events: Sequence[tuple[datetime, SiteEnergyEvent]] = (),
    others: Sequence[dict[str, Any]] = (),
    alone: frozenset[ChargerId] = frozenset(),
) -> list[str]:
    attempts = [attempt(at) for at in ats]
    watches = watches_of(attempts, HOUR)
    changes = sorted([*((NOON - HOUR, each) for each in SET_UP), *events], key=lambda each: each[0])
    replay = GateReplay(SiteEnergy(depot_id=NORTH), attempts, watches, charges_of(others), alone)
    replay.follow(changes, NOON + DAY)
    return [level.value for _, level in replay.judged]


def measured(minutes: int, demand_w: int, node_id: EnergyNodeId = SITE) -> tuple[datetime, SiteEnergyEvent]:
    at = NOON + minutes * MINUTE
    return at, DemandMeasured(
        depot_id=NORTH, items=(Demand(node_id=node_id, observed_at=at, demand_w=demand_w),), received_at=at
    )


RECEIVED = (NOON, OperatingEnvelopeReceived(depot_id=NORTH, envelope=ENVELOPE, received_at=NOON))


def test_gate_follows_the_envelope_and_the_dwell_after_its_end() -> None:
    end = NOON + 4 * HOUR

    found = levels(NOON - MINUTE, NOON + MINUTE, end, end + 4 * MINUTE, end + 5 * MINUTE, events=[RECEIVED])

    assert found == ["open", "own_only", "own_only", "own_only", "open"]


def test_withdrawal_releases_the_gate_after_the_dwell() -> None:
    withdrawn = OperatingEnvelopeWithdrawn(
        depot_id=NORTH, envelope_id=ENVELOPE.envelope_id, withdrawn_at=NOON + 2 * MINUTE
    )

    found = levels(
        NOON + MINUTE, NOON + 3 * MINUTE, NOON + 8 * MINUTE, events=[RECEIVED, (NOON + 2 * MINUTE, withdrawn)]
    )

    assert found == ["own_only", "own_only", "open"]


def test_withdrawal_of_an_envelope_that_is_forgotten_is_left_out() -> None:
    unknown = OperatingEnvelopeWithdrawn(depot_id=NORTH, envelope_id=EnvelopeId("gone"), withdrawn_at=NOON)

    assert levels(NOON + MINUTE, events=[RECEIVED, (NOON, unknown)]) == ["own_only"]


def test_measurement_that_grew_stale_between_two_others_held_the_gate() -> None:
    stale_for_a_while = [measured(0, 0), measured(10, 0)]
    running = [attempt(NOON, charger_id="bay-2", session_started_at=NOON - MINUTE)]

    found = levels(NOON + MINUTE, NOON + 11 * MINUTE, NOON + 14 * MINUTE, events=stale_for_a_while, others=running)

    assert found == ["open", "own_only", "own_only"]


def test_charge_counts_from_after_its_start_to_before_its_end() -> None:
    feed = [measured(-60, 0)]
    ended = attempt(NOON, charger_id="bay-2", session_started_at=NOON, session_ended_at=NOON + 20 * MINUTE)
    ats = (NOON, NOON + MINUTE, NOON + 20 * MINUTE, NOON + 25 * MINUTE)

    assert levels(*ats, events=feed, others=[ended]) == ["open", "own_only", "own_only", "open"]


def test_demand_at_the_node_of_a_charger_with_one_connector_does_not_count() -> None:
    busy = [measured(0, 45_000, EnergyNodeId("bay"))]

    assert levels(NOON + MINUTE, events=busy) == ["own_only"]
    assert levels(NOON + MINUTE, events=busy, alone=frozenset({BAY})) == ["open"]


def test_attempts_close_to_each_other_are_watched_together() -> None:
    rows = [attempt(NOON), attempt(NOON + 30 * MINUTE), attempt(NOON + 5 * HOUR)]

    assert [(each.start, each.end) for each in watches_of(rows, HOUR)] == [
        (NOON - HOUR, NOON + 30 * MINUTE),
        (NOON + 4 * HOUR, NOON + 5 * HOUR),
    ]


def test_period_with_too_many_hours_of_gates_is_refused_with_what_to_do() -> None:
    watch = Watch(NOON, NOON + FOLLOWED_MAX_H * HOUR, BAY)

    check_work([watch])
    with pytest.raises(WhatIfInvalid, match="choose a shorter period"):
        check_work([watch, Watch(NOON, NOON + HOUR, BAY)])


@pytest.mark.parametrize(
    ("row", "level", "found"),
    [
        ({"reason": "own_vehicle", "access_class": "own"}, "own_only", (False, False)),
        ({"reason": "agreement_vehicle", "access_class": "agreement"}, "own_only", (False, True)),
        ({"reason": "agreement_vehicle", "access_class": "agreement"}, "own_and_agreement", (False, False)),
        ({"reason": "freevend", "access_class": "unknown"}, "own_and_agreement", (False, True)),
        ({"reason": "reservation", "access_class": "unknown"}, "own_only", (False, False)),
        ({"reason": "unknown_identifier", "access_class": "unknown"}, "own_only", (False, False)),
        ({"reason": "energy_restricted", "access_class": "agreement"}, "open", (True, False)),
        (
            {"reason": "observed", "would_deny": "energy_restricted", "access_class": "unknown"},
            "own_only",
            (True, True),
        ),
    ],
)
def test_attempt_is_refused_by_class_unless_another_rule_decided(
    row: dict[str, Any], level: str, found: tuple[bool, bool]
) -> None:
    answer = judged(attempt(NOON, **row), GateLevel(level))

    assert (answer.was_refused, answer.is_refused) == found
