"""A depot's past site, from the rows of its changes: nodes, policy, envelopes, and silences of sources.

The stream of a site contains each measurement, hundreds of thousands a month; the rows contain only changes of limits,
and are few.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.ports.views import Row, Views
from access_policy.application.projections.energy_changes import ChangeKind
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.site_energy.energy_policy import HOLD_MAX_S, EnergyPolicy, GateEnforcement
from access_policy.domain.site_energy.envelopes import FallbackLimit, OperatingEnvelope
from access_policy.domain.site_energy.events import (
    DegradedReason,
    DemandMeasured,
    EnergyNodePut,
    EnergyNodeRemoved,
    EnergyPolicyPut,
    EnergySourceHeard,
    EnergySourceWentOffline,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
    SiteEnergyEvent,
)
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.known_envelopes import KEPT_FOR
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import SiteEnergy, Subject

ROWS_AT_ONCE: Final = 2_000
HELD_AT_MOST: Final = timedelta(seconds=HOLD_MAX_S) + KEPT_FOR  # an envelope that ended earlier limits nothing

Change = tuple[datetime, SiteEnergyEvent]


async def site_changes(
    views: Views, tenant_id: TenantId, depot_id: DepotId, since: datetime, until: datetime
) -> AsyncIterator[list[Change]]:
    """Yield the changes up to `until` (inclusive) with the instants at which they were recorded, in order, in batches.
    Of the changes before `since`, only those that still count at `since` are included. Raises `StoreUnavailable`."""
    first = await views.first_feed(tenant_id, depot_id)
    feed = [] if first is None or first["at"] > until else [first]
    after = 0
    while True:
        rows = await views.energy_changes(
            tenant_id, depot_id, since - HELD_AT_MOST, until, after=after, limit=ROWS_AT_ONCE
        )
        is_last = len(rows) < ROWS_AT_ONCE
        after = after if is_last else rows[-1]["position"]
        if feed and (is_last or feed[0]["at"] <= rows[-1]["at"]):
            rows, feed = sorted([*rows, *feed], key=lambda row: row["at"]), []
        yield await asyncio.to_thread(_changes, depot_id, rows)
        if is_last:
            return


def _changes(depot_id: DepotId, rows: Sequence[Row]) -> list[Change]:
    return [(row["at"], event_of(depot_id, row)) for row in rows]


async def past_site(views: Views, tenant_id: TenantId, depot_id: DepotId, at: datetime) -> SiteEnergy:
    """Return the site as it was recorded at `at`. The demand of a node is the last one of the minute of `at`, unless it
    was measured again later in that minute; then it is that of an earlier minute. Raises `StoreUnavailable`."""
    site = SiteEnergy(depot_id=depot_id)
    async for changes in site_changes(views, tenant_id, depot_id, at, at):
        await asyncio.to_thread(_fold, site, changes)
    if site.policy is None:
        return site
    since = at - site.policy.measurement_max_age - site.policy.hold_max
    for row in await views.energy_demand_at(tenant_id, depot_id, since, at):
        if row["node_id"] in site.tree.by_id:
            demand = Demand(node_id=row["node_id"], observed_at=row["observed_at"], demand_w=row["demand_w"])
            site.demands[demand.node_id] = demand
    for row in await views.energy_levels_at(tenant_id, depot_id, at):
        if row["level"] != GateLevel.OPEN:
            site.levels[ChargerId(row["charger_id"])] = GateLevel(row["level"]), row["at"]
    for row in await views.energy_silences(tenant_id, depot_id, at, at + timedelta(microseconds=1)):
        site.degraded[_subject(row)] = row["since"]
    return site


def _fold(site: SiteEnergy, changes: Sequence[Change]) -> None:
    for _, event in changes:
        apply(site, event)


def _subject(row: Row) -> Subject:
    reason = DegradedReason(row["reason"])
    is_source = reason is DegradedReason.SOURCE_OFFLINE
    return reason, row["feed"] if is_source else None, None if is_source else EnergyNodeId(row["feed"])


def apply(site: SiteEnergy, event: SiteEnergyEvent) -> None:
    """Fold a change, except for the withdrawal of a forgotten envelope."""
    if not isinstance(event, OperatingEnvelopeWithdrawn) or event.envelope_id in site.envelopes.by_id:
        site.apply(event)


def event_of(depot_id: DepotId, row: Row) -> SiteEnergyEvent:
    """Return the event that the row describes."""
    source, at = row["source"], row["happened_at"]
    match ChangeKind(row["kind"]):
        case ChangeKind.NODE:
            return EnergyNodePut(depot_id=depot_id, node=_node(row))
        case ChangeKind.NODE_REMOVED:
            return EnergyNodeRemoved(depot_id=depot_id, node_id=EnergyNodeId(row["node_id"]))
        case ChangeKind.POLICY:
            return EnergyPolicyPut(depot_id=depot_id, policy=_policy(row))
        case ChangeKind.ENVELOPE:
            return OperatingEnvelopeReceived(depot_id=depot_id, envelope=_envelope(row), received_at=at)
        case ChangeKind.WITHDRAWAL:
            envelope_id = EnvelopeId(row["envelope_id"])
            return OperatingEnvelopeWithdrawn(depot_id=depot_id, envelope_id=envelope_id, withdrawn_at=at)
        case ChangeKind.HEARD:
            return EnergySourceHeard(depot_id=depot_id, source=source, heard_at=at)
        case ChangeKind.OFFLINE:
            reported_at = row["reported_at"]
            return EnergySourceWentOffline(depot_id=depot_id, source=source, offline_at=at, reported_at=reported_at)
        case ChangeKind.FEED:
            return DemandMeasured(depot_id=depot_id, items=(), received_at=at)


def _node(row: Row) -> EnergyNode:
    parent_id, charger_id = row["parent_id"], row["charger_id"]
    return EnergyNode(
        node_id=EnergyNodeId(row["node_id"]),
        parent_id=None if parent_id is None else EnergyNodeId(parent_id),
        kind=NodeKind(row["node_kind"]),
        limit_w=row["limit_w"],
        charger_id=None if charger_id is None else ChargerId(charger_id),
        minimum_start_w=row["minimum_start_w"],
    )


def _policy(row: Row) -> EnergyPolicy:
    return EnergyPolicy(
        enabled=row["is_enabled"],
        enforcement=GateEnforcement(row["enforcement"]),
        own_and_agreement_below_w=row["own_and_agreement_below_w"],
        own_only_below_w=row["own_only_below_w"],
        hysteresis_w=row["hysteresis_w"],
        minimum_dwell_s=row["minimum_dwell_s"],
        measurement_max_age_s=row["measurement_max_age_s"],
        hold_max_s=row["hold_max_s"],
    )


def _envelope(row: Row) -> OperatingEnvelope:
    fallback_w, fallback_until = row["fallback_limit_w"], row["fallback_until"]
    return OperatingEnvelope(
        envelope_id=EnvelopeId(row["envelope_id"]),
        node_id=EnergyNodeId(row["node_id"]),
        source=row["source"],
        sequence=row["sequence"],
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        import_limit_w=row["import_limit_w"],
        fallback=None
        if fallback_until is None
        else FallbackLimit(import_limit_w=fallback_w, valid_until=fallback_until),
    )
