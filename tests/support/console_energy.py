"""The energy of a served depot's site, as other services and operators would send it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from access_policy.application.commands.put_energy_node import PutEnergyNode
from access_policy.application.commands.put_energy_policy import PutEnergyPolicy
from access_policy.application.commands.receive_envelope import ReceiveEnvelope
from access_policy.application.commands.record_measurements import Measurement, RecordMeasurements
from access_policy.application.commands.remove_energy_node import RemoveEnergyNode
from access_policy.application.commands.report_energy_source import ReportEnergySource
from access_policy.application.context import Context
from access_policy.domain.ids import ActorId, ChargerId, DepotId, EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import FallbackLimit
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import SiteEnergy
from tests.support.console_pages import ServedDepot

GATES_ON = EnergyPolicy(
    enabled=True,
    own_and_agreement_below_w=60_000,
    own_only_below_w=20_000,
    hysteresis_w=5_000,
    minimum_dwell_s=0,
    measurement_max_age_s=600,
)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class SiteOf:
    """The site of one depot of `served`. Its envelopes come from `grid-operator`, for the node `main`."""

    served: ServedDepot
    depot_id: DepotId

    @property
    def site(self) -> SiteEnergy:
        return self.served.service.container.deciding.view().site_energy(TenantId(self.served.tenant), self.depot_id)

    async def send(self, handler: str, command: Any) -> None:
        context = Context(tenant_id=TenantId(self.served.tenant), actor=ActorId("energy"), correlation_id="energy")
        await getattr(self.served.service.container.commands, handler)()(context, command)

    async def put_policy(self, policy: EnergyPolicy = GATES_ON) -> None:
        await self.send("put_energy_policy", PutEnergyPolicy(depot_id=self.depot_id, policy=policy))

    async def put_node(self, node_id: str, parent_id: str | None, kind: NodeKind, **more: Any) -> None:
        parent = None if parent_id is None else EnergyNodeId(parent_id)
        node = EnergyNode(node_id=EnergyNodeId(node_id), parent_id=parent, kind=kind, **more)
        await self.send("put_energy_node", PutEnergyNode(depot_id=self.depot_id, node=node))

    async def put_nodes(self, chargers: Sequence[str]) -> None:
        """A site of 500 kW, its grid connection `main` of 400 kW, and two circuits with the chargers in turn."""
        await self.put_node("site", None, NodeKind.SITE, limit_w=500_000)
        await self.put_node("main", "site", NodeKind.GRID_CONNECTION, limit_w=400_000)
        for circuit in ("circuit-1", "circuit-2"):
            await self.put_node(circuit, "main", NodeKind.CIRCUIT, limit_w=200_000)
        for number, charger_id in enumerate(chargers):
            circuit, at = f"circuit-{1 + number % 2}", ChargerId(charger_id)
            await self.put_node(f"feed-{number + 1}", circuit, NodeKind.CHARGER, charger_id=at, limit_w=150_000)

    async def put_envelope(
        self, watts: int, begin: datetime, end: datetime, fallback: FallbackLimit | None = None
    ) -> str:
        """Return its id."""
        version = self.site.version
        command = ReceiveEnvelope(
            envelope_id=EnvelopeId(f"night-{version}"),
            depot_id=self.depot_id,
            node_id=EnergyNodeId("main"),
            source="grid-operator",
            sequence=version,
            valid_from=begin,
            valid_until=end,
            import_limit_w=watts,
            fallback=fallback,
        )
        await self.send("receive_envelope", command)
        return command.envelope_id

    async def measure(self, node_id: str, watts: int, at: datetime) -> None:
        item = Measurement(depot_id=self.depot_id, node_id=EnergyNodeId(node_id), observed_at=at, demand_w=watts)
        await self.send("record_measurements", RecordMeasurements(items=(item,)))

    async def report_source(self, offline_at: datetime | None) -> None:
        """None: it is heard again."""
        command = ReportEnergySource(depot_id=self.depot_id, source="grid-operator", offline_at=offline_at)
        await self.send("report_energy_source", command)

    async def remove_all(self) -> None:
        await self.put_policy(EnergyPolicy(enabled=False))
        tree = self.site.tree
        for node in reversed([] if tree.root_id is None else list(tree.below(tree.root_id))):
            await self.send("remove_energy_node", RemoveEnergyNode(depot_id=self.depot_id, node_id=node.node_id))


async def furnish_energy(served: ServedDepot, depot_id: str, chargers: Sequence[str]) -> str:
    """Gates that are on, power that is short at the first circuit now and at all chargers in the coming night; returns the grid
    connection."""
    site = SiteOf(served, DepotId(depot_id))
    await site.put_policy()
    await site.put_nodes(chargers)
    await site.measure("main", 190_000, now())
    await site.measure("circuit-1", 170_000, now())
    for start, watts in ((-1, 350_000), (6, 200_000), (18, 245_000)):
        begin = now() + timedelta(hours=start)
        await site.put_envelope(watts, begin, begin + timedelta(hours=5))
    return "main"
