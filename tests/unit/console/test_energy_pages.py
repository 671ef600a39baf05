"""The energy pages: words, what is silent, the picture of the coming hours, and the order of the tree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from access_policy.application.queries.site_state import NodeState, SiteState, state_of
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import FallbackLimit, OperatingEnvelope
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.entrypoints.http.console import energy_words, words
from access_policy.entrypoints.http.console.energy_pictures import Ahead, limits_of, narrowed_alike
from access_policy.entrypoints.http.console.energy_shown import (
    CHARGERS_SHOWN,
    planned,
    tree_rows,
)

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AHEAD = Ahead(NOON, ZoneInfo("Europe/Berlin"))
POLICY = EnergyPolicy(enabled=True, own_and_agreement_below_w=60_000, hold_max_s=900, measurement_max_age_s=120)


def a_site(*nodes: EnergyNode) -> SiteEnergy:
    site = SiteEnergy(depot_id=DepotId("north"))
    decided: list[Any] = [*site.put_policy(POLICY)]
    for event in decided:
        site.apply(event)
    for node in nodes or (a_node("main", None, NodeKind.SITE, limit_w=400_000),):
        for each in site.put_node(node):
            site.apply(each)
    return site


def a_node(node_id: str, parent_id: str | None, kind: NodeKind, **more: Any) -> EnergyNode:
    parent = None if parent_id is None else EnergyNodeId(parent_id)
    return EnergyNode(node_id=EnergyNodeId(node_id), parent_id=parent, kind=kind, **more)


def receive(site: SiteEnergy, watts: int, start: datetime, end: datetime, sequence: int = 1, **more: Any) -> None:
    envelope = OperatingEnvelope(
        envelope_id=EnvelopeId(f"e-{sequence}"),
        node_id=EnergyNodeId("main"),
        source="grid",
        sequence=sequence,
        valid_from=start,
        valid_until=end,
        import_limit_w=watts,
        **more,
    )
    for event in site.receive(envelope, now=NOON):
        site.apply(event)


def go_silent(site: SiteEnergy, at: datetime) -> None:
    for event in site.lose("grid", at, now=at):
        site.apply(event)


@pytest.mark.parametrize(
    ("watts", "text"),
    [(120_000, "120 kW"), (7_400, "7.4 kW"), (0, "0 kW"), (-3_000, "−3 kW"), (-20, "0 kW"), (None, "no limit")],
)
def test_power_is_kilowatts_with_one_decimal_where_needed(watts: int | None, text: str) -> None:
    assert energy_words.power(watts) == text


def test_every_level_source_state_and_kind_has_words() -> None:
    assert set(energy_words.LEVELS) == set(energy_words.WHO_MAY) == set(GateLevel)
    assert set(energy_words.SOURCES) == set(type(next(iter(energy_words.SOURCES))))
    assert set(energy_words.STATES) == set(type(next(iter(energy_words.STATES))))
    assert set(energy_words.KINDS) == set(NodeKind)


def test_cause_of_short_power_leads_to_the_explanation_of_the_charger() -> None:
    cause = NarrowedWindow(starts_at=NOON, ends_at=NOON + HOUR, level=GateLevel.OWN_ONLY).cause

    assert words.page_of_cause(cause, "bay 1/2") == "/console/energy/chargers/bay%201%2F2"


def test_silent_source_says_what_counts_instead_up_to_the_end_of_each_step() -> None:
    fallback = FallbackLimit(import_limit_w=90_000, valid_until=NOON + HOUR)
    with_fallback, without = a_site(), a_site()
    receive(with_fallback, 200_000, NOON - HOUR, NOON + 3 * HOUR, fallback=fallback)
    receive(without, 200_000, NOON - HOUR, NOON + 3 * HOUR)
    for site in (with_fallback, without):
        go_silent(site, NOON)
    hold = POLICY.hold_max

    def effect(site: SiteEnergy, at: datetime) -> str:
        (found,) = energy_words.silences(site, at)
        assert found.since == NOON
        return found.effect.split(" ")[0]

    assert energy_words.silences(without, NOON - timedelta(seconds=1)) == []
    assert effect(with_fallback, NOON) == "The"
    assert effect(with_fallback, NOON + HOUR) == "Only"
    assert effect(without, NOON + hold - timedelta(seconds=1)) == "Its"
    assert effect(without, NOON + hold) == "Only"


def test_measurement_is_silent_from_the_age_on_at_which_it_no_longer_counts() -> None:
    site = a_site()
    for event in site.measure([Demand(node_id=EnergyNodeId("main"), observed_at=NOON, demand_w=5)], now=NOON):
        site.apply(event)

    assert energy_words.silences(site, NOON + timedelta(seconds=119)) == []
    (found,) = energy_words.silences(site, NOON + timedelta(seconds=120))
    assert (found.since, found.what) == (NOON + 2 * MINUTE, "The demand of main is no longer measured")


def test_charger_that_stopped_charging_is_no_silent_feed() -> None:
    site = a_site()
    for event in site.measure([Demand(node_id=EnergyNodeId("main"), observed_at=NOON, demand_w=0)], now=NOON):
        site.apply(event)

    assert energy_words.silences(site, NOON + HOUR) == []


def test_picture_shows_the_lowest_limit_of_each_time_and_joins_equal_ones() -> None:
    site = a_site()
    receive(site, 200_000, NOON, NOON + 24 * HOUR, sequence=1)
    receive(site, 100_000, NOON + 12 * HOUR, NOON + 60 * HOUR, sequence=2)

    (line,) = limits_of(site, AHEAD)

    assert [(each.label, each.x, each.width) for each in line.bars] == [("200 kW", 0.0, 25.0), ("100 kW", 25.0, 75.0)]
    assert line.static == "400 kW"
    assert line.bars[1].title == "100 kW from Fri 01:00: operating envelope, e-2"


def test_picture_has_no_line_for_a_node_without_envelopes_in_the_period() -> None:
    site = a_site()
    receive(site, 200_000, NOON - 2 * HOUR, NOON, sequence=1)
    receive(site, 200_000, NOON + 48 * HOUR, NOON + 50 * HOUR, sequence=2)

    assert limits_of(site, AHEAD) == []


def test_chargers_with_the_same_windows_are_one_line_and_those_never_narrowed_none() -> None:
    night = NarrowedWindow(starts_at=NOON + 6 * HOUR, ends_at=NOON + 12 * HOUR, level=GateLevel.OWN_ONLY)
    narrowed = {ChargerId("b"): (night,), ChargerId("a"): (night,), ChargerId("c"): ()}

    (group,) = narrowed_alike(narrowed, AHEAD)

    assert group.charger_ids == ["a", "b"]
    assert [(each.kind, each.x, each.width) for each in group.bars] == [("own_only", 12.5, 12.5)]


def test_ticks_are_every_six_hours_of_the_local_clock_and_midnights_are_days() -> None:
    assert [each.label for each in AHEAD.ticks] == ["18", "Fri 27", "06", "12", "18", "Sat 28", "06", "12"]


def states_of(nodes: list[EnergyNode], levels: dict[str, GateLevel]) -> SiteState:
    found = [
        NodeState(
            node=each,
            demand_w=0,
            observed_at=None,
            standing=None,
            slack=None,
            level=levels.get(each.node_id, GateLevel.OPEN),
        )
        for each in nodes
    ]
    return SiteState(site=a_site(), nodes=found, computed_at=NOON)


async def test_state_lists_nodes_below_the_same_node_by_id_with_what_each_path_leaves() -> None:
    site = a_site(
        a_node("main", None, NodeKind.SITE, limit_w=400_000),
        a_node("b", "main", NodeKind.CIRCUIT, limit_w=500_000),
        a_node("a", "main", NodeKind.CIRCUIT, limit_w=100_000),
        a_node("b-1", "b", NodeKind.CHARGER, charger_id=ChargerId("b-1"), limit_w=150_000),
    )
    receive(site, 90_000, NOON, NOON + HOUR)

    state = await state_of(site, (), NOON, lambda _: GateLevel.OPEN)

    rows = tree_rows(state, every_charger=False)
    assert [(each.state.node.node_id, each.depth) for each in rows] == [("main", 0), ("a", 1), ("b", 1), ("b-1", 2)]
    assert [each.state.slack.effective_w for each in rows if each.state.slack] == [90_000] * 4
    assert rows[0].own_limit_w == 90_000
    assert rows[0].state.standing is not None


def test_tree_of_many_chargers_shows_those_that_are_narrowed_and_counts_the_others() -> None:
    count = CHARGERS_SHOWN + 1
    chargers = [a_node(f"c-{n:03d}", "site", NodeKind.CHARGER, charger_id=ChargerId(f"c-{n}")) for n in range(count)]
    state = states_of([a_node("site", None, NodeKind.SITE), *chargers], {"c-007": GateLevel.OWN_ONLY})

    rows = tree_rows(state, every_charger=False)

    assert [each.state.node.node_id for each in rows] == ["site", "c-007"]
    assert rows[0].hidden == {GateLevel.OPEN: count - 1}
    assert energy_words.hidden(rows[0].hidden) == f"{count - 1} chargers that are open"
    assert len(tree_rows(state, every_charger=True)) == count + 1


def test_tree_of_many_narrowed_chargers_shows_the_narrowest_of_each_node_and_counts_the_others() -> None:
    groups = [a_node(f"group-{n}", "site", NodeKind.CHARGER_GROUP) for n in range(2)]
    chargers = [
        a_node(f"c-{n:03d}", f"group-{n % 2}", NodeKind.CHARGER, charger_id=ChargerId(f"c-{n}")) for n in range(100)
    ]
    levels = {each.node_id: GateLevel.OWN_AND_AGREEMENT for each in chargers} | {"c-090": GateLevel.OWN_ONLY}
    levels["c-099"] = GateLevel.OPEN
    state = states_of([a_node("site", None, NodeKind.SITE), *groups, *chargers], levels)

    rows = tree_rows(state, every_charger=False)

    shown = [each.state.node.node_id for each in rows if each.state.node.charger_id is not None]
    assert sorted(shown) == ["c-000", "c-001", "c-002", "c-003", "c-005", "c-090"]
    hidden = {each.state.node.node_id: energy_words.hidden(each.hidden) for each in rows if each.hidden}
    assert hidden == {
        "group-0": "47 chargers, own and agreement",
        "group-1": "47 chargers: 46 own and agreement, 1 open",
    }


class CountedGates:
    """Narrows all chargers in the same window, and notes which it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> None:
        return None

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> tuple[NarrowedWindow, ...]:
        self.asked.append(charger_id)
        return (NarrowedWindow(starts_at=start, ends_at=end, level=GateLevel.OWN_ONLY),)


async def test_narrowings_are_asked_for_once_for_chargers_that_are_alike() -> None:
    limits = {"a": 22_000, "b": 22_000, "c": 150_000}
    chargers = [
        a_node(each, "site", NodeKind.CHARGER, charger_id=ChargerId(each), limit_w=limit)
        for each, limit in limits.items()
    ]
    state, gates = states_of([a_node("site", None, NodeKind.SITE), *chargers], {}), CountedGates()

    found = await planned(gates, TenantId("t"), state, NOON, NOON + HOUR)

    assert gates.asked == ["a", "c"]
    assert set(found) == {"a", "b", "c"}
