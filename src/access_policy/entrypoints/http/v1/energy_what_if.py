"""`/v1/depots/{depot_id}/energy/what-if`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from access_policy.application.what_if import energy
from access_policy.domain.access.reasons import Reason
from access_policy.domain.ids import DepotId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.entrypoints.http.auth import OPERATORS, Caller, requires
from access_policy.entrypoints.http.dependencies import DecisionView, provided
from access_policy.entrypoints.http.fields import Instant, RequestModel, ResponseModel, Text, UtcInstant
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.energy_models import EnergyPolicyBody, FallbackBody, Watts
from access_policy.entrypoints.http.v1.energy_nodes import site_of

router = api_router(tags=["energy"])


class ProposedEnvelope(RequestModel):
    """An envelope that would have been received at the start of the period, from a separate source."""

    node_id: Text
    valid_from: Instant
    valid_until: Instant
    import_limit_w: Watts
    fallback: FallbackBody | None = None

    def envelope(self) -> OperatingEnvelope:
        return OperatingEnvelope(
            envelope_id=EnvelopeId("proposed"),
            node_id=EnergyNodeId(self.node_id),
            source="proposed",
            sequence=0,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            import_limit_w=self.import_limit_w,
            fallback=None if self.fallback is None else self.fallback.limit(),
        )


class EnergyWhatIfBody(RequestModel):
    """A gate policy, an envelope or both, over `[from, until)`, at most 92 days."""

    from_: Annotated[Instant, Field(alias="from")]
    until: Instant
    policy: EnergyPolicyBody | None = None
    envelope: ProposedEnvelope | None = None


class JudgedAttempt(ResponseModel):
    """An attempt. `was_refused` and `is_refused`: whether it is refused because of energy, as recorded and under the
    proposal, including refusals that are only recorded."""

    attempt_id: str
    occurred_at: UtcInstant
    charger_id: str
    vehicle_id: str | None
    reason: Reason | None
    level: GateLevel
    was_refused: bool
    is_refused: bool

    @classmethod
    def of(cls, judged: energy.JudgedAttempt) -> JudgedAttempt:
        row = judged.row
        names = ("attempt_id", "occurred_at", "charger_id", "vehicle_id", "reason")
        return cls(
            **{name: row[name] for name in names},
            level=judged.level,
            was_refused=judged.was_refused,
            is_refused=judged.is_refused,
        )


class EnergyWhatIfAnswer(ResponseModel):
    """The result. `by_level`: attempts by the level that the gate would have had. `complete` false: the period has more
    attempts; only the newest ones were judged."""

    depot_id: str
    attempts: int
    complete: bool
    refused_before: int
    refused_after: int
    newly_refused: int
    newly_admitted: int
    by_level: dict[GateLevel, int]
    examples: list[JudgedAttempt]


@router.post(
    "/depots/{depot_id}/energy/what-if",
    operation_id="ask_energy_what_if",
    dependencies=requires(OPERATORS),
)
async def ask_energy_what_if(
    depot_id: str,
    body: EnergyWhatIfBody,
    caller: Caller,
    view: DecisionView,
    what_if: Annotated[energy.EnergyWhatIf, provided(lambda c: c.queries.energy_what_if)],
) -> EnergyWhatIfAnswer:
    """Judge recorded attempts again under a proposed gate policy or envelope, and count those that energy would have refused.
    Measurements and charges stay as they were recorded. Nothing is recorded."""
    site = site_of(view, caller.tenant_id, depot_id)
    if body.envelope is not None:
        site.node(EnergyNodeId(body.envelope.node_id), pointer="/envelope/node_id")
    proposal = energy.EnergyProposal(
        since=body.from_,
        until=body.until,
        policy=None if body.policy is None else body.policy.policy(),
        envelope=None if body.envelope is None else body.envelope.envelope(),
    )
    found = await what_if(caller.tenant_id, DepotId(depot_id), proposal)
    counts = ("attempts", "complete", "refused_before", "refused_after", "newly_refused", "newly_admitted")
    return EnergyWhatIfAnswer(
        depot_id=depot_id,
        **{name: getattr(found, name) for name in counts},
        by_level=dict(found.by_level),
        examples=[JudgedAttempt.of(each) for each in found.examples],
    )
