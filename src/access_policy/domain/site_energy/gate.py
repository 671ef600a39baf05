"""The result of a site's energy for new starts at one charger at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from access_policy.domain.ids import EnergyNodeId, EnvelopeId


class GateLevel(StrEnum):
    """Who may start, from the widest to the narrowest."""

    OPEN = "open"  # every vehicle that the charger's policy admits
    OWN_AND_AGREEMENT = "own_and_agreement"
    OWN_ONLY = "own_only"

    def is_narrower_than(self, other: GateLevel) -> bool:
        widest_first = tuple(GateLevel)
        return widest_first.index(self) > widest_first.index(other)


class LimitSource(StrEnum):
    """The source of the binding limit."""

    FRESH_ENVELOPE = "FRESH_ENVELOPE"
    FALLBACK_ENVELOPE = "FALLBACK_ENVELOPE"
    STATIC_NODE = "STATIC_NODE"
    CHARGER = "CHARGER"
    STALE_POLICY = "STALE_POLICY"


class EnvelopeState(StrEnum):
    """The life cycle of an operating envelope at one instant."""

    RECEIVED = "received"
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    FALLBACK_ELIGIBLE = "fallback_eligible"
    ACTIVE_FALLBACK = "active_fallback"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEnvelope:
    """The envelope whose limit binds. It applies in `[valid_from, valid_until)`; for a fallback, these are the fallback's
    times.
    """

    envelope_id: EnvelopeId
    sequence: int
    state: EnvelopeState
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The evaluation of one charger. Powers are watts.

    `node_path` leads from the charger's node to the root, both included. `effective_w` is the minimum of limit minus
    committed power over the path, and `binding_node_id` the node that has it; both are None if no node of the path has a
    limit. `committed_w` is the demand of that node, and `observed_at` the instant of its measurement (None: fallback
    demand). Below `threshold_w` the capacity has this level (None: `open`). `changes_at` is the next instant at which the
    level can change without an event, until which this result is valid; None without one.
    """

    level: GateLevel
    is_advisory: bool
    node_path: tuple[EnergyNodeId, ...]
    binding_node_id: EnergyNodeId | None
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    limit_source: LimitSource | None
    envelope: GateEnvelope | None
    observed_at: datetime | None
    computed_at: datetime
    changes_at: datetime | None
    version: int  # of the depot's stream of site energy

    def data_age_s(self, at: datetime) -> float | None:
        """Return the age at `at` of the measurement that counted; None for fallback demand."""
        return None if self.observed_at is None else (at - self.observed_at).total_seconds()
