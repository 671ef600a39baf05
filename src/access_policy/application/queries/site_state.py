"""A depot's site at one instant: each node's limit, demand, envelope and slack for new starts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.views import PAGE_MAX, AttemptFilter, Views
from access_policy.application.queries.energy_past import past_site
from access_policy.application.site_energy.one_connector import KnownPolicies, one_at_a_time
from access_policy.domain.ids import ChargerId, ChargerKey, DepotId, EnergyNodeId, TenantId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.evaluation import NodeHere, Slack, least, measured_demand, slack_of
from access_policy.domain.site_energy.gate import EnvelopeState, Gate, GateLevel
from access_policy.domain.site_energy.levels import Held, Thresholds
from access_policy.domain.site_energy.lifecycle import Standing, standings
from access_policy.domain.site_energy.nodes import EnergyNode
from access_policy.domain.site_energy.site import SiteEnergy

_CHARGED_FOR: Final = timedelta(days=3)  # past charges that began earlier than this are not considered
_AT_A_TIME: Final = 100
_NO_POLICY: Final = EnergyPolicy()
# If several envelopes of a node count, the one whose state comes first here is shown.
_ORDER: Final = (
    EnvelopeState.ACTIVE,
    EnvelopeState.ACTIVE_FALLBACK,
    EnvelopeState.FALLBACK_ELIGIBLE,
    EnvelopeState.PENDING,
    EnvelopeState.RECEIVED,
    EnvelopeState.WITHDRAWN,
    EnvelopeState.EXPIRED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """`demand_w` is the measured demand, or the fallback demand (`observed_at` None). `slack` is what the node and
    those above it leave; None without any limit. `level` is None if the depot has no gates."""

    node: EnergyNode
    demand_w: int
    observed_at: datetime | None
    standing: Standing | None
    slack: Slack | None
    level: GateLevel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteState:
    """`nodes` contains each node after its parent. `computed_at` is the instant for which the state holds."""

    site: SiteEnergy
    nodes: list[NodeState]
    computed_at: datetime


class GatesOfSites(Protocol):
    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None: ...


class ChargesUnderWay(Protocol):
    def sessions_at(self, key: ChargerKey) -> Collection[Any]: ...


class SitesInMemory(KnownPolicies, Protocol):
    def site_energy(self, tenant_id: TenantId, depot_id: DepotId) -> SiteEnergy: ...


LevelOf = Callable[[ChargerId], GateLevel]


@dataclass(frozen=True, slots=True)
class SiteStates:
    view: SitesInMemory
    gates: GatesOfSites
    charges: ChargesUnderWay
    views: Views
    clock: Clock

    async def __call__(self, tenant_id: TenantId, depot_id: DepotId, at: datetime | None) -> SiteState:
        """Return the site at an instant: in the past as recorded then, in the future as if the feeds continued as they
        are. Raises `StoreUnavailable`."""
        now = self.clock.now()
        if at is not None and at < now:
            return await self._past(tenant_id, depot_id, at)
        site = self.view.site_energy(tenant_id, depot_id)
        running = [each for each in site.tree.by_charger if self.charges.sessions_at((tenant_id, each))]

        def level(charger_id: ChargerId) -> GateLevel:
            gate = self.gates.gate(tenant_id, charger_id, now)
            return GateLevel.OPEN if gate is None else gate.level

        if at is None or at == now:
            return await state_of(site, running, now, level, one_at_a_time=self._alone(tenant_id, site))
        alone = self._alone(tenant_id, site)
        return await state_of(site, running, at, None, planned_at=now, one_at_a_time=alone)

    def _alone(self, tenant_id: TenantId, site: SiteEnergy) -> frozenset[ChargerId]:
        return one_at_a_time(self.view, tenant_id, site)

    async def _past(self, tenant_id: TenantId, depot_id: DepotId, at: datetime) -> SiteState:
        site = await past_site(self.views, tenant_id, depot_id, at)
        running = await self._charging(tenant_id, depot_id, at)
        alone = self._alone(tenant_id, site)
        return await state_of(
            site, running, at, lambda charger_id: site.recorded_level(charger_id).level, one_at_a_time=alone
        )

    async def _charging(self, tenant_id: TenantId, depot_id: DepotId, at: datetime) -> set[ChargerId]:
        """Return the chargers at which charges ran at `at`, according to the access log."""
        wanted = AttemptFilter(depot_id=depot_id, since=at - _CHARGED_FOR, until=at + timedelta(microseconds=1))
        found: set[ChargerId] = set()
        cursor: str | None = None
        while True:
            page = await self.views.attempts(tenant_id, wanted, cursor=cursor, limit=PAGE_MAX)
            for row in page.items:
                started, ended = row["session_started_at"], row["session_ended_at"]
                if started is not None and started <= at and (ended is None or at < ended):
                    found.add(ChargerId(row["charger_id"]))
            cursor = page.next_cursor
            if cursor is None:
                return found


async def state_of(
    site: SiteEnergy,
    running: Collection[ChargerId],
    at: datetime,
    level_of: LevelOf | None,
    planned_at: datetime | None = None,
    one_at_a_time: frozenset[ChargerId] = frozenset(),
) -> SiteState:
    """Return the site at `at`. `level_of` None: the level that the capacity itself gives. `planned_at`: the feeds
    continue as at that instant. `one_at_a_time` are the chargers with one connector."""
    policy = site.policy or _NO_POLICY
    below = site.tree.running_below(running)
    slacks: dict[EnergyNodeId, Slack | None] = {}
    nodes: list[NodeState] = []
    ordered = [] if site.tree.root_id is None else list(site.tree.below(site.tree.root_id))
    async for node in cooperatively(ordered, at_a_time=_AT_A_TIME):
        here = site.node_here(node.node_id, below, one_at_a_time)
        if planned_at is not None:
            here = here.as_planned(policy, planned_at)
        above = None if node.parent_id is None else slacks[node.parent_id]
        slacks[node.node_id] = least(iter((slack_of(here, policy, at), above)))
        nodes.append(_node_state(site, here, slacks[node.node_id], policy, at, level_of))
    return SiteState(site=site, nodes=nodes, computed_at=at)


def _node_state(
    site: SiteEnergy, here: NodeHere, slack: Slack | None, policy: EnergyPolicy, at: datetime, level_of: LevelOf | None
) -> NodeState:
    measured = measured_demand(here, policy, at)
    if here.planned_w is not None:
        demand_w, observed_at = here.planned_w, None
    elif measured is not None:
        demand_w, observed_at = measured.demand_w, measured.observed_at
    else:
        demand_w, observed_at = here.running.watts, None
    return NodeState(
        node=here.node,
        demand_w=demand_w,
        observed_at=observed_at,
        standing=_standing(here, policy, at),
        slack=slack,
        level=_level(site, here.node, slack, policy, at, level_of) if site.has_gates else None,
    )


def _level(
    site: SiteEnergy,
    node: EnergyNode,
    slack: Slack | None,
    policy: EnergyPolicy,
    at: datetime,
    level_of: LevelOf | None,
) -> GateLevel:
    """Return the level in force for a charger; for another node, the level that its capacity gives."""
    if node.charger_id is not None and level_of is not None:
        return level_of(node.charger_id)
    thresholds = Thresholds.of(policy, node.minimum_start_w)
    return Held().stepped(None if slack is None else slack.effective_w, thresholds, at).level


def _standing(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Standing | None:
    """Return the node's envelope that limits most, otherwise the next one, otherwise the last one."""
    found = standings(here.envelopes, here.offline, policy.hold_max, at)
    return min(
        found,
        key=lambda each: (
            each.limit_w is None,
            each.limit_w or 0,
            _ORDER.index(each.state),
            each.known.envelope.valid_from,
        ),
        default=None,
    )
