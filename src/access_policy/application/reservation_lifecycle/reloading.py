"""Reload, after a restart, the charges that may still have to fulfil or release reservations, from the read models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.views import PAGE_MAX, AttemptFilter, RecentPast, Views
from access_policy.application.reservation_lifecycle.holder_charges import DepotKey, HolderCharges
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AttemptId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.reservations.charges import Charge
from access_policy.domain.reservations.entry import Entry

BEFORE: Final = timedelta(hours=24)  # a charge may have begun before the reservation
ASKED_TOGETHER: Final = 50  # reservations per query

Row = Mapping[str, Any]


async def reload_charges(
    charges: HolderCharges, view: DecisionView, past: RecentPast, views: Views, *, now: datetime
) -> None:
    """Fill `charges` from the read models, which must have caught up before: running charges, and charges by the
    holders of reservations that have begun and whose end is not recorded."""
    for row in await past.open_sessions():
        _put(charges, row)
    for depot, book in view.books():
        begun = [each for each in book.entries.by_id.values() if each.outcome is None and each.begins <= now]
        for first in range(0, len(begun), ASKED_TOGETHER):
            async for row in _by_holders(views, depot, begun[first : first + ASKED_TOGETHER]):
                _put(charges, row)


async def _by_holders(views: Views, depot: DepotKey, entries: Sequence[Entry]) -> AsyncIterator[Row]:
    holders = [each.reservation.holder for each in entries]
    wanted = AttemptFilter(
        depot_id=depot[1],
        vehicle_ids={each.vehicle_id for each in holders if each.vehicle_id is not None},
        pseudonyms={identifier.ref.pseudonym for each in holders for identifier in each.identifiers},
        since=min(each.begins for each in entries) - BEFORE,
    )
    cursor: str | None = None
    while wanted.vehicle_ids or wanted.pseudonyms:
        page = await views.attempts(depot[0], wanted, cursor=cursor, limit=PAGE_MAX)
        for row in page.items:
            yield row
        cursor = page.next_cursor
        if cursor is None:
            return


def _put(charges: HolderCharges, row: Row) -> None:
    for charge in _charges_in(row):
        tenant_id = TenantId(row["tenant_id"])
        charges.put((tenant_id, DepotId(row["depot_id"])), charge)
        if row["session_ended_at"] is not None:
            charges.end(tenant_id, charge.attempt_id, row["session_ended_at"], position=0)


def _charges_in(row: Row) -> Iterator[Charge]:
    is_a_holders = row["identifier_kind"] is not None and row["session_decision"] != SessionDecision.DENIED
    if row["session_started_at"] is not None and is_a_holders:
        yield Charge(
            attempt_id=AttemptId(row["attempt_id"]),
            charger_id=ChargerId(row["charger_id"]),
            connector_id=row["connector_id"],
            identifier=IdentifierRef(
                IdentifierKind(row["identifier_kind"]), row["identifier_pseudonym"], row["identifier_masked"]
            ),
            vehicle_id=None if row["vehicle_id"] is None else VehicleId(row["vehicle_id"]),
            started_at=row["session_started_at"],
        )
