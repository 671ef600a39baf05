"""The state of the decision view as a value, and where it is kept between two processes.

A cache: losing it costs a longer start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import AgreementId, ChargePointId, ChargerId, TenantId
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.registry import Vehicle, VehicleRegistry


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last event that the view folded: a log that holds another one there is not the log that the state is of."""

    position: int
    event_id: str


@dataclass(frozen=True, slots=True)
class RegistryState:
    """Who holds which identifier follows from the vehicles."""

    version: int
    vehicles: tuple[Vehicle, ...]
    agreements: tuple[Agreement, ...]
    agreement_changed_at: dict[AgreementId, int]

    @staticmethod
    def of(registry: VehicleRegistry) -> RegistryState:
        return RegistryState(
            registry.version,
            tuple(registry.vehicles.values()),
            tuple(registry.agreements.values()),
            dict(registry.agreement_changed_at),
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
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class ChargerState:
    policy: ChargerAccessPolicy
    plan_seen_at: datetime


@dataclass(frozen=True, slots=True)
class TenantState:
    tenant_id: TenantId
    registry: RegistryState
    depots: tuple[Depot, ...]
    chargers: tuple[ChargerState, ...]
    conditions: tuple[tuple[ChargerId, ChargerCondition], ...]
    profiles: dict[str, str]


@dataclass(frozen=True, slots=True)
class ViewState:
    """`position`: all events up to there are folded. `owners` are claims of charge point ids."""

    position: int
    anchor: Anchor
    owners: tuple[tuple[ChargePointId, TenantId, ChargerId], ...]
    tenants: tuple[TenantState, ...]


class ViewSnapshots(Protocol):
    async def latest(self) -> ViewState | None:
        """What was saved last, whole; None where there is nothing, or nothing that this program can read."""
        ...

    async def save(self, state: ViewState) -> bool:
        """Replace what was saved; False where that failed, and then what was saved before is still there."""
        ...
