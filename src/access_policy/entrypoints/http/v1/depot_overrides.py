"""`/v1/depots/{depot_id}/overrides`: one override on many chargers, shown and lifted together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi.responses import Response
from pydantic import Field

from access_policy.application.commands.override_many import (
    LiftMany,
    LiftManyHandler,
    OverriddenOne,
    OverrideMany,
    OverrideManyHandler,
)
from access_policy.application.decision_view.narrowing import Narrowing
from access_policy.application.errors import TooBusy
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, OverrideId, TenantId
from access_policy.domain.mode_schedule.timeline import Override
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import Clock, DecisionView, provided
from access_policy.entrypoints.http.fields import Page, ResponseModel, Text, UtcInstant
from access_policy.entrypoints.http.responses import json_in_pieces
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.changes_of_many import RefusedChange, TimelineChange, change_shown
from access_policy.entrypoints.http.v1.gate_models import NarrowingShown
from access_policy.entrypoints.http.v1.overrides import OverrideBody

router = api_router(tags=["schedule"])


class OverrideManyBody(OverrideBody):
    charger_ids: Annotated[list[Text], Field(min_length=1, max_length=10_000)] | Literal["all"]
    dry_run: bool = False

    def chosen(self) -> tuple[ChargerId, ...] | None:
        return None if self.charger_ids == "all" else tuple(ChargerId(each) for each in self.charger_ids)


class OverriddenCharger(ResponseModel):
    """The result for one charger. `problem` is set if the change was refused. `from` and `until` are the instants after
    the change, if there are any. `narrowings` are the windows of an override to freevend in which the energy gate still
    applies, if there are any."""

    charger_id: str
    ok: bool
    changed: Annotated[bool, Field(default=None)]
    problem: Annotated[RefusedChange, Field(default=None)]
    from_: Annotated[UtcInstant, Field(alias="from", default=None)]
    until: Annotated[UtcInstant, Field(default=None)]
    narrowings: Annotated[list[NarrowingShown], Field(default=None)]


class OverriddenHead(ResponseModel):
    override_id: str


class OverriddenMany(OverriddenHead):
    results: list[OverriddenCharger]


class OtherOverride(ResponseModel):
    """An override that the charger already has and that applies in a part of the same period."""

    override_id: str
    mode: AccessMode
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant
    reason: str
    made_by: str


class OverrideTriedAtOne(OverriddenCharger):
    """The effect on one charger. `changes`: the parts of the period in which it would have another mode; empty if it
    already has this mode. `other_overrides`: overrides over which the new one wins while it applies."""

    time_zone: Annotated[str, Field(default=None)]
    changes: Annotated[list[TimelineChange], Field(default=None)]
    other_overrides: Annotated[list[OtherOverride], Field(default=None)]


class OverrideTriedHead(ResponseModel):
    dry_run: Literal[True] = True


class OverrideTried(OverrideTriedHead):
    results: list[OverrideTriedAtOne]


class OverrideOfMany(ResponseModel):
    """One override that has not ended, with the chargers that have it. `from` is the earliest start and `until` the latest
    end, which differ between chargers only with `until_next_transition`."""

    override_id: str
    mode: AccessMode
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant
    reason: str
    made_by: str
    charger_ids: list[str]


@router.post(
    "/depots/{depot_id}/overrides",
    operation_id="override_many",
    dependencies=requires(OPERATORS),
    status_code=201,
    response_model=OverriddenMany,
    responses={200: {"model": OverrideTried, "description": "A dry run: nothing is recorded"}},
)
async def override_many(
    depot_id: str,
    body: OverrideManyBody,
    call: CommandCall,
    view: DecisionView,
    narrowing: Annotated[Narrowing, provided(lambda c: c.deciding.narrowing)],
    handler: Annotated[OverrideManyHandler, provided(lambda c: c.commands.override_many)],
) -> Response:
    """Make one override with one id on many chargers, for the same period, with one result per charger. With
    `until_next_transition` it ends on each charger at that charger's next transition. With `dry_run` nothing is
    recorded, and each result shows what would change and the other overrides in the same period."""
    command = OverrideMany(
        depot_id=DepotId(depot_id),
        charger_ids=body.chosen(),
        mode=body.mode,
        reason=body.reason,
        starts_at=body.from_,
        until=body.until,
        lasts=body.for_,
        dry_run=body.dry_run,
    )
    override_id, results = await handler(call.context, command)
    if body.dry_run:
        return await json_in_pieces(OverrideTriedHead(), "results", map(_tried, results))
    await call.settled(max((each.position for each in results), default=0))
    for each in results:
        narrowing.freshen((call.caller.tenant_id, each.charger_id))
    shown = _shown(results, partial(_narrowings, view, call.caller.tenant_id))
    return await json_in_pieces(OverriddenHead(override_id=override_id), "results", shown, status=201)


@router.get("/depots/{depot_id}/overrides", operation_id="list_depot_overrides", dependencies=requires(READERS))
async def list_depot_overrides(depot_id: str, caller: Caller, view: DecisionView, clock: Clock) -> Page[OverrideOfMany]:
    """List the running and future overrides of the depot's chargers, ordered by their end."""
    if view.depot(caller.tenant_id, DepotId(depot_id)) is None:
        raise DepotUnknown.named(depot_id)
    now = clock.now()
    groups: dict[OverrideId, list[tuple[ChargerId, Override]]] = {}
    for charger_id in await view.charger_ids(caller.tenant_id, DepotId(depot_id)):
        for each in view.charger(caller.tenant_id, charger_id).policy.overrides.values():
            if each.ends_at > now:
                groups.setdefault(each.override_id, []).append((charger_id, each))
    items = sorted((_group(each) for each in groups.values()), key=lambda each: (each.until, each.override_id))
    return Page(items=items, next_cursor=None)


