"""Refusals of commands on the energy of a depot's site."""

from __future__ import annotations

from typing import Self

from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.ids import ID_LENGTH_MAX


class EnergyNodeInvalid(Invalid):
    code = "energy-node-invalid"


class EnergyNodeUnknown(Unknown):
    code = "energy-node-not-found"

    @classmethod
    def named(cls, node_id: str, *, pointer: str | None = None) -> Self:
        """Return the refusal of a command that names this node."""
        return cls(f"This depot has no energy node {node_id[:ID_LENGTH_MAX]}.", pointer=pointer)


class EnergyTreeBroken(Conflict):
    """The nodes would not be one rooted tree: a cycle, a second root, or a node below a charger."""

    code = "energy-tree-broken"


class EnergyNodeInUse(Conflict):
    """The node cannot be removed because other nodes are below it."""

    code = "energy-node-in-use"


class ChargerHasNode(Conflict):
    """The charger already belongs to another node."""

    code = "charger-has-energy-node"


class TooManyEnergyNodes(Conflict):
    code = "too-many-energy-nodes"


class EnergyPolicyInvalid(Invalid):
    code = "energy-policy-invalid"


class EnergyNotOptedIn(Conflict):
    """The depot has no energy policy: envelopes and measurements would have no effect."""

    code = "energy-not-opted-in"


class EnvelopeInvalid(Invalid):
    code = "operating-envelope-invalid"


class EnvelopeUnknown(Unknown):
    code = "operating-envelope-not-found"

    @classmethod
    def named(cls, envelope_id: str) -> Self:
        """Return the refusal of a command that names this envelope."""
        return cls(f"There is no operating envelope {envelope_id[:ID_LENGTH_MAX]}.")


class EnvelopeIdTaken(Conflict):
    """The id belongs to an envelope of another depot, node or source."""

    code = "operating-envelope-id-taken"


class EnvelopeSequenceOld(Conflict):
    """The source has already sent an envelope with this or a higher sequence for the node."""

    code = "operating-envelope-sequence-old"


class TooManyEnvelopes(Conflict):
    code = "too-many-operating-envelopes"


class TooManyEnergySources(Conflict):
    code = "too-many-energy-sources"


class MeasurementInvalid(Invalid):
    code = "measurement-invalid"
