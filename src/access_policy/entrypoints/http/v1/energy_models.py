"""Bodies of requests and responses about the energy of a depot's site. Powers are watts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from access_policy.application.commands.record_measurements import Measurement, RecordMeasurements
from access_policy.application.ports.views import Row
from access_policy.application.queries.site_state import NodeState, SiteState
from access_policy.application.site_energy.site_gates import SiteGates
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId
from access_policy.domain.site_energy.energy_policy import (
    AGE_MAX_S,
    DWELL_MAX_S,
    HOLD_MAX_S,
    EnergyPolicy,
    GateEnforcement,
)
from access_policy.domain.site_energy.envelopes import SEQUENCE_MAX, FallbackLimit
from access_policy.domain.site_energy.gate import EnvelopeState, Gate, GateEnvelope, GateLevel, LimitSource
from access_policy.domain.site_energy.lifecycle import Standing
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import ITEMS_MAX, SiteEnergy
from access_policy.domain.site_energy.watts import WATTS_MAX
from access_policy.entrypoints.http.fields import Instant, RequestModel, ResponseModel, Text, UtcInstant, Version

Watts = Annotated[int, Field(strict=True, ge=0, le=WATTS_MAX, description="In watts")]


class EnergyNodeBody(RequestModel):
    """The whole node. Only the root, the site, has no parent. A node of kind `charger` names its charger."""

    parent_id: Text | None = None
    kind: NodeKind
    limit_w: Watts | None = None
    charger_id: Text | None = None
    minimum_start_w: Watts | None = None

    def node(self, node_id: str) -> EnergyNode:
        return EnergyNode(
            node_id=EnergyNodeId(node_id),
            parent_id=None if self.parent_id is None else EnergyNodeId(self.parent_id),
            kind=self.kind,
            limit_w=self.limit_w,
            charger_id=None if self.charger_id is None else ChargerId(self.charger_id),
            minimum_start_w=self.minimum_start_w,
        )


class EnergyNodeShown(ResponseModel):
    depot_id: str
    node_id: str
    parent_id: str | None
    kind: NodeKind
    limit_w: int | None
    charger_id: str | None
    minimum_start_w: int | None
    version: Version

    @classmethod
    def of(cls, site: SiteEnergy, node_id: EnergyNodeId) -> EnergyNodeShown:
        """Return the node of the site. Raises `EnergyNodeUnknown`."""
        node = site.node(node_id)
        return cls(
            depot_id=site.depot_id,
            node_id=node_id,
            parent_id=node.parent_id,
            kind=node.kind,
            limit_w=node.limit_w,
            charger_id=node.charger_id,
            minimum_start_w=node.minimum_start_w,
            version=site.node_changed_at[node_id],
        )


class EnergyPolicyBody(RequestModel):
    """An effective capacity below `own_only_below_w` gives the level `own_only`, else below `own_and_agreement_below_w` the
    level `own_and_agreement`, else `open`. With `advisory` the service does not refuse attempts because of energy; it
    only records which ones it would refuse."""

    enabled: Annotated[bool, Field(strict=True)]
    enforcement: GateEnforcement = GateEnforcement.ENFORCE
    own_and_agreement_below_w: Watts = 0
    own_only_below_w: Watts = 0
    hysteresis_w: Watts = 0
    minimum_dwell_s: Annotated[int, Field(strict=True, ge=0, le=DWELL_MAX_S)] = 300
    measurement_max_age_s: Annotated[int, Field(strict=True, ge=1, le=AGE_MAX_S)] = 120
    hold_max_s: Annotated[int, Field(strict=True, ge=0, le=HOLD_MAX_S)] = 900

    def policy(self) -> EnergyPolicy:
        return EnergyPolicy(**dict(self))


class EnergyPolicyShown(ResponseModel):
    """The gate policy of a depot. `version` 0: it was never set; the depot has not opted in."""

    depot_id: str
    enabled: bool
    enforcement: GateEnforcement
    own_and_agreement_below_w: int
    own_only_below_w: int
    hysteresis_w: int
    minimum_dwell_s: int
    measurement_max_age_s: int
    hold_max_s: int
    version: Annotated[int, Field(ge=0, description="The version that If-Match is compared with")]

    @classmethod
    def of(cls, site: SiteEnergy) -> EnergyPolicyShown:
        policy = site.policy or EnergyPolicy()
        settings = {name: getattr(policy, name) for name in EnergyPolicyBody.model_fields}
        return cls(depot_id=site.depot_id, **settings, version=site.policy_changed_at)


class FallbackBody(RequestModel):
    """The limit while the source is silent, until `valid_until` (exclusive)."""

    import_limit_w: Watts
    valid_until: Instant

    def limit(self) -> FallbackLimit:
        return FallbackLimit(import_limit_w=self.import_limit_w, valid_until=self.valid_until)


class OperatingEnvelopeBody(RequestModel):
    """The node may import at most `import_limit_w` in `[valid_from, valid_until)`. A change needs a higher `sequence`."""

    depot_id: Text
    node_id: Text
    source: Text
    sequence: Annotated[int, Field(strict=True, ge=0, le=SEQUENCE_MAX)]
    valid_from: Instant
    valid_until: Instant
    import_limit_w: Watts
    fallback: FallbackBody | None = None


class FallbackShown(ResponseModel):
    import_limit_w: int
    valid_until: UtcInstant


class OperatingEnvelopeShown(ResponseModel):
    """An envelope. `state` is its present state, by the service's clock and its knowledge of the source."""

    envelope_id: str
    depot_id: str
    node_id: str
    source: str
    sequence: int
    valid_from: UtcInstant
    valid_until: UtcInstant
    import_limit_w: int
    fallback: FallbackShown | None
    received_at: UtcInstant
    withdrawn_at: UtcInstant | None
    state: EnvelopeState
    version: Version

    @classmethod
    def of(cls, row: Row, state: EnvelopeState) -> OperatingEnvelopeShown:
        names = ("envelope_id", "depot_id", "node_id", "source", "sequence", "valid_from", "valid_until")
        fallback = None
        if row["fallback_until"] is not None:
            fallback = FallbackShown(import_limit_w=row["fallback_limit_w"], valid_until=row["fallback_until"])
        more = ("import_limit_w", "received_at", "withdrawn_at", "version")
        return cls(**{name: row[name] for name in (*names, *more)}, fallback=fallback, state=state)


