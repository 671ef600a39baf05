"""The parts of the decision path, put together as the container does."""

from __future__ import annotations

from collections.abc import Callable

from access_policy.application.charging_sessions.sessions import Sessions
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.effects import DecisionEffects, DecisionListener
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Streams
from access_policy.application.ports.secrets import Pseudonyms
from access_policy.application.recording.group_commit import Commits
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.domain.ids import ChargerKey


class DecidingParts:
    def __init__(
        self,
        view: DecisionView,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        pseudonyms: Pseudonyms,
        clock: Clock,
        listener: DecisionListener | None = None,
    ) -> None:
        self._parts = (view, live, store, commits)
        self._clock = clock
        self.identifiers = IdentifierResolver(view, pseudonyms)
        self.decisions = DecisionMaker(view, live, self.identifiers)
        self.effects = DecisionEffects(live, commits, listener=listener)
        self.decider = AttemptDecider(*self._parts, self.identifiers, self.decisions, self.effects, clock)

    def sessions(
        self,
        policies: ChargerAccessPolicies,
        freevend_reported: Callable[[ChargerKey, str], None] = lambda key, evidence: None,
    ) -> Sessions:
        return Sessions(
            *self._parts, policies, self.identifiers, self.decisions, self.effects, self._clock, freevend_reported
        )
