"""Remove a node from a depot's electrical tree, together with its envelopes and its measurement."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.context import Context
from access_policy.domain.ids import DepotId, EnergyNodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEnergyNode:
    depot_id: DepotId
    node_id: EnergyNodeId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveEnergyNodeHandler:
    change: ChangeSite

    async def __call__(self, context: Context, command: RemoveEnergyNode) -> Done:
        """Remove the node. Raises `DepotUnknown`, `EnergyNodeUnknown`, `EnergyNodeInUse`, `VersionMismatch`,
        `VersionConflict` or `StoreUnavailable`."""
        return await self.change(
            context,
            command.depot_id,
            lambda site: site.remove_node(command.node_id),
            expected_version=command.expected_version,
            current_version=lambda site: site.node_changed_at.get(command.node_id, 0),
        )
