"""The state of the decision view as a value, and the store in which it survives a restart.

It is a cache: if it is lost, the next start takes longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import (
    AgreementId,
    ChargePointId,
    ChargerId,
    DepotId,
    EnergyNodeId,
    ReservationGroupId,
    TenantId,
)
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entries import Entries
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.reservation import ReservationGroup
from access_policy.domain.reservations.settings import ReservationSettings
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import KnownEnvelope, OperatingEnvelope
from access_policy.domain.site_energy.events import DegradedReason, IgnoredReason
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.known_envelopes import KnownEnvelopes
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.domain.site_energy.tree import EnergyTree
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.ignored import IgnoredIdentifier
from access_policy.domain.vehicle_registry.registry import Vehicle, VehicleRegistry


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last event that the view folded. If a log has another event at this position, the state does not belong to
    that log."""

    position: int
    event_id: str


@dataclass(frozen=True, slots=True)
class RegistryState:
    """A registry; the holders of identifiers are derived from the vehicles."""

    version: int
    vehicles: tuple[Vehicle, ...]
    agreements: tuple[Agreement, ...]
    agreement_changed_at: dict[AgreementId, int]
    ad_hoc: tuple[AdHocPermission, ...] = ()
    ignored: tuple[IgnoredIdentifier, ...] = ()

    @staticmethod
    def of(registry: VehicleRegistry) -> RegistryState:
        return RegistryState(
            registry.version,
            tuple(registry.vehicles.values()),
            tuple(registry.agreements.values()),
            dict(registry.agreement_changed_at),
            tuple(registry.ad_hoc.values()),
            tuple(registry.ignored.values()),
        )

    def registry(self) -> VehicleRegistry:
        return VehicleRegistry(
            vehicles={vehicle.vehicle_id: vehicle for vehicle in self.vehicles},
            holders={
                (ref.kind, ref.pseudonym): vehicle.vehicle_id
                for vehicle in self.vehicles
                for ref in vehicle.identifiers
            },
            agreements={agreement.agreement_id: agreement for agreement in self.agreements},
            agreement_changed_at=dict(self.agreement_changed_at),
            ad_hoc={each.subject: each for each in self.ad_hoc},
            ignored={each.pseudonym: each for each in self.ignored},
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class ChargerState:
    policy: ChargerAccessPolicy
    plan_seen_at: datetime


@dataclass(frozen=True, slots=True)
class BookState:
    """A depot's reservations."""

    depot_id: DepotId
    version: int
    groups: tuple[ReservationGroup, ...]
    group_changed_at: dict[ReservationGroupId, int]
    entries: tuple[Entry, ...]
    settings: ReservationSettings = field(default_factory=ReservationSettings)
    settings_changed_at: int = 0

    @staticmethod
    def of(book: ReservationBook) -> BookState:
        return BookState(
            book.depot_id,
            book.version,
            tuple(book.groups.values()),
            dict(book.group_changed_at),
            tuple(book.entries.by_id.values()),
            book.settings,
            book.settings_changed_at,
        )

    def book(self) -> ReservationBook:
        return ReservationBook(
            self.depot_id,
            {group.group_id: group for group in self.groups},
            dict(self.group_changed_at),
            Entries.of(self.entries),
            self.version,
            self.settings,
            self.settings_changed_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteState:
    """The energy of a depot's site. Tuples of rows represent maps whose keys are not strings."""

    depot_id: DepotId
    version: int
    nodes: tuple[EnergyNode, ...]
    node_changed_at: dict[EnergyNodeId, int]
    policy: EnergyPolicy | None
    policy_changed_at: int
    envelopes: tuple[KnownEnvelope, ...]
    sequences: tuple[tuple[str, EnergyNodeId, int], ...]
    demands: tuple[Demand, ...]
    heard: dict[str, datetime]
    offline: dict[str, datetime]
    levels: tuple[tuple[ChargerId, GateLevel, datetime], ...]
    degraded: tuple[tuple[DegradedReason, str | None, EnergyNodeId | None, datetime], ...]
    has_feed: bool
    last_ignored: tuple[OperatingEnvelope, IgnoredReason] | None
    of_chargers: tuple[EnergyNodeId, ...] = ()

    @staticmethod
    def of(site: SiteEnergy) -> SiteState:
        return SiteState(
            depot_id=site.depot_id,
            version=site.version,
            nodes=tuple(site.tree.by_id.values()),
            node_changed_at=dict(site.node_changed_at),
            policy=site.policy,
            policy_changed_at=site.policy_changed_at,
            envelopes=tuple(site.envelopes.by_id.values()),
            sequences=tuple((*key, sequence) for key, sequence in site.envelopes.sequences.items()),
            demands=tuple(site.demands.values()),
            heard=dict(site.heard),
            offline=dict(site.offline),
            levels=tuple((charger_id, *level) for charger_id, level in site.levels.items()),
            degraded=tuple((*subject, since) for subject, since in site.degraded.items()),
            has_feed=site.has_feed,
            last_ignored=site.last_ignored,
            of_chargers=tuple(sorted(site.of_chargers)),
        )

    def site(self) -> SiteEnergy:
        sequences = {(source, node_id): sequence for source, node_id, sequence in self.sequences}
        return SiteEnergy(
            self.depot_id,
            tree=EnergyTree.of(self.nodes),
            node_changed_at=dict(self.node_changed_at),
            policy=self.policy,
            policy_changed_at=self.policy_changed_at,
            envelopes=KnownEnvelopes.of(self.envelopes, sequences),
            demands={each.node_id: each for each in self.demands},
            heard=dict(self.heard),
            offline=dict(self.offline),
            levels={charger_id: (level, since) for charger_id, level, since in self.levels},
            degraded={(reason, source, node_id): since for reason, source, node_id, since in self.degraded},
            has_feed=self.has_feed,
            last_ignored=self.last_ignored,
            of_chargers=set(self.of_chargers),
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class TenantState:
    tenant_id: TenantId
    registry: RegistryState
    depots: tuple[Depot, ...]
    chargers: tuple[ChargerState, ...]
    conditions: tuple[tuple[ChargerId, ChargerCondition], ...]
    profiles: dict[str, str]
    books: tuple[BookState, ...] = ()
    sites: tuple[SiteState, ...] = ()


@dataclass(frozen=True, slots=True)
class ViewState:
    """All events up to `position` are folded. `owners` are the claims of charge point ids; `erased` are the tenants
    whose ids are never used again."""

    position: int
    anchor: Anchor
    owners: tuple[tuple[ChargePointId, TenantId, ChargerId], ...]
    tenants: tuple[TenantState, ...]
    erased: tuple[TenantId, ...] = ()


class ViewSnapshots(Protocol):
    async def latest(self) -> ViewState | None:
        """Return the last complete state that was saved; None if there is none that this program can read."""
        ...

    async def save(self, state: ViewState) -> bool:
        """Replace the saved state. Return False if that failed; the earlier state is then still saved."""
        ...
