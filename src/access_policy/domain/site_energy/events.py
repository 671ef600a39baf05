"""Events of a depot's site energy. Powers are watts, instants UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.gate import GateEnvelope, GateLevel, LimitSource
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode


class IgnoredReason(StrEnum):
    """Why a received envelope has no effect."""

    NOT_OPTED_IN = "not_opted_in"
    UNKNOWN_NODE = "unknown_node"
    SEQUENCE_OLD = "sequence_old"
    ID_TAKEN = "id_taken"
    TOO_MANY = "too_many"


class DegradedReason(StrEnum):
    """Why the control of a site's energy is unreliable."""

    SOURCE_OFFLINE = "source_offline"
    MEASUREMENT_STALE = "measurement_stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyNodePut:
    """The node with this id is replaced by this one."""

    TYPE: ClassVar = "site_energy.energy_node_put.v1"
    depot_id: DepotId
    node: EnergyNode


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyNodeRemoved:
    """The node was removed, with its envelopes and its measurement."""

    TYPE: ClassVar = "site_energy.energy_node_removed.v1"
    depot_id: DepotId
    node_id: EnergyNodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPolicyPut:
    TYPE: ClassVar = "site_energy.energy_policy_put.v1"
    depot_id: DepotId
    policy: EnergyPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingEnvelopeReceived:
    """The envelope with this id is replaced by this one."""

    TYPE: ClassVar = "site_energy.operating_envelope_received.v1"
    depot_id: DepotId
    envelope: OperatingEnvelope
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingEnvelopeWithdrawn:
    TYPE: ClassVar = "site_energy.operating_envelope_withdrawn.v1"
    depot_id: DepotId
    envelope_id: EnvelopeId
    withdrawn_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingEnvelopeIgnored:
    """The envelope was received but has no effect."""

    TYPE: ClassVar = "site_energy.operating_envelope_ignored.v1"
    depot_id: DepotId
    envelope: OperatingEnvelope
    reason: IgnoredReason
    ignored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandMeasured:
    """Measurements that are newer than the known ones; one per node. `is_of_chargers`: a gateway summed them up from the
    meter values of chargers.
    """

    TYPE: ClassVar = "site_energy.demand_measured.v1"
    depot_id: DepotId
    items: tuple[Demand, ...]
    received_at: datetime
    is_of_chargers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySourceHeard:
    """The source gave a sign of life, and announced no instant from which it is offline."""

    TYPE: ClassVar = "site_energy.energy_source_heard.v1"
    depot_id: DepotId
    source: str
    heard_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySourceWentOffline:
    """The source is silent from `offline_at` on, unless it is heard again. `offline_at` may be in the future."""

    TYPE: ClassVar = "site_energy.energy_source_went_offline.v1"
    depot_id: DepotId
    source: str
    offline_at: datetime
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessNarrowed:
    """Fewer may start at these chargers: the gate has this level since `narrowed_at`. `node_id` is the binding node.

    `threshold_w` is the threshold of the level. `is_advisory`: the gate does not refuse.
    """

    TYPE: ClassVar = "site_energy.access_narrowed.v1"
    depot_id: DepotId
    node_id: EnergyNodeId | None
    level: GateLevel
    envelope: GateEnvelope | None
    limit_source: LimitSource | None
    charger_ids: tuple[ChargerId, ...]
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    is_advisory: bool
    narrowed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessWidened:
    """More may start at these chargers again; the fields as in `AccessNarrowed`."""

    TYPE: ClassVar = "site_energy.access_widened.v1"
    depot_id: DepotId
    node_id: EnergyNodeId | None
    level: GateLevel
    envelope: GateEnvelope | None
    limit_source: LimitSource | None
    charger_ids: tuple[ChargerId, ...]
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    is_advisory: bool
    widened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyControlDegraded:
    """A feed is silent since `since`: a source that has envelopes in force, or the measurements of a node."""

    TYPE: ClassVar = "site_energy.energy_control_degraded.v1"
    depot_id: DepotId
    reason: DegradedReason
    source: str | None
    node_id: EnergyNodeId | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyControlRestored:
    """The feed of an `EnergyControlDegraded` is back, or no longer needed."""

    TYPE: ClassVar = "site_energy.energy_control_restored.v1"
    depot_id: DepotId
    reason: DegradedReason
    source: str | None
    node_id: EnergyNodeId | None
    restored_at: datetime


# The following events result from time, charges and feeds, without a command.
EnergyFollowingEvent = AccessNarrowed | AccessWidened | EnergyControlDegraded | EnergyControlRestored
SiteEnergyEvent = (
    EnergyNodePut
    | EnergyNodeRemoved
    | EnergyPolicyPut
    | OperatingEnvelopeReceived
    | OperatingEnvelopeWithdrawn
    | OperatingEnvelopeIgnored
    | DemandMeasured
    | EnergySourceHeard
    | EnergySourceWentOffline
    | AccessNarrowed
    | AccessWidened
    | EnergyControlDegraded
    | EnergyControlRestored
)
