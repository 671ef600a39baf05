"""`/v1/chargers/{charger_id}/overrides`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi.responses import Response
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from access_policy.application.commands import Done
from access_policy.application.commands.lift_override import LiftOverride
from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.decision_view.narrowing import Narrowing
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, OverrideId, TenantId
from access_policy.domain.mode_schedule.timeline import Override
from access_policy.entrypoints.durations import duration
from access_policy.entrypoints.http.auth import OPERATORS, requires
from access_policy.entrypoints.http.calls import ChangeCall
from access_policy.entrypoints.http.dependencies import Handler, Policies, provided
from access_policy.entrypoints.http.fields import (
    Instant,
    RequestModel,
    ResponseModel,
    Text,
    UtcInstant,
    Version,
)
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.gate_models import NarrowingShown

router = api_router(tags=["schedule"])


class OverrideBody(RequestModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    mode: AccessMode
    reason: Text
    from_: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None
    for_: Annotated[timedelta | None, BeforeValidator(duration), Field(alias="for")] = None
    until_next_transition: bool = False

    @model_validator(mode="after")
    def _one_end(self) -> OverrideBody:
        given = [self.until is not None, self.for_ is not None, self.until_next_transition]
        if sum(given) != 1:
            raise ValueError("give exactly one of until, for and until_next_transition")
        return self


class OverrideMade(ResponseModel):
    """An override. `version` is the version of the charger. `narrowings`: the windows of the override in which the
    energy gate still applies; an override does not open the charger in them."""

    override_id: str
    mode: AccessMode
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant
    reason: str
    narrowings: list[NarrowingShown]
    version: Version


@router.post(
    "/chargers/{charger_id}/overrides", operation_id="override_mode", dependencies=requires(OPERATORS), status_code=201
)
async def override_mode(
    charger_id: str,
    body: OverrideBody,
    call: ChangeCall,
    policies: Policies,
    handler: Annotated[Handler, provided(lambda c: c.commands.override_mode)],
    narrowing: Annotated[Narrowing, provided(lambda c: c.deciding.narrowing)],
) -> OverrideMade:
    """Override the charger's mode `until` an instant, `for` a duration, or until the next transition of its timeline;
    give exactly one of them. An override to freevend does not open the charger while power is short: `narrowings` lists
    these windows."""
    command = OverrideMode(
        charger_id=ChargerId(charger_id),
        mode=body.mode,
        reason=body.reason,
        starts_at=body.from_,
        until=body.until,
        lasts=body.for_,
        expected_version=call.expected_version,
    )
    done = await call(handler, command)
    narrowing.freshen((call.caller.tenant_id, command.charger_id))
    policy, made = await _made(policies, call.caller.tenant_id, command.charger_id, done)
    narrowed = policy.narrowed_between(made.starts_at, made.ends_at) if made.mode is AccessMode.FREEVEND else ()
    return OverrideMade(
        override_id=made.override_id,
        mode=made.mode,
        from_=made.starts_at,
        until=made.ends_at,
        reason=made.reason,
        narrowings=[NarrowingShown.of(each) for each in narrowed],
        version=done.version,
    )


async def _made(
    policies: Policies, tenant_id: TenantId, charger_id: ChargerId, done: Done
) -> tuple[ChargerAccessPolicy, Override]:
    override_id = OverrideId(done.created_id or "")
    policy = await policies.get(tenant_id, charger_id)
    if override_id not in policy.overrides:  # already lifted before it began
        policy = await policies.at_version(tenant_id, charger_id, done.version) or policy
    return policy, policy.overrides[override_id]


@router.delete(
    "/chargers/{charger_id}/overrides/{override_id}",
    operation_id="lift_override",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def lift_override(
    charger_id: str,
    override_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.lift_override)],
) -> None:
    """End the override now; the plan applies again. Lifting one that is over changes nothing."""
    command = LiftOverride(
        charger_id=ChargerId(charger_id),
        override_id=OverrideId(override_id),
        expected_version=call.expected_version,
    )
    await call(handler, command)
