"""The decision view: all chargers' policies, depots and registries in memory, followed from the store's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from access_policy.application.ports.event_store import Recorded
from access_policy.application.ports.view_snapshots import Anchor, ChargerState, RegistryState, TenantState, ViewState
from access_policy.application.streams import tenant_of
from access_policy.application.turns import in_turns
from access_policy.domain.capability_profiles.profile import CapabilityProfileEvent, CapabilityProfilePut
from access_policy.domain.charge_points.claims import ChargePointClaimed, ChargePointReleased
from access_policy.domain.charger_access_policy import events as policy_events
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, evolve
from access_policy.domain.charger_condition import condition
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.charger_condition.events import ConditionEvent
from access_policy.domain.depots import depot as depots
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import ChargePointId, ChargerId, ChargerKey, DepotId, ScheduleId, TenantId
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.mode_schedule.timeline import Segment, Timeline, timeline
from access_policy.domain.tenants.erasure import TenantErased, TenantErasureBegun
from access_policy.domain.vehicle_registry import events as registry_events
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

_BEHIND = timedelta(hours=1)  # how far back a compiled timeline reaches
_AHEAD = timedelta(hours=50)  # and how far ahead
_AHEAD_MIN = timedelta(hours=25)  # below this it is compiled anew; more than the permission horizon

FOLDED_AT_A_TIME = 100  # events, and what else their command recorded, before decisions get their turn

_POLICY = policy_events.PolicyEvent.__args__
_REGISTRY = registry_events.RegistryEvent.__args__
_DEPOT = depots.DepotEvent.__args__
_PROFILE = CapabilityProfileEvent.__args__
_CONDITION = ConditionEvent.__args__
TYPES: frozenset[str] = frozenset(
    event.TYPE
    for event in (
        *(*_POLICY, *_REGISTRY, *_DEPOT, *_PROFILE, *_CONDITION),
        *(ChargePointClaimed, ChargePointReleased, TenantErasureBegun, TenantErased),
    )
)

ChargerListener = Callable[[ChargerKey], None]

_NOTHING_KNOWN = ChargerCondition()


@dataclass(slots=True)
class ChargerView:
    """One charger's policy and its compiled timelines: one for the present, which decisions need at once, and one for the
    last other time requested. `plan_seen_at` is the time of the latest change of its plan."""

    tenant_id: TenantId
    policy: ChargerAccessPolicy
    zone: ZoneInfo
    plan_seen_at: datetime
    _present: Timeline | None = None
    _other: Timeline | None = None

    def timeline_now(self, now: datetime) -> Timeline:
        """Like `timeline_at`, for the present only: the compiled timeline stays until the present leaves it."""
        if self._present is None or not _serves(self._present, now):
            self._present = timeline(self.policy.plan, now - _BEHIND, now + _AHEAD)
        return self._present

    def timeline_at(self, at: datetime) -> Timeline:
        """A timeline that covers `at`, any instant, and at least 25 hours after it. A dry run or a start reported late
        leaves the present's timeline in place."""
        for compiled in (self._present, self._other):
            if compiled is not None and _serves(compiled, at):
                return compiled
        self._other = timeline(self.policy.plan, at - _BEHIND, at + _AHEAD)
        return self._other

    def expected(self, at: datetime) -> Segment:
        return self.timeline_at(at).at(at)

    def evolve(self, event: policy_events.PolicyEvent, recorded_at: datetime) -> None:
        changed_before = self.policy.changed_at
        self.policy = evolve(self.policy, event)
        if self.policy.changed_at != changed_before:
            self._present = self._other = None
            self.zone = ZoneInfo(self.policy.settings.time_zone)
            self.plan_seen_at = recorded_at


def _whole_commands(batch: Sequence[Recorded]) -> Iterator[list[Recorded]]:
    """Parts of the batch that end at the end of a command's events: readers never see an identifier in the middle of
    a move between vehicles.
    """
    part: list[Recorded] = []
    for recorded in batch:
        if len(part) >= FOLDED_AT_A_TIME and not _of_one_command(part[-1], recorded):
            yield part
            part = []
        part.append(recorded)
    if part:
        yield part


def _of_one_command(one: Recorded, other: Recorded) -> bool:
    return one.stream == other.stream and (
        (one.envelope.correlation_id, one.envelope.recorded_at)
        == (other.envelope.correlation_id, other.envelope.recorded_at)
    )


def _serves(compiled: Timeline, at: datetime) -> bool:
    return at >= compiled.start and compiled.end - at >= _AHEAD_MIN


@dataclass(slots=True)
class TenantView:
    registry: VehicleRegistry = field(default_factory=VehicleRegistry)
    depots: dict[DepotId, Depot] = field(default_factory=dict)
    chargers: dict[ChargerId, ChargerView] = field(default_factory=dict)
    conditions: dict[ChargerId, ChargerCondition] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)  # definitions that operators have put, by name