class IgnoredEnvelope(ResponseModel):
    """An envelope that was received without effect, and why."""

    envelope_id: str
    node_id: str
    source: str
    sequence: int
    reason: str
    ignored_at: UtcInstant


class MeasurementBody(RequestModel):
    """The node imported `demand_w` at `observed_at`."""

    depot_id: Text
    node_id: Text
    observed_at: Instant
    demand_w: Watts


class MeasurementsBody(RequestModel):
    items: Annotated[list[MeasurementBody], Field(min_length=1, max_length=ITEMS_MAX)]

    def command(self) -> RecordMeasurements:
        return RecordMeasurements(
            items=tuple(
                Measurement(
                    depot_id=DepotId(each.depot_id),
                    node_id=EnergyNodeId(each.node_id),
                    observed_at=each.observed_at,
                    demand_w=each.demand_w,
                )
                for each in self.items
            )
        )


class EnvelopeOfNode(ResponseModel):
    """The envelope that limits the node most, or else the next one to come into force."""

    envelope_id: str
    source: str
    sequence: int
    state: EnvelopeState
    valid_from: UtcInstant
    valid_until: UtcInstant
    import_limit_w: int

    @classmethod
    def of(cls, standing: Standing) -> EnvelopeOfNode:
        envelope = standing.known.envelope
        return cls(
            envelope_id=envelope.envelope_id,
            source=envelope.source,
            sequence=envelope.sequence,
            state=standing.state,
            valid_from=envelope.valid_from,
            valid_until=envelope.valid_until,
            import_limit_w=envelope.import_limit_w if standing.limit_w is None else standing.limit_w,
        )


class EnergyNodeState(ResponseModel):
    """The state of a node. `demand_age_s` is null if the demand is not measured but the most that charges below may
    draw. `effective_w` is the power that the node and the nodes above it leave; null without any limit. `level` is null
    if the depot has no gates."""

    node_id: str
    parent_id: str | None
    kind: NodeKind
    charger_id: str | None
    limit_w: int | None
    demand_w: int
    demand_age_s: int | None
    envelope: EnvelopeOfNode | None
    effective_w: int | None
    binding_node_id: str | None
    level: GateLevel | None
    limit_source: LimitSource | None

    @classmethod
    def of(cls, state: NodeState, at: datetime) -> EnergyNodeState:
        node, slack = state.node, state.slack
        return cls(
            node_id=node.node_id,
            parent_id=node.parent_id,
            kind=node.kind,
            charger_id=node.charger_id,
            limit_w=node.limit_w,
            demand_w=state.demand_w,
            demand_age_s=None if state.observed_at is None else _age_s(state.observed_at, at),
            envelope=None if state.standing is None else EnvelopeOfNode.of(state.standing),
            effective_w=None if slack is None else slack.effective_w,
            binding_node_id=None if slack is None else slack.node_id,
            level=state.level,
            limit_source=None if slack is None else slack.limit_source,
        )


class SilentFeed(ResponseModel):
    """A feed that is silent since `since`: a source of envelopes, or the measurements of a node."""

    reason: str
    source: str | None
    node_id: str | None
    since: UtcInstant


