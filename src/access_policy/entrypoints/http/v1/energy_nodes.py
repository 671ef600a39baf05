"""`/v1/depots/{depot_id}/energy-nodes` and `/energy-policy`: the electrical tree of a depot, and how its gates are
computed."""

from __future__ import annotations

from typing import Annotated

from fastapi.responses import Response

from access_policy.application.commands.put_energy_node import PutEnergyNode
from access_policy.application.commands.put_energy_policy import PutEnergyPolicy
from access_policy.application.commands.remove_energy_node import RemoveEnergyNode
from access_policy.application.decision_view import view as decision_view
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import DepotId, EnergyNodeId, TenantId
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, PutCall
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, provided
from access_policy.entrypoints.http.fields import Page
from access_policy.entrypoints.http.responses import created, set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.energy_models import (
    EnergyNodeBody,
    EnergyNodeShown,
    EnergyPolicyBody,
    EnergyPolicyShown,
)

router = api_router(tags=["energy"])


def site_of(view: decision_view.DecisionView, tenant_id: TenantId, depot_id: str) -> SiteEnergy:
    """Return the site of the depot. Raises `DepotUnknown`."""
    if view.depot(tenant_id, DepotId(depot_id)) is None:
        raise DepotUnknown.named(DepotId(depot_id))
    return view.site_energy(tenant_id, DepotId(depot_id))


@router.put(
    "/depots/{depot_id}/energy-nodes/{node_id}",
    operation_id="put_energy_node",
    dependencies=requires(OPERATORS),
    responses=created(EnergyNodeShown),
)
async def put_energy_node(
    depot_id: str,
    node_id: str,
    body: EnergyNodeBody,
    call: PutCall,
    view: DecisionView,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_energy_node)],
) -> EnergyNodeShown:
    """Add a node to the depot's tree, or replace it. Add the root first. 409 `energy-tree-broken` for a second root or
    a cycle, 409 `charger-has-energy-node` if another node has the charger."""
    command = PutEnergyNode(depot_id=DepotId(depot_id), node=body.node(node_id), expected_version=call.expected_version)
    await call(handler, command)
    return EnergyNodeShown.of(view.site_energy(call.caller.tenant_id, command.depot_id), EnergyNodeId(node_id))


@router.get("/depots/{depot_id}/energy-nodes/{node_id}", operation_id="get_energy_node", dependencies=requires(READERS))
async def get_energy_node(
    depot_id: str, node_id: str, caller: Caller, view: DecisionView, response: Response
) -> EnergyNodeShown:
    """Return one energy node, with its version as `ETag`. Changes nothing."""
    shown = EnergyNodeShown.of(site_of(view, caller.tenant_id, depot_id), EnergyNodeId(node_id))
    set_etag(response, shown.version)
    return shown


@router.get("/depots/{depot_id}/energy-nodes", operation_id="list_energy_nodes", dependencies=requires(READERS))
async def list_energy_nodes(depot_id: str, caller: Caller, view: DecisionView) -> Page[EnergyNodeShown]:
    """List the nodes, each after its parent."""
    site = site_of(view, caller.tenant_id, depot_id)
    nodes = [] if site.tree.root_id is None else site.tree.below(site.tree.root_id)
    return Page(items=[EnergyNodeShown.of(site, each.node_id) for each in nodes], next_cursor=None)


@router.delete(
    "/depots/{depot_id}/energy-nodes/{node_id}",
    operation_id="remove_energy_node",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def remove_energy_node(
    depot_id: str,
    node_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_energy_node)],
) -> None:
    """Remove a node that has no nodes below it, with its envelopes and its measurement."""
    command = RemoveEnergyNode(
        depot_id=DepotId(depot_id), node_id=EnergyNodeId(node_id), expected_version=call.expected_version
    )
    await call(handler, command)


@router.get("/depots/{depot_id}/energy-policy", operation_id="get_energy_policy", dependencies=requires(READERS))
async def get_energy_policy(depot_id: str, caller: Caller, view: DecisionView, response: Response) -> EnergyPolicyShown:
    """Return the energy policy of the depot, with its version as `ETag`. Changes nothing."""
    shown = EnergyPolicyShown.of(site_of(view, caller.tenant_id, depot_id))
    set_etag(response, shown.version)
    return shown


@router.put(
    "/depots/{depot_id}/energy-policy",
    operation_id="put_energy_policy",
    dependencies=requires(OPERATORS),
    responses=created(EnergyPolicyShown),
)
async def put_energy_policy(
    depot_id: str,
    body: EnergyPolicyBody,
    call: PutCall,
    view: DecisionView,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_energy_policy)],
) -> EnergyPolicyShown:
    """Set the gate policy of the depot. A depot without one accepts no envelopes and no measurements."""
    command = PutEnergyPolicy(depot_id=DepotId(depot_id), policy=body.policy(), expected_version=call.expected_version)
    await call(handler, command)
    return EnergyPolicyShown.of(view.site_energy(call.caller.tenant_id, command.depot_id))
