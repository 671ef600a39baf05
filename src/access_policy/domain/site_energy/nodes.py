"""The nodes of a depot's electrical tree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from access_policy.domain.ids import ChargerId, EnergyNodeId, checked_id, checked_new_id
from access_policy.domain.site_energy.errors import EnergyNodeInvalid
from access_policy.domain.site_energy.watts import check_watts


class NodeKind(StrEnum):
    SITE = "site"
    GRID_CONNECTION = "grid_connection"
    CIRCUIT = "circuit"
    CHARGER_GROUP = "charger_group"
    CHARGER = "charger"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyNode:
    """A place in the tree; the root has no parent. `limit_w` is the static import limit, None without one. A node of kind
    `charger` is a leaf with a charger; `minimum_start_w` is the least power with which a charge at it can start."""

    node_id: EnergyNodeId
    parent_id: EnergyNodeId | None
    kind: NodeKind
    limit_w: int | None = None
    charger_id: ChargerId | None = None
    minimum_start_w: int | None = None

    def check(self) -> None:
        """Raises `EnergyNodeInvalid` or `InvalidId`. `SiteEnergy.put_node` checks whether it fits the tree."""
        checked_new_id(self.node_id, "node_id")
        if self.parent_id is not None:
            checked_id(self.parent_id, "parent_id")
        check_watts(self.limit_w, "limit_w", EnergyNodeInvalid)
        check_watts(self.minimum_start_w, "minimum_start_w", EnergyNodeInvalid)
        is_charger = self.kind is NodeKind.CHARGER
        if is_charger and self.charger_id is None:
            raise EnergyNodeInvalid("A node of kind charger needs a charger; give charger_id.", pointer="/charger_id")
        if not is_charger and self.charger_id is not None:
            raise EnergyNodeInvalid(
                "Only a node of kind charger can have a charger; leave charger_id out.", pointer="/charger_id"
            )
        if not is_charger and self.minimum_start_w is not None:
            raise EnergyNodeInvalid(
                "Only a node of kind charger can have a minimum start power; leave minimum_start_w out.",
                pointer="/minimum_start_w",
            )
        if self.charger_id is not None:
            checked_id(self.charger_id, "charger_id")
