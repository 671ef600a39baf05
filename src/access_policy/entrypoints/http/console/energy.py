"""The energy of one depot's site: silent feeds, the tree with its gates, and the next 48 hours."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.ids import ChargerId, DepotId
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console import energy_pictures, energy_words
from access_policy.entrypoints.http.console.energy_pictures import Ahead, limits_of, narrowed_alike
from access_policy.entrypoints.http.console.energy_shown import (
    Gates,
    States,
    chargers_of,
    narrowed_now,
    planned,
    tree_rows,
)
from access_policy.entrypoints.http.console.here import Here
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Policies

router: APIRouter = pages_router()

ENERGY: Final = "/console/energy"
_Words = dict[str, Any]
WORDS: Final[_Words] = {"energy": energy_words, "pictures": energy_pictures}


@router.get(ENERGY, dependencies=visitors(READERS))
async def energy(
    here: Here,
    states: States,
    gates: Gates,
    chargers: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show the site. `chargers=all`: on a large site, include the chargers that are not narrowed."""
    here = here.at_one_depot()
    if here.depot_id is None:
        return here.page("energy.html", state=None)
    tenant_id = here.caller.tenant_id
    state = await states(tenant_id, here.depot_id, None)
    ahead = Ahead(here.now, here.zone)
    narrowed = await planned(gates, tenant_id, state, ahead.start, ahead.end) if state.site.has_gates else {}
    manual = [each for each in state.site.envelopes.by_id.values() if each.withdrawn_at is None]
    return await here.page_cooperatively(
        "energy.html",
        state=state,
        policy=state.site.policy,
        tree=tree_rows(state, every_charger=chargers == "all"),
        silences=energy_words.silences(state.site, here.now),
        ahead=ahead,
        limits=limits_of(state.site, ahead),
        narrowed=narrowed_alike(narrowed, ahead),
        envelopes=sorted(
            (each for each in manual if each.envelope.valid_until > here.now),
            key=lambda each: (each.envelope.valid_from, each.envelope.envelope_id),
        ),
        **WORDS,
    )


@router.get(ENERGY + "/now", dependencies=visitors(READERS))
async def on_the_board(here: Here, view: DecisionView, gates: Gates) -> Response:
    """Return a part of the board: silent feeds as problems, and the chargers that are narrowed; empty if there are
    none."""
    tenant_id = here.caller.tenant_id
    shown = []
    for depot in here.depots if here.depot is None else (here.depot,):
        site = view.site_energy(tenant_id, depot.depot_id)
        if site.has_gates:
            silent = energy_words.silences(site, here.now)
            narrowed = narrowed_now(gates, tenant_id, chargers_of(site), here.now)
            if silent or narrowed:
                shown.append((depot, silent, narrowed))
    return here.page("energy_now.html", shown=shown, **WORDS)


@router.get(ENERGY + "/at-charger", dependencies=visitors(READERS))
async def at_charger(here: Here, gates: Gates, charger_id: Annotated[str, Query(max_length=64)]) -> Response:
    """Return a part of a charger's page: who may start there while power is short; empty otherwise."""
    gate = gates.gate(here.caller.tenant_id, ChargerId(charger_id), here.now)
    return here.page("energy_at_charger.html", gate=gate, charger_id=charger_id, **WORDS)


@router.get(ENERGY + "/chargers/{charger_id}", dependencies=visitors(READERS))
async def why(here: Here, charger_id: str, policies: Policies, gates: Gates, states: States) -> Response:
    """Explain why a charger is narrowed, or why not. Raises `ChargerUnknown`."""
    tenant_id, this = here.caller.tenant_id, ChargerId(charger_id)
    policy = await policies.find(tenant_id, this)
    if policy is None:
        raise ChargerUnknown.named(charger_id)
    here = here.at_depot(policy.settings.depot_id)
    state = await states(tenant_id, DepotId(policy.settings.depot_id), None)
    gate = gates.gate(tenant_id, this, here.now)
    by_id = {each.node.node_id: each for each in state.nodes}
    ahead = Ahead(here.now, here.zone)
    windows = gates.narrowings(tenant_id, this, ahead.start, ahead.end) if gate is not None else ()
    return here.page(
        "energy_why.html",
        charger_id=charger_id,
        gate=gate,
        policy=state.site.policy,
        has_gates=state.site.has_gates,
        path=[] if gate is None else [by_id[each] for each in gate.node_path if each in by_id],
        windows=windows,
        silences=energy_words.silences(state.site, here.now),
        **WORDS,
    )