class DecisionView:
    """The decision path reads it and one follower of the log writes it, both on the same event loop. Between two
    turns of a long batch it reflects the last folded command.
    """

    def __init__(self) -> None:
        self.position = 0
        self._anchor: Anchor | None = None
        self._tenants: dict[TenantId, TenantView] = {}
        self._owners: dict[ChargePointId, ChargerKey] = {}
        self._erased: set[TenantId] = set()
        self._on_policy_change: list[ChargerListener] = []

    # --- questions ------------------------------------------------------------------------------------------------

    def charger(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerView:
        """Raises `ChargerUnknown`."""
        try:
            return self._tenants[tenant_id].chargers[charger_id]
        except KeyError:
            raise ChargerUnknown(f"There is no charger {charger_id}.") from None

    def known_policy(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerAccessPolicy | None:
        """The charger's policy (port `PoliciesInMemory`)."""
        found = self._tenant(tenant_id).chargers.get(charger_id)
        return None if found is None else found.policy

    def condition(self, key: ChargerKey) -> ChargerCondition:
        """The charger's condition, as far as the log has been followed; version 0 where nothing is known."""
        return self._tenant(key[0]).conditions.get(key[1], _NOTHING_KNOWN)

    def chargers(self) -> Iterator[ChargerView]:
        for tenant in self._tenants.values():
            yield from tenant.chargers.values()

    def charger_ids_of(self, tenant_id: TenantId) -> tuple[ChargerId, ...]:
        """All of the tenant's chargers, retired ones among them."""
        return tuple(self._tenant(tenant_id).chargers)

    def chargers_of(self, tenant_id: TenantId) -> Iterator[ChargerView]:
        yield from self._tenant(tenant_id).chargers.values()

    def operators_profiles(self, tenant_id: TenantId) -> Mapping[str, str]:
        """Definitions of capability profiles by name."""
        return self._tenant(tenant_id).profiles

    def registry(self, tenant_id: TenantId) -> VehicleRegistry:
        """The one registry of the tenant in this process (port `RegistriesInMemory`)."""
        tenant = self._tenants.get(tenant_id)
        return self._tenant(tenant_id).registry if tenant is None else tenant.registry

    def depot(self, tenant_id: TenantId, depot_id: DepotId) -> Depot | None:
        tenant = self._tenants.get(tenant_id)
        return None if tenant is None else tenant.depots.get(depot_id)

    def depots_of(self, tenant_id: TenantId) -> Iterator[Depot]:
        yield from self._tenant(tenant_id).depots.values()

    async def depot_of_schedule(self, tenant_id: TenantId, schedule_id: ScheduleId) -> DepotId | None:
        """The depot that has the schedule (port `DepotsOfSchedules`)."""
        having = (each.depot_id for each in self.depots_of(tenant_id) if schedule_id in each.schedules)
        return next(having, None)

    def followers_of(self, tenant_id: TenantId, schedule_id: ScheduleId) -> dict[ChargerId, Schedule]:
        """The chargers in service that follow the schedule, each with its copy."""
        return {
            charger_id: view.policy.schedules[schedule_id]
            for charger_id, view in self._tenant(tenant_id).chargers.items()
            if schedule_id in view.policy.schedules and view.policy.retired_at is None
        }

    def zone_of(self, tenant_id: TenantId, depot_id: DepotId) -> ZoneInfo:
        """The depot's zone; UTC for an unknown depot."""
        depot = self.depot(tenant_id, depot_id)
        return ZoneInfo("UTC" if depot is None else depot.settings.time_zone)

    def owner_of(self, charge_point_id: ChargePointId) -> ChargerKey | None:
        return self._owners.get(charge_point_id)

    async def charger_ids(self, tenant_id: TenantId, depot_id: DepotId) -> list[ChargerId]:
        """The chargers in service at the depot (port `ChargersOfDepot`)."""
        return [
            charger_id
            for charger_id, view in self._tenant(tenant_id).chargers.items()
            if view.policy.settings.depot_id == depot_id and view.policy.retired_at is None
        ]

    def is_erased(self, tenant_id: TenantId) -> bool:
        """Whether the tenant was erased, or is being erased: its id is not used again."""
        return tenant_id in self._erased

    def on_policy_change(self, listener: ChargerListener) -> None:
        """Call `listener` after each event of a charger's policy, and of its profile."""
        self._on_policy_change.append(listener)

    # --- its state, to be kept and brought back -----------------------------------------------------------------------

    def state(self) -> ViewState | None:
        """A copy that later events do not change; None for an empty view."""
        if self._anchor is None:
            return None
        tenants = tuple(
            TenantState(
                tenant_id=tenant_id,
                registry=RegistryState.of(tenant.registry),
                depots=tuple(tenant.depots.values()),
                chargers=tuple(ChargerState(view.policy, view.plan_seen_at) for view in tenant.chargers.values()),
                conditions=tuple(tenant.conditions.items()),
                profiles=dict(tenant.profiles),
            )
            for tenant_id, tenant in self._tenants.items()
        )
        owners = tuple((charge_point_id, *owner) for charge_point_id, owner in self._owners.items())
        return ViewState(
            position=self.position, anchor=self._anchor, owners=owners, tenants=tenants, erased=tuple(self._erased)
        )

    def restore(self, state: ViewState) -> None:
        """Continue from `state`; the view must be empty."""
        self.position, self._anchor = state.position, state.anchor
        self._owners = {charge_point_id: (tenant, charger) for charge_point_id, tenant, charger in state.owners}
        self._erased = set(state.erased)
        for each in state.tenants:
            chargers = (
                ChargerView(each.tenant_id, policy, ZoneInfo(policy.settings.time_zone), plan_seen_at)
                for policy, plan_seen_at in ((c.policy.sharing_calendars(), c.plan_seen_at) for c in each.chargers)
            )
            self._tenants[each.tenant_id] = TenantView(
                registry=each.registry.registry(),
                depots={depot.depot_id: depot for depot in each.depots},
                chargers={charger.policy.charger_id: charger for charger in chargers},
                conditions=dict(each.conditions),
                profiles=dict(each.profiles),
            )

    # --- following ------------------------------------------------------------------------------------------------

    async def follow(self, batch: Sequence[Recorded], reached: int) -> None:
        """Fold a batch of the log; `reached` is the position up to which all events of `TYPES` have been seen."""
        async for part in in_turns(_whole_commands(batch)):
            for recorded in part:
                self._fold(recorded)
            self._anchor = Anchor(part[-1].position, part[-1].envelope.event_id)
            self.position = part[-1].position
        self.position = reached

    async def followed_to(self) -> int:
        return self.position

    def _fold(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, _POLICY):
            self._fold_policy(tenant_of(recorded.stream), event, recorded)
        elif isinstance(event, _REGISTRY):
            self.registry(tenant_of(recorded.stream)).follow(recorded.version, event)
        elif isinstance(event, _DEPOT):
            self._fold_depot(tenant_of(recorded.stream), event, recorded.version)
        elif isinstance(event, _PROFILE):
            self._fold_profile(tenant_of(recorded.stream), event)
        elif isinstance(event, _CONDITION):
            self._fold_condition(tenant_of(recorded.stream), event, recorded.version)
        elif isinstance(event, ChargePointClaimed):
            self._owners[event.charge_point_id] = (event.tenant_id, event.charger_id)
        elif isinstance(event, ChargePointReleased):
            self._owners.pop(event.charge_point_id, None)
        elif isinstance(event, TenantErasureBegun | TenantErased):
            self._forget_tenant(event.tenant_id)

    def _forget_tenant(self, tenant_id: TenantId) -> None:
        self._tenants.pop(tenant_id, None)
        self._owners = {point: owner for point, owner in self._owners.items() if owner[0] != tenant_id}
        self._erased.add(tenant_id)

    def _fold_profile(self, tenant_id: TenantId, event: CapabilityProfileEvent) -> None:
        tenant = self._tenant(tenant_id)
        if isinstance(event, CapabilityProfilePut):
            tenant.profiles[event.name] = event.definition
        else:
            tenant.profiles.pop(event.name, None)
        for charger_id, charger in tenant.chargers.items():
            if charger.policy.settings.profile == event.name:
                self._tell((tenant_id, charger_id))

    def _fold_condition(self, tenant_id: TenantId, event: ConditionEvent, version: int) -> None:
        known = self.condition((tenant_id, event.charger_id))
        if version == known.version + 1:  # else it is delivered again
            self._tenant(tenant_id).conditions[event.charger_id] = condition.evolve(known, event)

    def _fold_depot(self, tenant_id: TenantId, event: depots.DepotEvent, version: int) -> None:
        known = self.depot(tenant_id, event.depot_id)
        if version == (known.version if known else 0) + 1:  # else it is delivered again
            self._tenant(tenant_id).depots[event.depot_id] = depots.evolve(known, event)

    def _fold_policy(self, tenant_id: TenantId, event: policy_events.PolicyEvent, recorded: Recorded) -> None:
        chargers = self._tenant(tenant_id).chargers
        known = chargers.get(event.charger_id)
        if recorded.version != (known.policy.version if known else 0) + 1:
            return  # delivered again
        if known is None:
            policy = evolve(None, event)
            zone = ZoneInfo(policy.settings.time_zone)
            chargers[event.charger_id] = ChargerView(tenant_id, policy, zone, recorded.envelope.recorded_at)
        else:
            known.evolve(event, recorded.envelope.recorded_at)
        self._tell((tenant_id, event.charger_id))

    def _tell(self, key: ChargerKey) -> None:
        for listener in self._on_policy_change:
            listener(key)

    def _tenant(self, tenant_id: TenantId) -> TenantView:
        view = self._tenants.get(tenant_id)
        if view is None:
            view = self._tenants[tenant_id] = TenantView()
        return view
