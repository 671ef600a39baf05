"""The decision view: all chargers' policies, depots and registries in memory, kept up to date by following the store's
log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from access_policy.application.decision_view.charger_view import ChargerView, Narrower
from access_policy.application.decision_view.tenant_view import NOTHING_KNOWN, TenantView
from access_policy.application.decision_view.whole_commands import whole_commands
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.event_store import Recorded
from access_policy.application.ports.view_snapshots import Anchor, ViewState
from access_policy.application.streams import tenant_of
from access_policy.domain.capability_profiles.profile import CapabilityProfileEvent
from access_policy.domain.charge_points.claims import ChargePointClaimed, ChargePointReleased
from access_policy.domain.charger_access_policy import events as policy_events
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.charger_condition.events import ConditionEvent
from access_policy.domain.depots import depot as depots
from access_policy.domain.depots.depot import Depot
from access_policy.domain.depots.entrances import EntranceIdTaken, EntranceUnknown
from access_policy.domain.ids import (
    ChargePointId,
    ChargerId,
    ChargerKey,
    DepotId,
    EntranceId,
    EnvelopeId,
    ReservationId,
    ScheduleId,
    TenantId,
)
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.events import ReservationEvent
from access_policy.domain.reservations.reservation import PartnerRequest
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.domain.tenants.erasure import TenantErased, TenantErasureBegun
from access_policy.domain.vehicle_registry import events as registry_events
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

_POLICY = policy_events.PolicyEvent.__args__
_REGISTRY = registry_events.RegistryEvent.__args__
_DEPOT = depots.DepotEvent.__args__
_PROFILE = CapabilityProfileEvent.__args__
_CONDITION = ConditionEvent.__args__
_RESERVATION = ReservationEvent.__args__
_SITE_ENERGY = SiteEnergyEvent.__args__
TYPES: frozenset[str] = frozenset(
    event.TYPE
    for event in (
        *(*_POLICY, *_REGISTRY, *_DEPOT, *_PROFILE, *_CONDITION, *_RESERVATION, *_SITE_ENERGY),
        *(ChargePointClaimed, ChargePointReleased, TenantErasureBegun, TenantErased),
    )
)

ChargerListener = Callable[[ChargerKey], None]
BookListener = Callable[[tuple[TenantId, DepotId]], None]
SiteListener = Callable[[tuple[TenantId, DepotId], SiteEnergyEvent, datetime], None]


class DecisionView:
    """The decision path reads the view and one follower of the log writes it, both on the same event loop. While a long
    batch is folded in slices, the view always reflects whole commands."""

    def __init__(self) -> None:
        self.position = 0
        self._anchor: Anchor | None = None
        self._tenants: dict[TenantId, TenantView] = {}
        self._owners: dict[ChargePointId, ChargerKey] = {}
        self._erased: set[TenantId] = set()
        self._narrower: Narrower | None = None
        self._on_policy_change: list[ChargerListener] = []
        self._on_book_change: list[BookListener] = []
        self._before_site_change: list[SiteListener] = []
        self._on_site_change: list[SiteListener] = []

    # --- queries
    # ---------------------------------------------------------------------------------------------------------

    def charger(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerView:
        """Return the charger. Raises `ChargerUnknown`."""
        try:
            return self._tenants[tenant_id].chargers[charger_id]
        except KeyError:
            raise ChargerUnknown.named(charger_id) from None

    def known_policy(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerAccessPolicy | None:
        """Return the charger's policy (port `PoliciesInMemory`)."""
        found = self._tenant(tenant_id).chargers.get(charger_id)
        return None if found is None else found.policy

    def condition(self, key: ChargerKey) -> ChargerCondition:
        """Return the charger's condition, as far as the log has been followed; version 0 if nothing is known."""
        return self._tenant(key[0]).conditions.get(key[1], NOTHING_KNOWN)

    def out_of_service(self, tenant_id: TenantId) -> Set[ChargerId]:
        """Return the chargers that are retired, have lost their connection, or have a fault: no vehicle can start a
        charge there."""
        return self._tenant(tenant_id).out_of_service

    def chargers(self) -> Iterator[ChargerView]:
        for tenant in self._tenants.values():
            yield from tenant.chargers.values()

    def charger_ids_of(self, tenant_id: TenantId) -> tuple[ChargerId, ...]:
        """Return all of the tenant's chargers, including retired ones."""
        return tuple(self._tenant(tenant_id).chargers)

    def chargers_of(self, tenant_id: TenantId) -> Iterator[ChargerView]:
        yield from self._tenant(tenant_id).chargers.values()

    def operators_profiles(self, tenant_id: TenantId) -> Mapping[str, str]:
        """Return the definitions of the tenant's own capability profiles by name."""
        return self._tenant(tenant_id).profiles

    def registry(self, tenant_id: TenantId) -> VehicleRegistry:
        """Return the only registry of the tenant in this process (port `RegistriesInMemory`)."""
        tenant = self._tenants.get(tenant_id)
        return self._tenant(tenant_id).registry if tenant is None else tenant.registry

    def depot(self, tenant_id: TenantId, depot_id: DepotId) -> Depot | None:
        tenant = self._tenants.get(tenant_id)
        return None if tenant is None else tenant.depots.get(depot_id)

    def depots_of(self, tenant_id: TenantId) -> Iterator[Depot]:
        yield from self._tenant(tenant_id).depots.values()

    async def depot_of_schedule(self, tenant_id: TenantId, schedule_id: ScheduleId) -> DepotId | None:
        """Return the depot that has the schedule (port `DepotsOfSchedules`)."""
        having = (each.depot_id for each in self.depots_of(tenant_id) if schedule_id in each.schedules)
        return next(having, None)

    def depots_with_entrance(self, tenant_id: TenantId, entrance_id: EntranceId) -> list[DepotId]:
        """See port `DepotsOfEntrances`."""
        return [each.depot_id for each in self.depots_of(tenant_id) if entrance_id in each.entrances]

    def depot_of_entrance(self, tenant_id: TenantId, entrance_id: EntranceId) -> Depot:
        """Return the depot. Raises `EntranceUnknown`, or `EntranceIdTaken` if two depots used the same id at the same
        moment."""
        found = [each for each in self.depots_of(tenant_id) if entrance_id in each.entrances]
        if not found:
            raise EntranceUnknown.named(entrance_id)
        if len(found) > 1:
            raise EntranceIdTaken(
                f"Depots {', '.join(sorted(each.depot_id for each in found))} both have an entrance {entrance_id}; "
                "remove one of them and create it again with another id.",
                pointer="/entrance_id",
            )
        return found[0]

    def behind_entrance(self, tenant_id: TenantId, depot: Depot, entrance_id: EntranceId) -> list[ChargerView]:
        """Return the chargers in service to which the depot's entrance leads, by id. Raises `EntranceUnknown`."""
        chargers = self._tenant(tenant_id).chargers
        of_depot = (
            charger_id
            for charger_id, view in chargers.items()
            if view.policy.settings.depot_id == depot.depot_id and view.policy.retired_at is None
        )
        groups = self.book(tenant_id, depot.depot_id).groups
        members = {group_id: group.charger_ids for group_id, group in groups.items()}
        return [chargers[each] for each in depot.entrance(entrance_id).behind(of_depot, members)]

    def followers_of(self, tenant_id: TenantId, schedule_id: ScheduleId) -> dict[ChargerId, Schedule]:
        """Return the chargers in service that follow the schedule, each with its copy."""
        return {
            charger_id: view.policy.schedules[schedule_id]
            for charger_id, view in self._tenant(tenant_id).chargers.items()
            if schedule_id in view.policy.schedules and view.policy.retired_at is None
        }

    def book(self, tenant_id: TenantId, depot_id: DepotId) -> ReservationBook:
        """Return the only book of the depot in this process (port `BooksInMemory`)."""
        return self._tenant(tenant_id).book(depot_id)

    def depot_of_reservation(self, tenant_id: TenantId, reservation_id: ReservationId) -> DepotId | None:
        """Return the depot whose book has the reservation (port `DepotsOfReservations`)."""
        books = self._tenant(tenant_id).books.values()
        return next((book.depot_id for book in books if reservation_id in book.entries.by_id), None)

    def depot_of_booking(self, tenant_id: TenantId, request: PartnerRequest) -> DepotId | None:
        """Return the depot whose book has the partner's booking (port `DepotsOfReservations`)."""
        books = [each for each in self._tenant(tenant_id).books.values() if request.key in each.entries.by_request]
        books.sort(key=lambda book: _has_moved_away(book.entry(book.entries.by_request[request.key])))
        return books[0].depot_id if books else None

    def books(self) -> list[tuple[tuple[TenantId, DepotId], ReservationBook]]:
        """Return the books of all depots that have reservations, each with its tenant and depot."""
        return [
            ((tenant.tenant_id, depot_id), book)
            for tenant in self._tenants.values()
            for depot_id, book in tenant.books.items()
            if book.entries.by_id
        ]

    def site_energy(self, tenant_id: TenantId, depot_id: DepotId) -> SiteEnergy:
        """Return the only site of the depot in this process (port `SitesInMemory`)."""
        return self._tenant(tenant_id).site(depot_id)

    def depot_of_envelope(self, tenant_id: TenantId, envelope_id: EnvelopeId) -> DepotId | None:
        """Return the depot whose site has the envelope (port `DepotsOfEnvelopes`)."""
        sites = self._tenant(tenant_id).sites.values()
        return next((site.depot_id for site in sites if envelope_id in site.envelopes.by_id), None)

    def sites(self) -> list[tuple[tuple[TenantId, DepotId], SiteEnergy]]:
        """Return the sites of all depots that have opted in, each with its tenant and depot."""
        return [
            ((tenant.tenant_id, depot_id), site)
            for tenant in self._tenants.values()
            for depot_id, site in tenant.sites.items()
            if site.policy is not None
        ]

    def zone_of(self, tenant_id: TenantId, depot_id: DepotId) -> ZoneInfo:
        """Return the depot's zone; UTC for an unknown depot."""
        depot = self.depot(tenant_id, depot_id)
        return ZoneInfo("UTC" if depot is None else depot.settings.time_zone)

    def owner_of(self, charge_point_id: ChargePointId) -> ChargerKey | None:
        return self._owners.get(charge_point_id)

    async def charger_ids(self, tenant_id: TenantId, depot_id: DepotId) -> list[ChargerId]:
        """Return the chargers in service at the depot (port `ChargersOfDepot`)."""
        return [
            charger_id
            for charger_id, view in self._tenant(tenant_id).chargers.items()
            if view.policy.settings.depot_id == depot_id and view.policy.retired_at is None
        ]

    def is_erased(self, tenant_id: TenantId) -> bool:
        """Return whether the tenant was erased or is being erased; its id is never used again."""
        return tenant_id in self._erased

    def on_policy_change(self, listener: ChargerListener) -> None:
        """Call `listener` after each event that concerns a charger: of its policy, its profile, reservations that name
        it, or its energy gate."""
        self._on_policy_change.append(listener)

    def narrow_by(self, narrower: Narrower) -> None:
        """Let `narrower` compute the windows in which energy narrows a charger, when they are next needed."""
        self._narrower = narrower
        for tenant in self._tenants.values():
            tenant.narrower = narrower
            for charger in tenant.chargers.values():
                charger.narrower = narrower

    def plan_changed(self, key: ChargerKey) -> None:
        """Notify the listeners that something which the view does not fold may have changed the charger's plan."""
        self._notify(key)

    def on_book_change(self, listener: BookListener) -> None:
        """Call `listener` after each event of a depot's reservations."""
        self._on_book_change.append(listener)

    def on_site_change(self, before: SiteListener, after: SiteListener) -> None:
        """Call `before` and `after` around the fold of each event of a depot's site, with the instant of its record."""
        self._before_site_change.append(before)
        self._on_site_change.append(after)

    # --- its state, to save and restore
    # ----------------------------------------------------------------------------------

    def state(self) -> ViewState | None:
        """Return a copy that later events do not change; None for an empty view."""
        if self._anchor is None:
            return None
        tenants = tuple(tenant.state() for tenant in self._tenants.values())
        owners = tuple((charge_point_id, *owner) for charge_point_id, owner in self._owners.items())
        return ViewState(
            position=self.position, anchor=self._anchor, owners=owners, tenants=tenants, erased=tuple(self._erased)
        )

    def restore(self, state: ViewState) -> None:
        """Continue from `state`; the view must be empty."""
        self.position, self._anchor = state.position, state.anchor
        self._owners = {charge_point_id: (tenant, charger) for charge_point_id, tenant, charger in state.owners}
        self._erased = set(state.erased)
        self._tenants = {each.tenant_id: TenantView.of(each, self._narrower) for each in state.tenants}

    # --- following ------------------------------------------------------------------------------------------------

    async def follow(self, batch: Sequence[Recorded], reached: int) -> None:
        """Fold a batch of the log; `reached` is the position up to which all events of `TYPES` have been seen."""
        async for part in cooperatively(whole_commands(batch)):
            for is_of_books, alike in groupby(part, lambda each: isinstance(each.event, _RESERVATION)):
                if is_of_books:
                    self._fold_books(alike)
                else:
                    for recorded in alike:
                        self._fold(recorded)
            self._anchor = Anchor(part[-1].position, part[-1].envelope.event_id)
            self.position = part[-1].position
        self.position = reached

    async def followed_to(self) -> int:
        return self.position

    def _fold_books(self, batch: Iterable[Recorded]) -> None:
        for tenant_id, of_tenant in groupby(batch, lambda each: tenant_of(each.stream)):
            self.follow_book(tenant_id, [(each.version, each.event) for each in of_tenant])

    def _fold(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, _POLICY):
            self._fold_policy(self._tenant(tenant_of(recorded.stream)), event, recorded)
        elif isinstance(event, _REGISTRY):
            self.registry(tenant_of(recorded.stream)).follow(recorded.version, event)
        elif isinstance(event, _DEPOT):
            self._tenant(tenant_of(recorded.stream)).fold_depot(event, recorded.version)
        elif isinstance(event, _SITE_ENERGY):
            self.follow_site(tenant_of(recorded.stream), event, recorded.version, recorded.envelope.recorded_at)
        elif isinstance(event, _PROFILE):
            tenant = self._tenant(tenant_of(recorded.stream))
            for charger_id in tenant.fold_profile(event):
                self._notify((tenant.tenant_id, charger_id))
        elif isinstance(event, _CONDITION):
            self._tenant(tenant_of(recorded.stream)).fold_condition(event, recorded.version)
        elif isinstance(event, ChargePointClaimed):
            self._owners[event.charge_point_id] = (event.tenant_id, event.charger_id)
        elif isinstance(event, ChargePointReleased):
            self._owners.pop(event.charge_point_id, None)
        elif isinstance(event, TenantErasureBegun | TenantErased):
            self._forget_tenant(event.tenant_id)

    def follow_book(self, tenant_id: TenantId, events: Iterable[tuple[int, ReservationEvent]]) -> None:
        """Fold events of depots' reservations with their versions, from the log or before the log's follower reads it
        (port `BooksInMemory`)."""
        tenant = self._tenant(tenant_id)
        named: dict[DepotId, set[ChargerId]] = {}
        for version, event in events:
            before = tenant.book(event.depot_id).version
            found = tenant.fold_reservation(event, version)
            if tenant.book(event.depot_id).version != before:
                named.setdefault(event.depot_id, set()).update(found)
        for depot_id, charger_ids in named.items():
            tenant.reserve(depot_id, charger_ids)
            for charger_id in charger_ids:
                self._notify((tenant_id, charger_id))
            for listener in self._on_book_change:
                listener((tenant_id, depot_id))

    def follow_site(self, tenant_id: TenantId, event: SiteEnergyEvent, version: int, recorded_at: datetime) -> None:
        """Fold an event of a depot's site, from the log or before the log's follower reads it (port `SitesInMemory`)."""
        site = self._tenant(tenant_id).site(event.depot_id)
        if version != site.version + 1:
            return
        for listener in self._before_site_change:
            listener((tenant_id, event.depot_id), event, recorded_at)
        site.apply(event)
        for listener in self._on_site_change:
            listener((tenant_id, event.depot_id), event, recorded_at)

    def _forget_tenant(self, tenant_id: TenantId) -> None:
        self._tenants.pop(tenant_id, None)
        self._owners = {point: owner for point, owner in self._owners.items() if owner[0] != tenant_id}
        self._erased.add(tenant_id)

    def _fold_policy(self, tenant: TenantView, event: policy_events.PolicyEvent, recorded: Recorded) -> None:
        if tenant.fold_policy(event, recorded.version, recorded.envelope.recorded_at):
            self._notify((tenant.tenant_id, event.charger_id))

    def _notify(self, key: ChargerKey) -> None:
        for listener in self._on_policy_change:
            listener(key)

    def _tenant(self, tenant_id: TenantId) -> TenantView:
        view = self._tenants.get(tenant_id)
        if view is None:
            view = self._tenants[tenant_id] = TenantView(tenant_id, narrower=self._narrower)
        return view


def _has_moved_away(entry: Entry) -> bool:
    return entry.replaced_by is not None
