"""Bodies of `/v1/reports/energy`. A row has the columns of its part, and the same columns as the files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from access_policy.application.queries.energy_report import EnergyGroupBy, EnergyReportPart
from access_policy.domain.access.reasons import Reason
from access_policy.domain.site_energy.events import DegradedReason
from access_policy.domain.site_energy.gate import EnvelopeState, GateLevel, LimitSource
from access_policy.entrypoints.http.fields import ResponseModel, UtcInstant
from access_policy.entrypoints.http.v1.report_models import Day, Head, Local


class EnergyStartCount(ResponseModel):
    """The columns of `group_by`, and the counts. `refused`: refused because of energy; `would_refuse`: admitted only
    because the gate was advisory or the charger only observed."""

    day: Day
    depot_id: Annotated[str, Field(default=None)]
    charger_id: Annotated[str, Field(default=None)]
    level: Annotated[GateLevel, Field(default=None)]
    limit_source: Annotated[LimitSource | None, Field(default=None)]
    envelope_id: Annotated[str | None, Field(default=None)]
    attempts: int
    admitted: int
    refused: int
    would_refuse: int
    sessions: int
    energy_wh: int


class EnergyLimitRow(ResponseModel):
    """One node: the seconds with a measurement, and the seconds above the limit in force, in total and by the source of
    that limit. `highest_w` is null for a node that was never measured."""

    depot_id: str
    node_id: str
    measured_s: int
    above_s: int
    above_fresh_envelope_s: int
    above_fallback_envelope_s: int
    above_static_node_s: int
    above_charger_s: int
    above_stale_policy_s: int
    highest_w: int | None
    most_above_w: int


class EnergyLineageRow(ResponseModel):
    """One attempt: from the envelope to the decision and the result of the session."""

    attempt_id: str
    occurred_at: UtcInstant
    occurred_at_local: Local
    depot_id: str
    charger_id: str
    decision: Literal["allowed", "denied"]
    reason: Reason
    would_deny: Reason | None
    level: GateLevel
    limit_source: LimitSource | None
    binding_node_id: str | None
    envelope_id: str | None
    envelope_state: EnvelopeState | None
    envelope_sequence: int | None
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    data_age_s: int | None
    session_started_at: UtcInstant | None
    session_started_at_local: Local | None
    session_ended_at: UtcInstant | None
    session_ended_at_local: Local | None
    energy_wh: int | None
    session_end_reason: str | None


class EnergySilenceRow(ResponseModel):
    """A feed that was silent, at one node that it concerns: a source of envelopes, or the measurements of the node.
    `restored_at` is null while it lasts. `silent_s` and `fell_back_to` cover the report's period; `fell_back_to` names
    what counted instead, separated by commas, in order: `held_envelope`, `fallback_limit`, `other_source`,
    `static_limit`, `no_limit`, or for measurements `greater_demand` (of the last measurement and what the running
    charges may draw) and `possible_draw`."""

    depot_id: str
    reason: DegradedReason
    source: str | None
    node_id: str | None
    since: UtcInstant
    since_local: Local
    restored_at: UtcInstant | None
    restored_at_local: Local | None
    silent_s: int
    fell_back_to: str


class EnergyReportHead(Head):
    part: EnergyReportPart
    group_by: list[EnergyGroupBy]


class EnergyReport(EnergyReportHead):
    rows: list[EnergyStartCount | EnergyLimitRow | EnergyLineageRow | EnergySilenceRow]
