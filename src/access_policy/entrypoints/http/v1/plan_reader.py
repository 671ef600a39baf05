"""Read reservations as responses and pages show them, for the caller's depots."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request

from access_policy.application.plan.gathering import Connected, Placed
from access_policy.application.plan.reader import PlanFilter, PlanReader
from access_policy.application.plan.status import PlanStatus
from access_policy.application.ports.identity import Identity
from access_policy.application.ports.views import ReservationFilter
from access_policy.domain.ids import ReservationId
from access_policy.entrypoints.http.dependencies import container_of, process_of, within_depots
from access_policy.entrypoints.http.fields import End, Instant, Page, UtcInstant
from access_policy.entrypoints.http.v1.reservation_models import Reservation
from access_policy.entrypoints.http.v1.vehicle_models import VehicleReader, Vehicles

Spellings = Callable[[str], Collection[str]]


class ReservationPage(Page[Reservation]):
    """A page of reservations. `computed_at`: the instant for which the statuses were computed. `horizon_until`: how far
    ahead a list without an end reaches."""

    computed_at: UtcInstant
    horizon_until: UtcInstant


@dataclass(frozen=True, slots=True)
class PlanShown:
    """The plan in the form of responses."""

    reader: PlanReader
    connected: Connected
    vehicles: VehicleReader
    caller: Identity

    def spellings(self, text: str) -> Collection[str]:
        """Return the pseudonyms of an identifier in any spelling."""
        return self.vehicles.spellings(self.caller.tenant_id, text)

    async def one(self, caller: Identity, reservation_id: ReservationId) -> Reservation:
        """Return one reservation. Raises `ReservationUnknown`."""
        row = await self.reader.one(caller.tenant_id, reservation_id, self.connected)
        return Reservation.of(row, self.reader.clock.now())

    async def expanded(self, caller: Identity, placed: Sequence[Placed]) -> list[Reservation]:
        """Return these entries, in the same order."""
        rows = await self.reader.expand(caller.tenant_id, placed, self.connected)
        return [Reservation.of(row, self.reader.clock.now()) for row in rows]

    async def page(
        self, caller: Identity, wanted: PlanFilter, *, cursor: str | None = None, limit: int
    ) -> ReservationPage:
        found = await self.reader.page(caller.tenant_id, wanted, self.connected, cursor=cursor, limit=limit)
        return ReservationPage(
            items=[Reservation.of(row, found.computed_at) for row in found.items],
            next_cursor=found.next_cursor,
            computed_at=found.computed_at,
            horizon_until=found.horizon_until,
        )

    async def all(self, caller: Identity, wanted: PlanFilter) -> ReservationPage:
        """Return all rows on one page."""
        found = await self.reader.all(caller.tenant_id, wanted, self.connected)
        return ReservationPage(
            items=[Reservation.of(row, found.computed_at) for row in found.items],
            next_cursor=None,
            computed_at=found.computed_at,
            horizon_until=found.horizon_until,
        )


async def _plan(request: Request, vehicles: Vehicles) -> PlanShown:
    caller = request.state.caller
    reader = within_depots(container_of(request).queries.plan(), caller)
    return PlanShown(reader, process_of(request).connected, vehicles, caller)


Plan = Annotated[PlanShown, Depends(_plan)]

_Id = Annotated[str | None, Query(max_length=64)]


class Asked:
    """The query parameters of a list of reservations."""

    def __init__(
        self,
        depot_id: _Id = None,
        from_: Annotated[Instant | None, Query(alias="from")] = None,
        until: Annotated[End | None, Query()] = None,
        status: Annotated[list[PlanStatus] | None, Query(description="Repeatable")] = None,
        holder: Annotated[
            str | None, Query(max_length=300, description="A vehicle's id, or any spelling of an identifier")
        ] = None,
        block_id: Annotated[str | None, Query(max_length=500)] = None,
        charger_id: Annotated[
            str | None, Query(max_length=64, description="Reserved by name, or where the holder charged")
        ] = None,
        group_id: _Id = None,
    ) -> None:
        self.where = ReservationFilter(
            since=from_,
            until=until,
            depot_id=depot_id,
            charger_id=charger_id,
            group_id=group_id,
            block_id=block_id,
        )
        self._statuses = frozenset(status or ())
        self._holder = holder

    def filter(self, spellings: Spellings) -> PlanFilter:
        holder = frozenset[str]() if self._holder is None else {self._holder, *spellings(self._holder)}
        return PlanFilter(where=self.where, statuses=self._statuses, holder=frozenset(holder))


def of_period(depot_id: str, since: datetime, until: datetime) -> PlanFilter:
    """Select all reservations of a depot that overlap the period."""
    return PlanFilter(where=ReservationFilter(depot_id=depot_id, since=since, until=until))
