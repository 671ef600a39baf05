"""The one builder of a small depot in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.application.charging_sessions.announced_transactions import AnnouncedTransactions
from access_policy.application.charging_sessions.sessions import Sessions
from access_policy.application.consequences.denial_follow_up import FollowUp
from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.effects import DecisionEffects, DecisionListener
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.decision_view.narrowing import Gates, Narrowing
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import Append, EventStore, StreamId
from access_policy.application.ports.secrets import Pseudonyms
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.application.presence.condition_recorder import ConditionRecorder
from access_policy.application.presence.connection_records import ConnectionRecords
from access_policy.application.recording.group_commit import GroupCommit
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.site_energy.gates import EnergyGates
from access_policy.application.streams import depot_stream, policy_stream, registry_stream, tenant_of
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.charger_access_policy.events import ChargerSettings
from access_policy.domain.depots import depot as depots
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef, identifier
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, ChargerKey, DepotId, RuleId, TenantId, VehicleId
from access_policy.domain.mode_schedule.rules import ModeRule
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription, VehicleIdentifier
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

TENANT = TenantId("acme")
DEPOT = DepotId("north")
BAY = ChargerId("bay-1")
OTHER_BAY = ChargerId("bay-2")
NIGHT = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # 23:00 in Berlin, inside the managed night
DAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # 13:00 in Berlin, freevend


class SettableClock:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        self._now = now

    def forward(self, **span: float) -> None:
        self._now += timedelta(**span)


class HashedPseudonyms:
    """Pseudonyms without a key: fit for tests that look at decisions, not at secrecy."""

    def ref(self, tenant_id: TenantId, identifier: Identifier) -> IdentifierRef:
        digest = hashlib.sha256(f"{tenant_id}/{identifier.kind}/{identifier.value}".encode()).hexdigest()[:32]
        return IdentifierRef(identifier.kind, digest, identifier.masked)


def rfid(value: str) -> Identifier:
    return identifier(IdentifierKind.RFID, value)


BUS = rfid("04A1B2C3D4E5F6")
STRANGER = rfid("04FFFFFFFFFFFF")


@dataclass
class DepotInMemory:
    """A small depot in memory, with its parts wired as the container wires them. Tests build a depot with this class only.

    A test passes what it replaces (a store that fails, commits over a spool, a listener of decisions) and reads the parts:

    - `store` records events; `streams` and `commits` are what the decision path writes with, by default the store itself.
    - `clock` stands still until the test moves it.
    - `view` and `live` are the state in memory, which `follow` and `record` bring up to date.
    - `decider` decides attempts, `decisions` makes one decision, `sessions` receives starts and ends of charges.
    - `conditions`, `connection_records`, `follow_up_by` and `dependencies_of_handlers` make the parts that depend on a gateway.
    - `freevend_seen` collects the anonymous starts that the sessions report.

    `await depot.opened()` registers a depot, two chargers with a managed night, and one vehicle. On top of it are built
    `HandledDepot` (OCPP messages in, answers out) and `ServiceInMemory` (commands too, and restarts).
    """

    store: EventStore
    clock: SettableClock = field(default_factory=lambda: SettableClock(NIGHT))
    view: DecisionView = field(default_factory=DecisionView)
    live: RecentActivity = field(default_factory=RecentActivity)
    pseudonyms: Pseudonyms = field(default_factory=HashedPseudonyms)
    streams: Any = None
    commits: Any = None
    listener: DecisionListener | None = None
    profiles: ProfileCatalogue = field(default_factory=ProfileCatalogue.packaged)
    gates: Gates | None = None  # None: those of the energy of its site
    freevend_seen: list[tuple[ChargerId, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.streams = self.streams or self.store
        self.commits = self.commits or GroupCommit(self.store)
        parts = (self.view, self.live, self.streams, self.commits)
        self.identifiers = IdentifierResolver(self.view, self.pseudonyms)
        self.gates = gates = self.gates or EnergyGates(self.view, self.live, self.clock)
        self.decisions = DecisionMaker(self.view, self.live, self.identifiers, gates)
        self.narrowing = Narrowing(self.view, gates, self.clock)
        deciding = (self.identifiers, self.decisions, DecisionEffects(self.live, self.commits, listener=self.listener))
        self.decider = AttemptDecider(*parts, *deciding, self.clock)
        self.sessions = Sessions(
            *parts, ChargerAccessPolicies(self.store), *deciding, self.clock, self._freevend_reported
        )
        self.announced_transactions = AnnouncedTransactions(
            self.live, self.streams, self.commits, self.sessions, self.clock
        )

    def _freevend_reported(self, key: ChargerKey, evidence: str) -> None:
        self.freevend_seen.append((key[1], evidence))

    def recorder(self) -> ConditionRecorder:
        """The recorder of another process; its `conditions` and `connection_records` share it."""
        return ConditionRecorder(self.view, self.streams, self.commits)  # type: ignore[arg-type]

    def conditions(self, recorder: ConditionRecorder | None = None) -> ChargerConditions:
        return ChargerConditions(self.view, self.live, recorder or self.recorder(), self.profiles, self.clock)

    def connection_records(self, gateway: str = "", recorder: ConditionRecorder | None = None) -> ConnectionRecords:
        """The connections of chargers as the process `gateway` records them."""
        return ConnectionRecords(recorder or self.recorder(), self.clock, gateway=gateway)

    def follow_up_by(self, gateway: Any) -> FollowUp:
        """The follow-up of refusals, which stops charges through `gateway`."""
        return FollowUp(self.view, self.decisions.inputs, self.live, self.streams, self.commits, gateway, self.clock)

    def dependencies_of_handlers(self, **replaced: Any) -> HandlerDependencies:
        """What the OCPP message handlers need; triggers and plugs go nowhere unless replaced."""
        values: dict[str, Any] = {
            "view": self.view,
            "decider": self.decider,
            "decisions": self.decisions,
            "recent_activity": self.live,
            "sessions": self.sessions,
            "announced_transactions": self.announced_transactions,
            "conditions": self.conditions(),
            "profiles": self.profiles,
            "clock": self.clock,
            "mode_trigger": lambda key, trigger: None,
            "switch_moved": lambda key, evidence: None,
            "plug_seen": lambda key, connector_id, plugged_in: None,
            "reservation_ended": lambda key, number, status: None,
        }
        return HandlerDependencies(**(values | replaced))

    async def opened(self) -> DepotInMemory:
        await self.record(
            depot_stream(TENANT, DEPOT),
            0,
            depots.register(DEPOT, DepotSettings(name="North", time_zone="Europe/Berlin")),
        )
        for charger in (BAY, OTHER_BAY):
            await self.add_charger(TENANT, charger)
        registry = VehicleRegistry()
        added = registry.put_vehicle(
            VehicleId("bus-7"), VehicleDescription(name="Bus 7", access_class=AccessClass.OWN), [identified(BUS)]
        )
        await self.record(registry_stream(TENANT), 0, added)
        return self

    async def add_charger(self, tenant_id: TenantId, charger: ChargerId) -> None:
        registered = policies.register(charger, settings_of(charger), Enforcement.ENFORCE)
        scheduled = policies.fold(registered).schedule(managed_nights(), now=self.clock.now())  # type: ignore[union-attr]
        await self.record(policy_stream(tenant_id, charger), 0, (*registered, *scheduled))

    async def record(
        self, stream: StreamId, version: int, events: Sequence[object], *, at: datetime | None = None
    ) -> None:
        """Append and let the view see it."""
        context = Context(tenant_id=tenant_of(stream), actor=ActorId("test"), correlation_id="test")
        now = at or datetime(2026, 11, 1, tzinfo=UTC)
        await self.store.append([Append(stream, version, enveloped(context, tuple(events), now=now))])
        await self.follow()

    async def follow(self) -> None:
        reached = await self.store.last_position()
        await self.view.follow(
            await self.store.read_log(after=self.view.position, limit=10_000, up_to=reached), reached
        )

    def attempt(
        self,
        presented: Identifier | None,
        *,
        message_id: str = "m-1",
        charger: ChargerId = BAY,
        connection: str = "first",
    ) -> AccessAttempt:
        return AccessAttempt(
            tenant_id=TENANT,
            charger_id=charger,
            connector_id=None,
            identifier=presented,
            protocol="ocpp1.6",
            message_id=message_id,
            connection=connection,
            signals=None,
        )


def identified(value: Identifier) -> VehicleIdentifier:
    return VehicleIdentifier(ref=HashedPseudonyms().ref(TENANT, value), sealed="")


def settings_of(charger: ChargerId) -> ChargerSettings:
    return ChargerSettings(
        charge_point_id=ChargePointId(f"CP-{charger}"),
        depot_id=DEPOT,
        time_zone="Europe/Berlin",
        profile="ocpp16-central",
        baseline_mode=AccessMode.FREEVEND,
    )


def managed_nights() -> ModeRule:
    return ModeRule(
        rule_id=RuleId("nights"),
        name="Managed nights",
        mode=AccessMode.MANAGED,
        recurrence="FREQ=DAILY",
        start=time(22, 0),
        end=time(6, 0),
        end_day_offset=1,
        anchor=date(2026, 11, 1),
    )
