"""EnergyGates: the gates in memory follow the site, the charges under way and the time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.site_energy import site_gates
from access_policy.application.site_energy.gates import EnergyGates
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.ids import AttemptId, ChargerId, EnergyNodeId
from access_policy.domain.site_energy.events import AccessNarrowed, SiteEnergyEvent
from access_policy.domain.site_energy.gate import Gate, GateLevel, LimitSource
from tests.support import builders
from tests.support.builders import BAY, HOUR, MINUTE, NOON, NORTH
from tests.support.depot_in_memory import SettableClock
from tests.support.office import ACME
from tests.support.rows import log_of
from tests.support.site_energy import (
    BAY_2,
    E1,
    E2,
    GRID,
    KW,
    TREE,
    demand,
    envelope,
    fallback,
    heard,
    measured,
    node_put,
    offline,
    opted_in,
    policy_put,
    received,
    withdrawn,
)

OPEN, AGREEMENT, OWN = GateLevel.OPEN, GateLevel.OWN_AND_AGREEMENT, GateLevel.OWN_ONLY
DEPOT = (ACME, NORTH)
SHORT = envelope(import_limit_w=KW)


@dataclass
class Depot:
    """Two chargers of a depot that has opted in."""

    view: DecisionView = field(default_factory=DecisionView)
    live: RecentActivity = field(default_factory=RecentActivity)
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOON))
    told: list[ChargerId] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gates = EnergyGates(self.view, self.live, self.clock)
        self.gates.on_gate_change(lambda key: self.told.append(key[1]))

    async def opened(self) -> Depot:
        batch = log_of(builders.registered(), replace(builders.registered(), charger_id=BAY_2))
        await self.view.follow(batch, len(batch))
        self.record(*opted_in())
        return self

    def record(self, *events: SiteEnergyEvent) -> None:
        site = self.view.site_energy(*DEPOT)
        for event in events:
            self.view.follow_site(ACME, event, site.version + 1, self.clock.now())

    def gate(self, charger_id: ChargerId = BAY, at: datetime | None = None) -> Gate | None:
        return self.gates.gate(ACME, charger_id, at or self.clock.now())

    def level(self, charger_id: ChargerId = BAY, at: datetime | None = None) -> GateLevel | None:
        found = self.gate(charger_id, at)
        return None if found is None else found.level

    def start(self, charger_id: ChargerId, transaction_id: str = "t1") -> None:
        session = Session(
            attempt_id=AttemptId("a"),
            transaction_id=transaction_id,
            connector_id=1,
            identifier=None,
            vehicle_id=None,
            decision=SessionDecision.NONE,
            started_at=self.clock.now(),
            meter_start_wh=None,
        )
        self.live.started((ACME, charger_id), session)


async def test_a_depot_without_policy_or_feed_has_no_gate_until_it_has() -> None:
    depot = await Depot().opened()

    assert depot.gate() is None
    depot.record(received(SHORT))

    assert depot.level() is OWN
    depot.record(policy_put(enabled=False))
    assert depot.gate() is None
    assert depot.gates.gate(ACME, ChargerId("unknown"), NOON) is None


async def test_an_envelope_narrows_at_once_and_tells_the_chargers_below() -> None:
    depot = await Depot().opened()
    depot.record(measured(demand(0)))
    assert depot.level() is OPEN
    depot.told.clear()

    depot.record(received(SHORT))

    assert sorted(depot.told) == [BAY, BAY_2]
    found = depot.gate()
    assert found is not None
    assert (found.level, found.limit_source, found.binding_node_id) == (OWN, LimitSource.FRESH_ENVELOPE, GRID)


async def test_a_withdrawn_envelope_releases_after_the_dwell() -> None:
    depot = await Depot().opened()
    depot.record(received(SHORT))
    assert depot.level() is OWN

    depot.clock.set(NOON + MINUTE)
    depot.record(withdrawn(NOON + MINUTE))

    assert depot.level() is OWN
    depot.clock.set(NOON + 5 * MINUTE)
    assert depot.level() is OWN
    depot.clock.set(NOON + 6 * MINUTE)
    assert depot.level() is OPEN


async def test_an_envelope_that_began_and_ended_unseen_still_holds_the_dwell() -> None:
    depot = await Depot().opened()
    short = envelope(import_limit_w=KW, valid_from=NOON + MINUTE, valid_until=NOON + 2 * MINUTE)
    depot.record(measured(demand(0)), received(short))
    assert depot.level() is OPEN

    depot.clock.set(NOON + 3 * MINUTE)
    depot.record(measured(demand(0, NOON + 3 * MINUTE)))  # the site changes; what came before is taken in first

    assert depot.level() is OWN
    depot.clock.set(NOON + 7 * MINUTE)
    assert depot.level() is OPEN


async def test_charges_narrow_and_release_where_nothing_is_measured() -> None:
    depot = await Depot().opened()
    depot.record(received(envelope(import_limit_w=200 * KW)))
    assert depot.level() is OPEN
    depot.told.clear()

    depot.start(BAY_2)

    assert depot.level() is AGREEMENT
    assert sorted(depot.told) == [BAY, BAY_2]
    depot.live.ended((ACME, BAY_2), "t1")
    depot.clock.set(NOON + 5 * MINUTE)
    assert depot.level() is OPEN


async def test_a_charge_under_way_before_the_first_question_counts() -> None:
    depot = await Depot().opened()
    depot.start(BAY_2)

    depot.record(received(envelope(import_limit_w=200 * KW)))

    assert depot.level() is AGREEMENT


async def test_silence_holds_and_then_leaves_static_limits() -> None:
    depot = await Depot().opened()
    depot.record(received(envelope(import_limit_w=120 * KW)), measured(demand(60 * KW)))
    assert depot.level() is AGREEMENT
    depot.record(offline(NOON + MINUTE, reported_at=NOON))

    depot.clock.set(NOON + 15 * MINUTE)
    assert depot.level() is AGREEMENT
    found = depot.gate()
    assert found is not None
    assert found.limit_source is LimitSource.STALE_POLICY

    depot.clock.set(NOON + 16 * MINUTE + 5 * MINUTE)
    assert depot.level() is OPEN
    depot.record(measured(demand(490 * KW, depot.clock.now())))
    assert depot.level() is OWN  # the static limit of the grid connection


async def test_a_source_heard_again_has_its_envelopes_back() -> None:
    depot = await Depot().opened()
    depot.record(received(envelope(import_limit_w=120 * KW, fallback=fallback(KW))), offline(NOON))
    found = depot.gate()
    assert found is not None
    assert (found.level, found.limit_source) == (OWN, LimitSource.FALLBACK_ENVELOPE)

    depot.record(heard(NOON))

    found = depot.gate()
    assert found is not None
    assert (found.level, found.limit_source) == (OWN, LimitSource.FRESH_ENVELOPE)  # until the dwell is over
    depot.clock.set(NOON + 5 * MINUTE)
    assert depot.level() is OPEN


async def test_a_restart_holds_the_recorded_level_and_begins_the_dwell_anew() -> None:
    depot = await Depot().opened()
    depot.record(
        measured(demand(0)),
        AccessNarrowed(
            depot_id=NORTH,
            node_id=GRID,
            level=OWN,
            envelope=None,
            limit_source=LimitSource.STATIC_NODE,
            charger_ids=(BAY,),
            effective_w=0,
            committed_w=500 * KW,
            threshold_w=50 * KW,
            is_advisory=False,
            narrowed_at=NOON - HOUR,
        ),
    )

    assert (depot.level(), depot.level(BAY_2)) == (OWN, OPEN)
    depot.clock.set(NOON + 5 * MINUTE)
    assert depot.level() is OPEN


async def test_a_gate_of_another_instant_leaves_that_of_now() -> None:
    depot = await Depot().opened()
    depot.record(measured(demand(0)), received(envelope(import_limit_w=KW, valid_from=NOON + HOUR)))

    assert depot.level(at=NOON + HOUR) is OWN
    assert depot.level(at=NOON + 2 * HOUR + 5 * MINUTE) is OPEN
    assert depot.level() is OPEN
    assert depot.level(at=NOON - HOUR) is OPEN


async def test_narrowings_are_the_one_in_force_and_the_planned_ones() -> None:
    depot = await Depot().opened()
    later = envelope(E2, 2, import_limit_w=KW, valid_from=NOON + 6 * HOUR, valid_until=NOON + 8 * HOUR)
    depot.record(received(SHORT), received(later), measured(demand(0)))

    found = depot.gates.narrowings(ACME, BAY, NOON, NOON + 48 * HOUR)

    assert [
        (each.starts_at, each.ends_at, each.level, each.envelope and each.envelope.envelope_id) for each in found
    ] == [
        (NOON, NOON + 2 * HOUR, OWN, E1),
        (NOON + 2 * HOUR, NOON + 2 * HOUR + 5 * MINUTE, OWN, None),
        (NOON + 6 * HOUR, NOON + 8 * HOUR, OWN, E2),
        (NOON + 8 * HOUR, NOON + 8 * HOUR + 5 * MINUTE, OWN, None),
    ]
    assert depot.gates.narrowings(ACME, BAY, NOON + 7 * HOUR, NOON + 8 * HOUR)[0].ends_at == NOON + 8 * HOUR
    assert depot.gates.narrowings(ACME, ChargerId("unknown"), NOON, NOON + HOUR) == ()


async def test_a_change_of_the_tree_keeps_the_levels() -> None:
    depot = await Depot().opened()
    depot.record(received(SHORT))
    assert depot.level() is OWN

    depot.record(withdrawn(NOON), node_put(TREE[0]))

    assert depot.level() is OWN
    depot.clock.set(NOON + 5 * MINUTE)
    assert depot.level() is OPEN


async def test_a_charge_at_the_only_connector_leaves_the_charger_itself_as_it_is() -> None:
    depot = await Depot().opened()
    depot.record(measured(demand(0)))
    assert depot.level() is OPEN

    depot.start(BAY)

    assert depot.level() is OPEN
    assert depot.level(BAY_2) is OPEN


async def test_a_charge_at_one_of_two_connectors_counts_at_the_charger() -> None:
    depot = await Depot().opened()
    depot.record(measured(demand(0)))
    assert depot.level() is OPEN
    two = replace(builders.registered(), settings=builders.settings(connectors=2))
    amended = ChargerAmended(charger_id=BAY, settings=two.settings)
    await depot.view.follow(log_of(two, amended)[1:], 3)

    depot.start(BAY)

    found = depot.gate()
    assert found is not None
    assert (found.level, found.limit_source) == (OWN, LimitSource.CHARGER)


async def test_what_the_nodes_above_leave_is_planned_once_for_all_chargers_until_it_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    depot = await Depot().opened()
    depot.record(received(envelope(valid_from=NOON + HOUR, valid_until=NOON + 2 * HOUR, import_limit_w=KW)))
    planned: list[EnergyNodeId] = []
    compute = site_gates.pieces_of
    monkeypatch.setattr(
        site_gates, "pieces_of", lambda here, *args: planned.append(here.node.node_id) or compute(here, *args)
    )

    def windows() -> list[tuple[datetime, datetime]]:
        end = NOON + 10 * HOUR
        both = [depot.gates.narrowings(ACME, each, NOON, end) for each in (BAY, BAY_2)]
        assert both[0] == both[1]
        return [(each.starts_at, each.ends_at) for each in both[0]]

    ends = NOON + 2 * HOUR  # then the dwell, without the envelope
    assert windows() == [(NOON + HOUR, ends), (ends, ends + 5 * MINUTE)]
    assert sorted(planned) == ["circuit", "grid", "node-1", "node-2"]
    depot.record(withdrawn(NOON))
    assert windows() == []
    assert planned.count(GRID) == 2
