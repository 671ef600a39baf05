"""One tenant as the decision path sees it: the folds of its events, and its state to save and restore.

A fold ignores a redelivered event, whose version is not the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from access_policy.application.decision_view.charger_view import ChargerView, Narrower
from access_policy.application.ports.view_snapshots import (
    BookState,
    ChargerState,
    RegistryState,
    SiteState,
    TenantState,
)
from access_policy.domain.capability_profiles.profile import CapabilityProfileEvent, CapabilityProfilePut
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.charger_access_policy.policy import evolve as evolve_policy
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.charger_condition.condition import evolve as evolve_condition
from access_policy.domain.charger_condition.events import ConditionEvent
from access_policy.domain.depots.depot import Depot, DepotEvent
from access_policy.domain.depots.depot import evolve as evolve_depot
from access_policy.domain.ids import ChargerId, DepotId, TenantId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.events import (
    ReservationChanged,
    ReservationEvent,
    ReservationGroupPut,
    ReservationMade,
    ReservationSettingsPut,
)
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

NOTHING_KNOWN = ChargerCondition()


@dataclass(slots=True)
class TenantView:
    """`profiles` are the definitions that operators have created, by name. `out_of_service` are the chargers that are
    retired, have lost their connection, or have a fault."""

    tenant_id: TenantId
    registry: VehicleRegistry = field(default_factory=VehicleRegistry)
    depots: dict[DepotId, Depot] = field(default_factory=dict)
    chargers: dict[ChargerId, ChargerView] = field(default_factory=dict)
    conditions: dict[ChargerId, ChargerCondition] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)
    books: dict[DepotId, ReservationBook] = field(default_factory=dict)
    narrower: Narrower | None = None
    sites: dict[DepotId, SiteEnergy] = field(default_factory=dict)
    out_of_service: set[ChargerId] = field(default_factory=set)

    def fold_policy(self, event: PolicyEvent, version: int, recorded_at: datetime) -> bool:
        """Fold the event; return False if it was delivered before."""
        known = self.chargers.get(event.charger_id)
        if version != (known.policy.version if known else 0) + 1:
            return False
        if known is None:
            self.chargers[event.charger_id] = self._charger(evolve_policy(None, event), recorded_at)
        else:
            known.evolve(event, recorded_at)
        self._reserve(self.chargers[event.charger_id])
        self._note_service(event.charger_id)
        return True

    def _note_service(self, charger_id: ChargerId) -> None:
        """Update `out_of_service` after a change of the charger or its condition."""
        charger, condition = self.chargers.get(charger_id), self.conditions.get(charger_id, NOTHING_KNOWN)
        is_lost = condition.gateway is not None and not condition.is_connected
        if is_lost or condition.faults or (charger is not None and charger.policy.retired_at is not None):
            self.out_of_service.add(charger_id)
        else:
            self.out_of_service.discard(charger_id)

    def _reserve(self, charger: ChargerView) -> None:
        """Set the charger's reserved windows after a change of the charger, which may have moved it to another depot."""
        if self.books:
            book = self.books.get(charger.policy.settings.depot_id)
            charger.reserve(() if book is None else book.windows_of(charger.policy.charger_id))

    def fold_depot(self, event: DepotEvent, version: int) -> None:
        known = self.depots.get(event.depot_id)
        if version == (known.version if known else 0) + 1:
            self.depots[event.depot_id] = evolve_depot(known, event)

    def fold_condition(self, event: ConditionEvent, version: int) -> None:
        known = self.conditions.get(event.charger_id, NOTHING_KNOWN)
        if version == known.version + 1:
            self.conditions[event.charger_id] = evolve_condition(known, event)
            self._note_service(event.charger_id)

    def fold_profile(self, event: CapabilityProfileEvent) -> list[ChargerId]:
        """Fold the event; return the chargers with the profile."""
        if isinstance(event, CapabilityProfilePut):
            self.profiles[event.name] = event.definition
        else:
            self.profiles.pop(event.name, None)
        return [key for key, charger in self.chargers.items() if charger.policy.settings.profile == event.name]

    def fold_reservation(self, event: ReservationEvent, version: int) -> set[ChargerId]:
        """Fold the event; return the chargers that the reservation names, before or after it. `reserve` goes through
        all reservations of a charger: call it once all events are folded."""
        book = self.book(event.depot_id)
        named_before = _named(book, event)
        if not book.follow(version, event):
            return set()
        return {each for each in named_before | _named(book, event) if each in self.chargers}

    def reserve(self, depot_id: DepotId, charger_ids: Iterable[ChargerId]) -> None:
        """Join the windows of the depot's book to the plans of these chargers."""
        book = self.book(depot_id)
        for charger_id in charger_ids:
            self.chargers[charger_id].reserve(book.windows_of(charger_id))

    def book(self, depot_id: DepotId) -> ReservationBook:
        """Return the only book of the depot in this process."""
        if depot_id not in self.books:
            self.books[depot_id] = ReservationBook(depot_id)
        return self.books[depot_id]

    def site(self, depot_id: DepotId) -> SiteEnergy:
        """Return the only site of the depot in this process."""
        if depot_id not in self.sites:
            self.sites[depot_id] = SiteEnergy(depot_id)
        return self.sites[depot_id]

    def state(self) -> TenantState:
        """Return a copy that later events do not change."""
        return TenantState(
            tenant_id=self.tenant_id,
            registry=RegistryState.of(self.registry),
            depots=tuple(self.depots.values()),
            chargers=tuple(
                ChargerState(_without_energy(view.policy), view.plan_seen_at) for view in self.chargers.values()
            ),
            conditions=tuple(self.conditions.items()),
            profiles=dict(self.profiles),
            books=tuple(BookState.of(book) for book in self.books.values() if book.version),
            sites=tuple(SiteState.of(site) for site in self.sites.values() if site.version),
        )

    @classmethod
    def of(cls, state: TenantState, narrower: Narrower | None = None) -> TenantView:
        """Return the tenant as it was when `state` was taken."""
        tenant = cls(
            state.tenant_id,
            registry=state.registry.registry(),
            depots={depot.depot_id: depot for depot in state.depots},
            conditions=dict(state.conditions),
            profiles=dict(state.profiles),
            books={book.depot_id: book.book() for book in state.books},
            sites={site.depot_id: site.site() for site in state.sites},
            narrower=narrower,
        )
        for each in state.chargers:
            policy = each.policy.sharing_calendars()
            tenant.chargers[policy.charger_id] = tenant._charger(policy, each.plan_seen_at)
        for charger_id in tenant.chargers.keys() | tenant.conditions.keys():
            tenant._note_service(charger_id)
        return tenant

    def _charger(self, policy: ChargerAccessPolicy, plan_seen_at: datetime) -> ChargerView:
        zone = ZoneInfo(policy.settings.time_zone)
        return ChargerView(self.tenant_id, policy, zone, plan_seen_at, narrower=self.narrower)


def _without_energy(policy: ChargerAccessPolicy) -> ChargerAccessPolicy:
    """Drop the narrowed windows, which are recomputed from the gates."""
    return replace(policy, narrowed=()) if policy.narrowed else policy


def _named(book: ReservationBook, event: ReservationEvent) -> set[ChargerId]:
    """Return the charger that the event's reservation names in the book's current state."""
    match event:
        case ReservationGroupPut() | ReservationSettingsPut():
            return set()
        case ReservationMade(reservation=reservation) | ReservationChanged(reservation=reservation):
            entry = book.entries.by_id.get(reservation.reservation_id)
        case _:
            entry = book.entries.by_id.get(event.reservation_id)
    charger_id = None if entry is None else entry.reservation.place.charger_id
    return set() if charger_id is None else {charger_id}
