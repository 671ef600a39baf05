"""Response models of the energy gate of a decision."""

from __future__ import annotations

from datetime import datetime

from access_policy.domain.access.events import DecisionLineage
from access_policy.domain.access.reasons import Reason
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy import gate as energy
from access_policy.domain.site_energy.gate import EnvelopeState, GateLevel, LimitSource
from access_policy.entrypoints.http.fields import ResponseModel, UtcInstant


class EnvelopeShown(ResponseModel):
    """An envelope in force in `[valid_from, valid_until)`; for a fallback limit, these are the fallback's times."""

    envelope_id: str
    sequence: int
    state: EnvelopeState
    valid_from: UtcInstant
    valid_until: UtcInstant

    @classmethod
    def of(cls, envelope: energy.GateEnvelope) -> EnvelopeShown:
        return cls(
            envelope_id=envelope.envelope_id,
            sequence=envelope.sequence,
            state=envelope.state,
            valid_from=envelope.valid_from,
            valid_until=envelope.valid_until,
        )


class NarrowingShown(ResponseModel):
    """In `[start, end)` energy reserves the charger for vehicles of the level. `envelope` is null for a static
    limit."""

    start: UtcInstant
    end: UtcInstant
    level: GateLevel
    envelope: EnvelopeShown | None

    @classmethod
    def of(cls, window: NarrowedWindow) -> NarrowingShown:
        return cls(
            start=window.starts_at,
            end=window.ends_at,
            level=window.level,
            envelope=None if window.envelope is None else EnvelopeShown.of(window.envelope),
        )


class GateShown(ResponseModel):
    """Powers are watts. `node_path` leads from the charger's node to the root. `effective_w` is the power that the
    binding node leaves; the level applies below `threshold_w`. `observed_at` and `data_age_s` are null for fallback
    demand. `restricted_as`: for a refusal, the reason that its row of the decision table gives under managed access."""

    level: GateLevel
    is_advisory: bool
    node_path: list[str]
    binding_node_id: str | None
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    limit_source: LimitSource | None
    envelope: EnvelopeShown | None
    observed_at: UtcInstant | None
    data_age_s: float | None
    energy_version: int
    restricted_as: Reason | None

    @classmethod
    def of(cls, lineage: DecisionLineage) -> GateShown | None:
        gate = lineage.gate
        return None if gate is None else cls._of(gate, lineage.decided_for, lineage.restricted_as)

    @classmethod
    def _of(cls, gate: energy.Gate, at: datetime, restricted_as: Reason | None) -> GateShown:
        return cls(
            level=gate.level,
            is_advisory=gate.is_advisory,
            node_path=list(gate.node_path),
            binding_node_id=gate.binding_node_id,
            effective_w=gate.effective_w,
            committed_w=gate.committed_w,
            threshold_w=gate.threshold_w,
            limit_source=gate.limit_source,
            envelope=None if gate.envelope is None else EnvelopeShown.of(gate.envelope),
            observed_at=gate.observed_at,
            data_age_s=gate.data_age_s(at),
            energy_version=gate.version,
            restricted_as=restricted_as,
        )
