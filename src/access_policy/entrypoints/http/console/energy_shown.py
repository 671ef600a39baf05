"""The energy of a depot's site as pages show it: the tree with the power left at each node, and the narrowed
chargers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from access_policy.application.event_loop import cooperatively
from access_policy.application.queries.site_state import NodeState, SiteState, SiteStates
from access_policy.domain.ids import ChargerId, EnergyNodeId, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.gate import Gate, GateLevel
from access_policy.domain.site_energy.nodes import NodeKind
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.entrypoints.http.dependencies import provided

CHARGERS_SHOWN: Final = 60  # in a tree, unless all are requested
NARROWED_SHOWN: Final = 3  # below each node, if more than that are narrowed in total


class GatesHere(Protocol):
    """The gates of the depots' chargers, computed for the present or any later instant."""

    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None: ...

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> Sequence[NarrowedWindow]: ...


Gates = Annotated[GatesHere, provided(lambda c: c.deciding.energy_gates)]
States = Annotated[SiteStates, provided(lambda c: c.queries.site_states)]


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A node with its depth. `own_limit_w` is the least of its static limit and its envelope's. `used` is the
    percentage of it that the demand takes, at most 100; None without a limit. `hidden` counts the chargers directly
    below that are not shown, by level; level None: without a gate."""

    depth: int
    state: NodeState
    own_limit_w: int | None
    used: float | None
    binds: int
    hidden: dict[GateLevel | None, int] = field(default_factory=dict)


def tree_rows(state: SiteState, *, every_charger: bool) -> list[TreeRow]:
    """Return the nodes, each after its parent. Of many chargers only the narrowed ones are shown, and of many narrowed
    ones only the narrowest below each node, unless all are requested."""
    chargers = [each for each in state.nodes if each.node.kind is NodeKind.CHARGER]
    shows_all = every_charger or len(chargers) <= CHARGERS_SHOWN
    hidden = {} if shows_all else _hidden(chargers)
    counts: dict[EnergyNodeId | None, dict[GateLevel | None, int]] = {}
    for each in hidden.values():
        levels = counts.setdefault(each.node.parent_id, {})
        levels[each.level] = levels.get(each.level, 0) + 1
    shown = [each for each in state.nodes if each.node.node_id not in hidden]
    binds: dict[EnergyNodeId, int] = {}
    for each in chargers:
        if each.slack is not None and each.level not in (None, GateLevel.OPEN):
            binds[each.slack.node_id] = binds.get(each.slack.node_id, 0) + 1
    depth: dict[EnergyNodeId | None, int] = {None: -1}
    for each in state.nodes:
        depth[each.node.node_id] = depth[each.node.parent_id] + 1
    return [
        _row(each, depth[each.node.node_id], binds.get(each.node.node_id, 0), counts.get(each.node.node_id, {}))
        for each in shown
    ]


def _hidden(chargers: Sequence[NodeState]) -> dict[EnergyNodeId, NodeState]:
    """Return the hidden chargers by node; chargers of the same level below a node keep their order."""
    narrowed = [each for each in chargers if each.level not in (None, GateLevel.OPEN)]
    hidden = [each for each in chargers if each.level in (None, GateLevel.OPEN)]
    if len(narrowed) > CHARGERS_SHOWN:
        narrowest_first = sorted(narrowed, key=lambda each: each.level is not GateLevel.OWN_ONLY)
        shown: dict[EnergyNodeId | None, int] = {}
        for each in narrowest_first:
            shown[each.node.parent_id] = shown.get(each.node.parent_id, 0) + 1
            if shown[each.node.parent_id] > NARROWED_SHOWN:
                hidden.append(each)
    return {each.node.node_id: each for each in hidden}


def _row(state: NodeState, depth: int, binds: int, hidden: dict[GateLevel | None, int]) -> TreeRow:
    of_envelope = None if state.standing is None else state.standing.limit_w
    limits = [each for each in (state.node.limit_w, of_envelope) if each is not None]
    own = min(limits, default=None)
    used = None if own is None else min(100.0, round(100 * state.demand_w / own, 1)) if own else 100.0
    return TreeRow(depth, state, own, used, binds, hidden)


@dataclass(frozen=True, slots=True)
class NarrowedNow:
    """Chargers of the same level and binding node."""

    level: GateLevel
    binding_node_id: str | None
    is_advisory: bool
    charger_ids: list[str]
    changes_at: datetime | None


def narrowed_now(
    gates: GatesHere, tenant_id: TenantId, charger_ids: Collection[ChargerId], now: datetime
) -> list[NarrowedNow]:
    """Return the chargers that are narrowed now, the narrowest first."""
    groups: dict[tuple[GateLevel, str | None, bool], NarrowedNow] = {}
    for charger_id in sorted(charger_ids):
        gate = gates.gate(tenant_id, charger_id, now)
        if gate is None or gate.level is GateLevel.OPEN:
            continue
        key = (gate.level, gate.binding_node_id, gate.is_advisory)
        groups.setdefault(key, NarrowedNow(*key, [], gate.changes_at)).charger_ids.append(charger_id)
    order = list(GateLevel)
    return sorted(groups.values(), key=lambda each: (-order.index(each.level), each.charger_ids[0]))


async def planned(
    gates: GatesHere, tenant_id: TenantId, state: SiteState, start: datetime, end: datetime
) -> dict[ChargerId, Sequence[NarrowedWindow]]:
    """Return the narrowings of each charger in `[start, end)`. Chargers that are alike now stay alike as long as feeds
    continue, so the gates are computed for one of them."""
    groups: dict[tuple[Any, ...], list[ChargerId]] = {}
    for each in state.nodes:
        node = each.node
        if node.charger_id is not None:
            alike = (node.parent_id, node.limit_w, node.minimum_start_w, each.level)
            groups.setdefault((*alike, each.demand_w, each.observed_at, each.standing), []).append(node.charger_id)
    found: dict[ChargerId, Sequence[NarrowedWindow]] = {}
    async for charger_ids in cooperatively(groups.values()):
        windows = gates.narrowings(tenant_id, charger_ids[0], start, end)
        found |= dict.fromkeys(charger_ids, windows)
    return found


def chargers_of(site: SiteEnergy) -> list[ChargerId]:
    return sorted(site.tree.by_charger)
