"""One charger as the gateway knows it while it is connected, and what every protocol version needs of the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from access_policy.adapters.ocpp.incoming.component_states import ComponentStates
from access_policy.application.charging_sessions.reports import EnergyReport
from access_policy.application.charging_sessions.sessions import Sessions
from access_policy.application.context import new_id
from access_policy.application.deciding.attempts import RecordedDecision
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.domain.access.events import AccessAllowed
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile
from access_policy.domain.ids import ChargerKey

HEARTBEAT_S = 300
PERMISSION_MAX = timedelta(hours=1)  # no charger keeps a permission longer than this without asking again

PlugSeen = Callable[[ChargerKey, int, bool], None]
EnergySeen = Callable[[EnergyReport], Awaitable[None]]
ModeHint = Callable[[ChargerKey, str], None]


@dataclass(slots=True)
class Station:
    """`accepted`: its BootNotification was accepted, on this connection or an earlier one (OCPP-J gates on the identity,
    not on the connection: a reconnect without reboot brings no new one). `pending_since`: it was told Pending, at this loop
    time; `is_safe`: its mode is in force, so that it is accepted when it asks again."""

    key: ChargerKey
    protocol: str
    connected_at: datetime
    accepted: bool
    pending_since: float | None = None
    is_safe: bool = False
    connection_id: str = field(default_factory=new_id)  # the scope of the charger's message ids
    occupied: set[tuple[int, int]] = field(default_factory=set)  # EVSE and connector (2.x) with a vehicle
    components: ComponentStates = field(default_factory=ComponentStates)  # (2.x)

    def was_away_at(self, at: datetime) -> bool:
        """The charger could not ask then: what it did before this connection began is judged by its own time."""
        return at < self.connected_at

    def frees_evse(self, evse_id: int, connector_id: int, status: str | None) -> bool:
        """The connector's status (2.x) means that no vehicle is at the EVSE any more, which has one cable in use at a time."""
        connector = (evse_id, connector_id)
        if status != "Available":
            self.occupied.discard(connector)
            if status == "Occupied":
                self.occupied.add(connector)
            return False
        was_occupied = connector in self.occupied
        self.occupied.discard(connector)
        return (was_occupied or connector_id <= 1) and not any(evse == evse_id for evse, _ in self.occupied)


@dataclass(frozen=True, slots=True)
class HandlerDependencies:
    """What the message handlers of all versions need."""

    view: DecisionView
    decider: AttemptDecider
    decisions: DecisionMaker
    recent_activity: RecentActivity
    sessions: Sessions
    conditions: ChargerConditions
    energy: EnergySeen
    profiles: CapabilityProfiles
    clock: Clock
    mode_hint: ModeHint
    switch_moved: ModeHint
    plug_seen: PlugSeen

    def profile(self, key: ChargerKey) -> CapabilityProfile | None:
        return self.profiles.get(key[0], self.view.charger(*key).policy.settings.profile)

    def freevend_tag(self, key: ChargerKey) -> str | None:
        """The tag that the charger's freevend sessions carry, by its profile."""
        profile = self.profile(key)
        return None if profile is None else profile.freevend_tag

    def is_freevend_tag(self, key: ChargerKey, tag: str) -> bool:
        profile = self.profile(key)
        return profile is not None and profile.is_freevend_tag(tag)

    def lets_all_in(self, key: ChargerKey, tag: str) -> bool:
        """A charger asks about its own freevend tag while freevend is expected: nobody's attempt, and nothing to record."""
        return self.is_freevend_tag(key, tag) and (
            self.view.charger(*key).expected(self.clock.now()).mode is AccessMode.FREEVEND
        )

    def holds_until(self, decided: RecordedDecision) -> datetime:
        """The expiry of an Accepted: never past the first instant at which the attempt could be refused, and soon."""
        now = self.clock.now()
        soon = now + PERMISSION_MAX
        if isinstance(decided.event, AccessAllowed):
            return max(now, min(decided.event.valid_until, soon))
        return soon
