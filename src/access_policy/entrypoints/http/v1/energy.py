"""`/v1/depots/{depot_id}/energy` and `/v1/chargers/{charger_id}/energy`: the power left for new starts, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Query

from access_policy.application.queries.charger_energy import ChargerNarrowings
from access_policy.application.queries.site_state import GatesOfSites, SiteStates
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import ChargerId, DepotId
from access_policy.domain.mode_schedule.timeline import HORIZON_MAX
from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import Clock, DecisionView, Policies, provided
from access_policy.entrypoints.http.fields import Instant
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.energy_models import ChargerEnergy, DepotEnergy, GateShown, NarrowingShown
from access_policy.entrypoints.http.v1.energy_nodes import site_of

router = api_router(tags=["energy"])

DEFAULT_LENGTH = timedelta(days=2)


class EnergyRangeInvalid(Invalid):
    code = "energy-range-invalid"


@router.get("/depots/{depot_id}/energy", operation_id="get_depot_energy", dependencies=requires(READERS))
async def get_depot_energy(
    depot_id: str,
    caller: Caller,
    view: DecisionView,
    states: Annotated[SiteStates, provided(lambda c: c.queries.site_states)],
    at: Annotated[Instant | None, Query()] = None,
) -> DepotEnergy:
    """Get each node of the site with its limit, demand, envelope and gate. With `at` in the past, the state as it was
    recorded then; in the future, the state as planned, if measurements stay as they are now and no source falls
    silent."""
    site_of(view, caller.tenant_id, depot_id)
    return DepotEnergy.of(await states(caller.tenant_id, DepotId(depot_id), at))


@router.get("/chargers/{charger_id}/energy", operation_id="get_charger_energy", dependencies=requires(READERS))
async def get_charger_energy(
    charger_id: str,
    caller: Caller,
    policies: Policies,
    clock: Clock,
    gates: Annotated[GatesOfSites, provided(lambda c: c.deciding.energy_gates)],
    narrowings: Annotated[ChargerNarrowings, provided(lambda c: c.queries.charger_narrowings)],
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query()] = None,
) -> ChargerEnergy:
    """Get the charger's present gate, and its past and planned narrowings that overlap `[from, until)`, at most 400
    days; the default is the next 48 hours."""
    policy = await policies.find(caller.tenant_id, ChargerId(charger_id))
    if policy is None:
        raise ChargerUnknown.named(charger_id)
    now = clock.now()
    start = from_ or now
    end = until or start + DEFAULT_LENGTH
    if not start < end <= start + HORIZON_MAX:
        raise EnergyRangeInvalid("'until' must be later than 'from', by at most 400 days.", pointer="/until")
    found = await narrowings(caller.tenant_id, policy.charger_id, start, end)
    gate = gates.gate(caller.tenant_id, policy.charger_id, now)
    return ChargerEnergy(
        charger_id=charger_id,
        depot_id=policy.settings.depot_id,
        from_=start,
        until=end,
        gate=None if gate is None else GateShown.of(gate, now),
        narrowings=[
            NarrowingShown(**{name: getattr(each, name) for name in NarrowingShown.model_fields}) for each in found
        ],
    )
