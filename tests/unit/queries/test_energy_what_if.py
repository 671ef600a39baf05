"""Gates replayed from a site's events: envelopes, dwell and running charges count as they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from access_policy.application.what_if.energy import GateReplay, RunningCharges, judged
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.events import (
    EnergyNodePut,
    EnergyPolicyPut,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
    SiteEnergyEvent,
)
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import SiteEnergy
from tests.support.builders import HOUR, MINUTE, NOON

NORTH, BAY, SITE = DepotId("north"), ChargerId("bay-1"), EnergyNodeId("main")
POLICY = EnergyPolicy(enabled=True, own_only_below_w=10_000, own_and_agreement_below_w=10_000, minimum_dwell_s=300)
NODES = (
    EnergyNode(node_id=SITE, parent_id=None, kind=NodeKind.SITE, limit_w=100_000),
    EnergyNode(node_id=EnergyNodeId("bay"), parent_id=SITE, kind=NodeKind.CHARGER, charger_id=BAY, limit_w=50_000),
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
    OperatingEnvelopeReceived(depot_id=NORTH, envelope=ENVELOPE, received_at=NOON),
)


def attempt(at: datetime, **values: Any) -> dict[str, Any]:
    names = ("session_started_at", "session_ended_at", "reason", "would_deny", "access_class")
    return {"attempt_id": f"{at}", "occurred_at": at, "charger_id": BAY, **dict.fromkeys(names), **values}


async def levels(*ats: datetime, events: tuple[tuple[datetime, SiteEnergyEvent], ...] = ()) -> list[str]:
    attempts = [attempt(at) for at in ats]
    replay = GateReplay(SiteEnergy(depot_id=NORTH), [*((NOON, each) for each in SET_UP), *events], attempts)
    return [(await replay.level(BAY, at)).value for at in ats]


async def test_gate_follows_the_envelope_and_the_dwell_after_its_end() -> None:
    end = NOON + 4 * HOUR

    found = await levels(NOON - MINUTE, NOON + MINUTE, end, end + 4 * MINUTE, end + 5 * MINUTE)

    assert found == ["open", "own_only", "own_only", "own_only", "open"]


async def test_withdrawal_releases_the_gate_after_the_dwell() -> None:
    withdrawn = OperatingEnvelopeWithdrawn(
        depot_id=NORTH, envelope_id=ENVELOPE.envelope_id, withdrawn_at=NOON + 2 * MINUTE
    )

    found = await levels(NOON + MINUTE, NOON + 3 * MINUTE, NOON + 8 * MINUTE, events=((NOON + 2 * MINUTE, withdrawn),))

    assert found == ["own_only", "own_only", "open"]


async def test_withdrawal_of_an_envelope_that_is_forgotten_is_left_out() -> None:
    unknown = OperatingEnvelopeWithdrawn(depot_id=NORTH, envelope_id=EnvelopeId("gone"), withdrawn_at=NOON)

    assert await levels(NOON + MINUTE, events=((NOON, unknown),)) == ["own_only"]


def test_charge_runs_from_after_its_start_to_before_its_end() -> None:
    ended = attempt(NOON, session_started_at=NOON, session_ended_at=NOON + HOUR)
    charges = RunningCharges([ended])

    assert [list(charges.running(at)) for at in (NOON, NOON + MINUTE, NOON + HOUR)] == [[], [BAY], []]


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