@router.delete(
    "/depots/{depot_id}/overrides/{override_id}",
    operation_id="lift_many",
    dependencies=requires(OPERATORS),
    response_model=OverriddenMany,
)
async def lift_many(
    depot_id: str,
    override_id: str,
    call: CommandCall,
    handler: Annotated[LiftManyHandler, provided(lambda c: c.commands.lift_many)],
) -> Response:
    """Lift the override at all chargers of the depot that have it, with one result per charger. `changed` is false if
    it had already ended or been lifted."""
    command = LiftMany(depot_id=DepotId(depot_id), override_id=OverrideId(override_id))
    results = await handler(call.context, command)
    await call.settled(max((each.position for each in results), default=0))
    return await json_in_pieces(OverriddenHead(override_id=override_id), "results", _shown(results))


def _shown(
    results: Iterable[OverriddenOne], narrowings_of: Callable[[OverriddenOne], dict[str, Any]] = lambda _: {}
) -> Iterator[OverriddenCharger]:
    for each in results:
        yield OverriddenCharger(charger_id=each.charger_id, **_outcome(each), **narrowings_of(each))


def _narrowings(view: DecisionView, tenant_id: TenantId, one: OverriddenOne) -> dict[str, Any]:
    policy = view.known_policy(tenant_id, one.charger_id)
    if one.override is None or one.override.mode is not AccessMode.FREEVEND or policy is None:
        return {}
    narrowed = policy.narrowed_between(one.override.starts_at, one.override.ends_at)
    return {"narrowings": [NarrowingShown.of(each) for each in narrowed]} if narrowed else {}


def _tried(one: OverriddenOne) -> OverrideTriedAtOne:
    """Return the refusal, or the effect of the override."""
    if one.effect is None:
        return OverrideTriedAtOne(charger_id=one.charger_id, **_outcome(one))
    zone = ZoneInfo(one.effect.time_zone)
    found = {
        "ok": True,
        "time_zone": one.effect.time_zone,
        "from": one.effect.override.starts_at,
        "until": one.effect.override.ends_at,
        "changes": [change_shown(each, zone) for each in one.effect.changes],
        "other_overrides": [_other(each) for each in one.effect.others],
    }
    return OverrideTriedAtOne(charger_id=one.charger_id, **found)


def _other(override: Override) -> OtherOverride:
    return OtherOverride(
        override_id=override.override_id,
        mode=override.mode,
        from_=override.starts_at,
        until=override.ends_at,
        reason=override.reason,
        made_by=override.made_by,
    )


def _outcome(one: OverriddenOne) -> dict[str, Any]:
    if one.refusal is not None:
        return {"ok": False, "problem": _problem(one.refusal)}
    period = {} if one.override is None else {"from": one.override.starts_at, "until": one.override.ends_at}
    return {"ok": True, "changed": one.changed, **period}


def _problem(refusal: Refused | TooBusy) -> RefusedChange:
    code = refusal.code if isinstance(refusal, Refused) else "too-busy"
    return RefusedChange(code=code, detail=str(refusal))


def _group(having: list[tuple[ChargerId, Override]]) -> OverrideOfMany:
    overrides = [override for _, override in having]
    first = overrides[0]
    return OverrideOfMany(
        override_id=first.override_id,
        mode=first.mode,
        from_=min(each.starts_at for each in overrides),
        until=max(each.ends_at for each in overrides),
        reason=first.reason,
        made_by=first.made_by,
        charger_ids=sorted(charger_id for charger_id, _ in having),
    )
