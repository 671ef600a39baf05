"""The rooted tree of a depot's electrical nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from access_policy.domain.ids import ChargerId, EnergyNodeId
from access_policy.domain.site_energy import errors
from access_policy.domain.site_energy.evaluation import NOTHING_RUNS, RunningBelow
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind

NODES_MAX: Final = 5_000
DEPTH_MAX: Final = 20  # nodes from a charger to the root


@dataclass(slots=True)
class EnergyTree:
    by_id: dict[EnergyNodeId, EnergyNode] = field(default_factory=dict)
    children: dict[EnergyNodeId, set[EnergyNodeId]] = field(default_factory=dict)
    by_charger: dict[ChargerId, EnergyNodeId] = field(default_factory=dict)
    root_id: EnergyNodeId | None = None

    @classmethod
    def of(cls, nodes: Iterable[EnergyNode]) -> EnergyTree:
        """Return the tree of these nodes, given in any order."""
        made = cls()
        for node in nodes:
            made.put(node)
        return made

    def path(self, node_id: EnergyNodeId) -> list[EnergyNode]:
        """Return the node and all nodes above it, the root last."""
        found = [self.by_id[node_id]]
        while (parent_id := found[-1].parent_id) is not None:
            found.append(self.by_id[parent_id])
        return found

    def below(self, node_id: EnergyNodeId) -> Iterator[EnergyNode]:
        """Return the node and all nodes below it, parents before children, siblings ordered by id."""
        waiting = [node_id]
        while waiting:
            current = waiting.pop()
            yield self.by_id[current]
            waiting.extend(sorted(self.children.get(current, ()), reverse=True))

    def draw_w(self, charger_id: ChargerId) -> int | None:
        """Return the power that the charger may draw: its own limit, otherwise the lowest static limit above it; None
        without any.
        """
        own, *above = self.path(self.by_charger[charger_id])
        if own.limit_w is not None:
            return own.limit_w
        return min((each.limit_w for each in above if each.limit_w is not None), default=None)

    def running_below(self, running: Collection[ChargerId]) -> Mapping[EnergyNodeId, RunningBelow]:
        """Return the possible draw of the chargers in `running`, for each node at or above one of them."""
        found: dict[EnergyNodeId, RunningBelow] = {}
        for charger_id in running:
            if (node_id := self.by_charger.get(charger_id)) is not None:
                draw_w = self.draw_w(charger_id)
                for node in self.path(node_id):
                    watts, unlimited = found.get(node.node_id, NOTHING_RUNS)
                    found[node.node_id] = RunningBelow(watts + (draw_w or 0), unlimited + (draw_w is None))
        return found

    # --- checks ---------------------------------------------------------------------------------------------------

    def check_put(self, node: EnergyNode) -> None:
        """Raises `EnergyTreeBroken`, `EnergyNodeUnknown`, `ChargerHasNode` or `TooManyEnergyNodes`."""
        if node.node_id not in self.by_id and len(self.by_id) >= NODES_MAX:
            raise errors.TooManyEnergyNodes(f"This depot has {NODES_MAX} energy nodes already; remove some.")
        if node.parent_id is None:
            self._check_root(node)
        else:
            self._check_parent(node, node.parent_id)
        if node.kind is NodeKind.CHARGER and self.children.get(node.node_id):
            raise errors.EnergyTreeBroken(
                "Other nodes are below this one, and a charger has none below it; move them first.", pointer="/kind"
            )
        taken = None if node.charger_id is None else self.by_charger.get(node.charger_id)
        if taken not in (None, node.node_id):
            raise errors.ChargerHasNode(
                f"Charger {node.charger_id} is at node {taken} already; a charger is at one node.",
                pointer="/charger_id",
            )

    def check_remove(self, node_id: EnergyNodeId) -> None:
        """Raises `EnergyNodeUnknown` or `EnergyNodeInUse`."""
        if node_id not in self.by_id:
            raise errors.EnergyNodeUnknown.named(node_id)
        if below := self.children.get(node_id):
            raise errors.EnergyNodeInUse(f"{len(below)} nodes are below it, such as {min(below)}; remove them first.")

    def _check_root(self, node: EnergyNode) -> None:
        if self.root_id not in (None, node.node_id):
            raise errors.EnergyTreeBroken(
                f"Node {self.root_id} is the root already; give this node a parent.", pointer="/parent_id"
            )

    def _check_parent(self, node: EnergyNode, parent_id: EnergyNodeId) -> None:
        parent = self.by_id.get(parent_id)
        if parent_id == node.node_id:
            raise errors.EnergyTreeBroken("A node cannot be its own parent.", pointer="/parent_id")
        if parent is None:
            raise errors.EnergyNodeUnknown.named(parent_id, pointer="/parent_id")
        if parent.kind is NodeKind.CHARGER:
            raise errors.EnergyTreeBroken(
                f"Node {parent_id} is a charger, which has no nodes below it; choose another parent.",
                pointer="/parent_id",
            )
        above = self.path(parent_id)
        if any(each.node_id == node.node_id for each in above):
            raise errors.EnergyTreeBroken(
                f"Node {parent_id} is below this node, so the two would form a cycle.", pointer="/parent_id"
            )
        if len(above) + self._height(node.node_id) > DEPTH_MAX:
            raise errors.EnergyTreeBroken(
                f"A path would have more than {DEPTH_MAX} nodes; leave some of them out.", pointer="/parent_id"
            )

    def _height(self, node_id: EnergyNodeId) -> int:
        """Return the number of nodes on the longest path from the node down."""
        if node_id not in self.by_id:
            return 1
        level, height = {node_id}, 0
        while level:
            level = set[EnergyNodeId]().union(*(self.children.get(each, ()) for each in level))
            height += 1
        return height

    # --- folding --------------------------------------------------------------------------------------------------

    def put(self, node: EnergyNode) -> None:
        """Add the node, or replace the node with its id."""
        if (old := self.by_id.get(node.node_id)) is not None:
            self._unlink(old)
        self.by_id[node.node_id] = node
        if node.parent_id is None:
            self.root_id = node.node_id
        else:
            self.children.setdefault(node.parent_id, set()).add(node.node_id)
        if node.charger_id is not None:
            self.by_charger[node.charger_id] = node.node_id

    def remove(self, node_id: EnergyNodeId) -> None:
        self._unlink(self.by_id.pop(node_id))

    def _unlink(self, node: EnergyNode) -> None:
        if node.parent_id is None:
            self.root_id = None
        else:
            self.children[node.parent_id].discard(node.node_id)
            if not self.children[node.parent_id]:
                del self.children[node.parent_id]
        if node.charger_id is not None:
            self.by_charger.pop(node.charger_id, None)
