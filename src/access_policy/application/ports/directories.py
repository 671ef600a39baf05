"""Small look-ups for commands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, DepotId, EntranceId, EnvelopeId, ReservationId, ScheduleId, TenantId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.events import ReservationEvent
from access_policy.domain.reservations.reservation import PartnerRequest
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.domain.vehicle_registry.registry import VehicleRegistry


class ChargersOfDepot(Protocol):
    async def charger_ids(self, tenant_id: TenantId, depot_id: DepotId) -> list[ChargerId]:
        """Return the chargers in service at the depot."""
        ...


class DepotsOfSchedules(Protocol):
    async def depot_of_schedule(self, tenant_id: TenantId, schedule_id: ScheduleId) -> DepotId | None:
        """Return the depot that has the schedule; None for an unknown schedule."""
        ...


class DepotsOfEntrances(Protocol):
    def depots_with_entrance(self, tenant_id: TenantId, entrance_id: EntranceId) -> list[DepotId]:
        """Return the depots that have an entrance with this id: at most one, unless two depots used the id at the same
        moment."""
        ...


class ProfileNames(Protocol):
    def knows(self, tenant_id: TenantId, name: str) -> bool:
        """Return True if a capability profile of this name exists."""
        ...

    def always_exists(self, name: str) -> bool:
        """Return True if the profile is built in, so that no operator can change or remove it."""
        ...


class RegistriesInMemory(Protocol):
    def registry(self, tenant_id: TenantId) -> VehicleRegistry:
        """Return the tenant's registry at some version. The caller may fold later events of its stream into it."""
        ...


class PoliciesInMemory(Protocol):
    def known_policy(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerAccessPolicy | None:
        """Return the charger's policy at a stored version, not necessarily the latest; None if unknown."""
        ...


class BooksInMemory(Protocol):
    def book(self, tenant_id: TenantId, depot_id: DepotId) -> ReservationBook:
        """Return the depot's reservations at some version, an empty book before the first one. The caller must not
        change it."""
        ...

    def follow_book(self, tenant_id: TenantId, events: Iterable[tuple[int, ReservationEvent]]) -> None:
        """Fold later events of books' streams, with their versions, before the log's follower does."""
        ...


class SitesInMemory(Protocol):
    def site_energy(self, tenant_id: TenantId, depot_id: DepotId) -> SiteEnergy:
        """Return the energy of the depot's site at some version, an empty site before the first one. The caller must
        not change it."""
        ...

    def follow_site(self, tenant_id: TenantId, event: SiteEnergyEvent, version: int, recorded_at: datetime) -> None:
        """Fold a later event of the site's stream before the log's follower does."""
        ...


class DepotsOfEnvelopes(Protocol):
    def depot_of_envelope(self, tenant_id: TenantId, envelope_id: EnvelopeId) -> DepotId | None:
        """Return the depot whose site has received the envelope; None if the envelope is unknown or was forgotten after
        its end."""
        ...


class DepotsOfReservations(Protocol):
    def depot_of_reservation(self, tenant_id: TenantId, reservation_id: ReservationId) -> DepotId | None:
        """Return the depot whose book has the reservation; None if it is unknown or was forgotten after its end."""
        ...

    def depot_of_booking(self, tenant_id: TenantId, request: PartnerRequest) -> DepotId | None:
        """Return the depot whose book has the partner's booking, not one from which the booking has moved away; None if
        it is unknown."""
        ...
