"""One tenant as the decision path sees it: the folds of its events, and its state to be kept and brought back.

A fold ignores an event that is delivered again: its version is not the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.ports.view_snapshots import ChargerState, RegistryState, TenantState
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
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

NOTHING_KNOWN = ChargerCondition()


@dataclass(slots=True)
class TenantView:
    """`profiles` are the definitions that operators have put, by name."""

    tenant_id: TenantId
    registry: VehicleRegistry = field(default_factory=VehicleRegistry)
    depots: dict[DepotId, Depot] = field(default_factory=dict)
    chargers: dict[ChargerId, ChargerView] = field(default_factory=dict)
    conditions: dict[ChargerId, ChargerCondition] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)

    def fold_policy(self, event: PolicyEvent, version: int, recorded_at: datetime) -> bool:
        """False for an event that is delivered again."""
        known = self.chargers.get(event.charger_id)
        if version != (known.policy.version if known else 0) + 1:
            return False
        if known is None:
            self.chargers[event.charger_id] = self._charger(evolve_policy(None, event), recorded_at)
        else:
            known.evolve(event, recorded_at)
        return True

    def fold_depot(self, event: DepotEvent, version: int) -> None:
        known = self.depots.get(event.depot_id)
        if version == (known.version if known else 0) + 1:
            self.depots[event.depot_id] = evolve_depot(known, event)

    def fold_condition(self, event: ConditionEvent, version: int) -> None:
        known = self.conditions.get(event.charger_id, NOTHING_KNOWN)
        if version == known.version + 1:
            self.conditions[event.charger_id] = evolve_condition(known, event)

    def fold_profile(self, event: CapabilityProfileEvent) -> list[ChargerId]:
        """Returns the chargers with the profile."""
        if isinstance(event, CapabilityProfilePut):
            self.profiles[event.name] = event.definition
        else:
            self.profiles.pop(event.name, None)
        return [key for key, charger in self.chargers.items() if charger.policy.settings.profile == event.name]

    def state(self) -> TenantState:
        """A copy that later events do not change."""
        return TenantState(
            tenant_id=self.tenant_id,
            registry=RegistryState.of(self.registry),
            depots=tuple(self.depots.values()),
            chargers=tuple(ChargerState(view.policy, view.plan_seen_at) for view in self.chargers.values()),
            conditions=tuple(self.conditions.items()),
            profiles=dict(self.profiles),
        )

    @classmethod
    def of(cls, state: TenantState) -> TenantView:
        """The tenant as it was when `state` was taken."""
        tenant = cls(
            state.tenant_id,
            registry=state.registry.registry(),
            depots={depot.depot_id: depot for depot in state.depots},
            conditions=dict(state.conditions),
            profiles=dict(state.profiles),
        )
        for each in state.chargers:
            policy = each.policy.sharing_calendars()
            tenant.chargers[policy.charger_id] = tenant._charger(policy, each.plan_seen_at)
        return tenant

    def _charger(self, policy: ChargerAccessPolicy, plan_seen_at: datetime) -> ChargerView:
        return ChargerView(self.tenant_id, policy, ZoneInfo(policy.settings.time_zone), plan_seen_at)
