"""The parts of the application that the message handlers of every protocol version need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.payloads import Payload
from access_policy.adapters.ocpp.transport.answers import Answering
from access_policy.application.charging_sessions.announced_transactions import AnnouncedTransactions
from access_policy.application.charging_sessions.reports import EnergyReport
from access_policy.application.charging_sessions.sessions import Sessions
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
PERMISSION_MAX = timedelta(hours=1)  # the longest time for which a charger may keep a permission without asking again

Handler = Callable[[ConnectedCharger, Payload, str], Answering]
"""Handles a message, given the charger, the payload and the message id."""

PlugSeen = Callable[[ChargerKey, int, bool], None]
EnergySeen = Callable[[EnergyReport], Awaitable[None]]
ModeTrigger = Callable[[ChargerKey, str], None]
ReservationEnded = Callable[[ChargerKey, int, str], None]


@dataclass(frozen=True, slots=True)
class HandlerDependencies:
    """The application's parts. `mode_trigger` makes the mode controller compare a charger's mode; `switch_moved` reports
    evidence of drift.
    """

    view: DecisionView
    decider: AttemptDecider
    decisions: DecisionMaker
    recent_activity: RecentActivity
    sessions: Sessions
    announced_transactions: AnnouncedTransactions
    conditions: ChargerConditions
    energy: EnergySeen
    profiles: CapabilityProfiles
    clock: Clock
    mode_trigger: ModeTrigger
    switch_moved: ModeTrigger
    plug_seen: PlugSeen
    reservation_ended: ReservationEnded

    def profile(self, key: ChargerKey) -> CapabilityProfile | None:
        return self.profiles.get(key[0], self.view.charger(*key).policy.settings.profile)

    def freevend_tag(self, key: ChargerKey) -> str | None:
        """Return the tag that the charger's freevend sessions carry according to its profile."""
        profile = self.profile(key)
        return None if profile is None else profile.freevend_tag

    def is_freevend_tag(self, key: ChargerKey, tag: str) -> bool:
        profile = self.profile(key)
        return profile is not None and profile.is_freevend_tag(tag)

    def is_admitted_in_freevend(self, key: ChargerKey, tag: str) -> bool:
        """Tell whether the charger presents its own freevend tag while freevend is expected. That is not an attempt, and is not
        recorded.
        """
        return self.is_freevend_tag(key, tag) and self.expects_freevend(key)

    def expects_freevend(self, key: ChargerKey) -> bool:
        return self.view.charger(*key).expected(self.clock.now()).mode is AccessMode.FREEVEND

    def valid_until(self, decided: RecordedDecision) -> datetime:
        """Return the expiry of an Accepted: soon, and never after the first instant at which the attempt could be refused."""
        now = self.clock.now()
        soon = now + PERMISSION_MAX
        if isinstance(decided.event, AccessAllowed):
            return max(now, min(decided.event.valid_until, soon))
        return soon
