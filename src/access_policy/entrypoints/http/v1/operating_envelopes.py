"""`/v1/operating-envelopes` and `/v1/measurements`: limits and demand of energy nodes, sent by other systems."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from access_policy.application.commands.receive_envelope import ReceiveEnvelope
from access_policy.application.commands.withdraw_envelope import WithdrawEnvelope
from access_policy.application.decision_view import view as decision_view
from access_policy.application.ports import clock as clocks
from access_policy.application.ports import views as view_ports
from access_policy.application.ports.identity import Role
from access_policy.domain.ids import DepotId, EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.site_energy.errors import EnvelopeUnknown
from access_policy.domain.site_energy.gate import EnvelopeState
from access_policy.domain.site_energy.lifecycle import standings
from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import Clock, DecisionView, Handler, Views, provided
from access_policy.entrypoints.http.fields import Page
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import NOT_FOUND, created
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.energy_models import (
    IgnoredEnvelope,
    MeasurementsBody,
    OperatingEnvelopeBody,
    OperatingEnvelopeShown,
)
from access_policy.entrypoints.http.v1.energy_nodes import site_of

router = api_router(tags=["energy"])

SENDERS = frozenset({Role.OPERATOR, Role.ADMIN, Role.SERVICE})
DepotQuery = Annotated[str, Query(max_length=64)]


async def _shown(
    view: decision_view.DecisionView,
    views: view_ports.Views,
    clock: clocks.Clock,
    tenant_id: TenantId,
    envelope_id: EnvelopeId,
) -> OperatingEnvelopeShown:
    row = await views.envelope(tenant_id, envelope_id)
    if row is None:
        raise EnvelopeUnknown.named(envelope_id)
    return OperatingEnvelopeShown.of(row, state_of(view, clock, tenant_id, row))


def state_of(
    view: decision_view.DecisionView, clock: clocks.Clock, tenant_id: TenantId, row: view_ports.Row
) -> EnvelopeState:
    """Return the present state of the envelope. The site no longer has an envelope that is over."""
    site = view.site_energy(tenant_id, DepotId(row["depot_id"]))
    known = site.envelopes.by_id.get(EnvelopeId(row["envelope_id"]))
    if known is None or site.policy is None:
        return EnvelopeState.EXPIRED if row["withdrawn_at"] is None else EnvelopeState.WITHDRAWN
    of_node = site.envelopes.at_node(known.envelope.node_id)
    found = standings(of_node, site.offline, site.policy.hold_max, clock.now())
    return next(each.state for each in found if each.known.envelope.envelope_id == known.envelope.envelope_id)


@router.put(
    "/operating-envelopes/{envelope_id}",
    operation_id="put_operating_envelope",
    dependencies=requires(SENDERS),
    responses={**created(OperatingEnvelopeShown), **NOT_FOUND},
)
async def put_operating_envelope(
    envelope_id: str,
    body: OperatingEnvelopeBody,
    call: CommandCall,
    view: DecisionView,
    views: Views,
    clock: Clock,
    handler: Annotated[Handler, provided(lambda c: c.commands.receive_envelope)],
) -> OperatingEnvelopeShown:
    """Limit a node for a time. Sending the same envelope again changes nothing. 409 `operating-envelope-sequence-old`
    if the source has already sent a higher sequence for this node, 409 `energy-not-opted-in` for a depot without an
    energy policy."""
    command = ReceiveEnvelope(
        envelope_id=EnvelopeId(envelope_id),
        depot_id=DepotId(body.depot_id),
        node_id=EnergyNodeId(body.node_id),
        source=body.source,
        sequence=body.sequence,
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        import_limit_w=body.import_limit_w,
        fallback=None if body.fallback is None else body.fallback.limit(),
    )
    await call(handler, command)
    return await _shown(view, views, clock, call.caller.tenant_id, command.envelope_id)


@router.get(
    "/operating-envelopes/{envelope_id}",
    operation_id="get_operating_envelope",
    dependencies=requires(READERS),
)
async def get_operating_envelope(
    envelope_id: str, caller: Caller, view: DecisionView, views: Views, clock: Clock
) -> OperatingEnvelopeShown:
    """Return one operating envelope with its state. Changes nothing."""
    return await _shown(view, views, clock, caller.tenant_id, EnvelopeId(envelope_id))


@router.delete(
    "/operating-envelopes/{envelope_id}",
    operation_id="withdraw_operating_envelope",
    dependencies=requires(SENDERS),
    status_code=204,
    response_class=Response,
)
async def withdraw_operating_envelope(
    envelope_id: str,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.withdraw_envelope)],
) -> None:
    """Withdraw the envelope; it cannot be restored. Gates widen after the depot's minimum dwell."""
    await call(handler, WithdrawEnvelope(envelope_id=EnvelopeId(envelope_id)))


@router.get(
    "/operating-envelopes",
    operation_id="list_operating_envelopes",
    dependencies=requires(READERS, some_depots=True),
    responses=NOT_FOUND,
)
async def list_operating_envelopes(
    caller: Caller,
    view: DecisionView,
    views: Views,
    clock: Clock,
    depot_id: DepotQuery,
    node_id: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OperatingEnvelopeShown]:
    """List the envelopes of a depot, the last received first, including those that are over."""
    site_of(view, caller.tenant_id, depot_id)
    node = None if node_id is None else EnergyNodeId(node_id)
    page = await views.envelopes(caller.tenant_id, DepotId(depot_id), node, cursor=cursor, limit=limit)
    items = [OperatingEnvelopeShown.of(row, state_of(view, clock, caller.tenant_id, row)) for row in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/depots/{depot_id}/ignored-envelopes", operation_id="list_ignored_envelopes", dependencies=requires(READERS)
)
async def list_ignored_envelopes(
    depot_id: str, caller: Caller, view: DecisionView, views: Views, cursor: Cursor = None, limit: Limit = 50
) -> Page[IgnoredEnvelope]:
    """List the envelopes that arrived over the bus or by OSCP and had no effect, newest first, each with the reason."""
    site_of(view, caller.tenant_id, depot_id)
    page = await views.ignored_envelopes(caller.tenant_id, DepotId(depot_id), cursor=cursor, limit=limit)
    items = [IgnoredEnvelope(**{name: row[name] for name in IgnoredEnvelope.model_fields}) for row in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.post(
    "/measurements",
    operation_id="record_measurements",
    dependencies=requires(SENDERS, some_depots=True),
    status_code=204,
    response_class=Response,
    responses=NOT_FOUND,
)
async def record_measurements(
    body: MeasurementsBody,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.record_measurements)],
) -> None:
    """Record the demand of nodes. The latest `observed_at` of a node counts; an older one changes nothing. If one item
    is refused, none is recorded."""
    await call(handler, body.command())