def _silent(site: SiteEnergy) -> list[SilentFeed]:
    return [
        SilentFeed(reason=reason, source=source, node_id=node_id, since=since)
        for (reason, source, node_id), since in site.degraded.items()
    ]


class DepotEnergy(ResponseModel):
    """Each node after its parent. `enabled`: the depot has opted in. `degraded` lists the feeds that are recorded as
    silent."""

    depot_id: str
    enabled: bool
    enforcement: GateEnforcement
    degraded: list[SilentFeed]
    nodes: list[EnergyNodeState]
    computed_at: UtcInstant

    @classmethod
    def of(cls, state: SiteState) -> DepotEnergy:
        policy = state.site.policy or EnergyPolicy()
        return cls(
            depot_id=state.site.depot_id,
            enabled=policy.enabled,
            enforcement=policy.enforcement,
            degraded=_silent(state.site),
            nodes=[EnergyNodeState.of(each, state.computed_at) for each in state.nodes],
            computed_at=state.computed_at,
        )


class NarrowedChargers(ResponseModel):
    level: GateLevel
    charger_ids: list[str]


class EnergyNow(ResponseModel):
    """The energy of a depot as the live stream shows it. `narrowed`: the chargers whose level is not `open`, the narrowest
    level first. `changes_at`: the next instant at which a limit or a gate may change by itself; null if there are no
    gates or no such instant. `GET /v1/depots/{depot_id}/energy` has the nodes."""

    depot_id: str
    enabled: bool
    enforcement: GateEnforcement
    degraded: list[SilentFeed]
    narrowed: list[NarrowedChargers]
    changes_at: UtcInstant | None
    computed_at: UtcInstant

    @classmethod
    def of(cls, site: SiteEnergy, gates: SiteGates | None, now: datetime) -> EnergyNow:
        policy = site.policy or EnergyPolicy()
        by_level: dict[GateLevel, list[str]] = {}
        for charger_id, held in {} if gates is None else gates.levels().items():
            by_level.setdefault(held.level, []).append(charger_id)
        return cls(
            depot_id=site.depot_id,
            enabled=policy.enabled,
            enforcement=policy.enforcement,
            degraded=_silent(site),
            narrowed=[
                NarrowedChargers(level=level, charger_ids=sorted(by_level[level]))
                for level in reversed(GateLevel)
                if level in by_level and level is not GateLevel.OPEN
            ],
            changes_at=None if gates is None else gates.next_at,
            computed_at=now,
        )


class GateEnvelopeShown(ResponseModel):
    envelope_id: str
    sequence: int
    state: EnvelopeState
    valid_from: UtcInstant
    valid_until: UtcInstant

    @classmethod
    def of(cls, envelope: GateEnvelope | None) -> GateEnvelopeShown | None:
        if envelope is None:
            return None
        return cls(**{name: getattr(envelope, name) for name in cls.model_fields})


class GateShown(ResponseModel):
    """The charger's gate at `computed_at`. `changes_at`: the next instant at which it can change by itself."""

    level: GateLevel
    is_advisory: bool
    node_path: list[str]
    binding_node_id: str | None
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    limit_source: LimitSource | None
    envelope: GateEnvelopeShown | None
    data_age_s: int | None
    computed_at: UtcInstant
    changes_at: UtcInstant | None

    @classmethod
    def of(cls, gate: Gate, at: datetime) -> GateShown:
        names = ("level", "is_advisory", "binding_node_id", "effective_w", "committed_w", "threshold_w")
        return cls(
            **{name: getattr(gate, name) for name in (*names, "limit_source", "computed_at", "changes_at")},
            node_path=list(gate.node_path),
            envelope=GateEnvelopeShown.of(gate.envelope),
            data_age_s=None if gate.observed_at is None else _age_s(gate.observed_at, at),
        )


class NarrowingShown(ResponseModel):
    """In `[start, end)` the charger's access is narrowed to `level`; `end` null: no end is known. `is_planned`: it
    begins later. A recorded narrowing names its limit."""

    start: UtcInstant
    end: UtcInstant | None
    level: GateLevel
    is_planned: bool
    envelope_id: str | None
    envelope_sequence: int | None
    limit_source: LimitSource | None
    binding_node_id: str | None
    effective_w: int | None
    is_advisory: bool


class ChargerEnergy(ResponseModel):
    """The energy at a charger. `gate` is null if it has no gate, because its depot has not opted in or the charger has
    no energy node."""

    charger_id: str
    depot_id: str
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant
    gate: GateShown | None
    narrowings: list[NarrowingShown]


def _age_s(observed_at: datetime, at: datetime) -> int:
    return max(0, round((at - observed_at).total_seconds()))
