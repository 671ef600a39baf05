"""Ends sessions whose end the charger never reported, with the reason `lost`.

A session is over when its connector reports Available, when another transaction has started on the connector, when the
charger is retired, or when it has drawn no energy for longer than its depot allows. The check is level-triggered: every
few seconds it inspects all open sessions, so that it works after a restart or a failed append. A later report of the
charger replaces the conclusion (`SessionEnds`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from access_policy.application.charging_sessions.session_ends import SessionEnds
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.views import RecentPast
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.depots.depot import SESSION_MAX_AGE_HOURS
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

TICK_S = 5.0
WATCHED_AT_LEAST = timedelta(hours=1)  # meter values from before a restart are not known
END_WITHIN = timedelta(minutes=10)  # a start that is reported late is followed by its end, which was queued behind it


class LostSessions:
    """Ends sessions that must be over."""

    def __init__(self, view: DecisionView, live: RecentActivity, ends: SessionEnds, clock: Clock) -> None:
        self._view = view
        self._live = live
        self._ends = ends
        self._clock = clock

    async def connector_free(self, key: ChargerKey, connector_id: int, at: datetime) -> None:
        """Handle the connector's report at `at` that no vehicle is plugged in."""
        self._live.connector_free(key, connector_id, at)
        await self.check(key)

    async def check(self, key: ChargerKey) -> None:
        """Check the charger's sessions now. While the store is down, they wait for the next check."""
        try:
            await self.look_at(key)
        except StoreUnavailable as outage:
            log.warning("lost sessions of charger %s wait for the store: %s", key[1], outage)

    async def look_at(self, key: ChargerKey) -> None:
        """Check the charger's sessions. Raises `StoreUnavailable`: the next check retries."""
        policy = self._view.known_policy(*key)
        if policy is not None:
            for session, at in list(_impossible(policy, self._live, key, self._clock.now())):
                await self._ends.lost(key, session, at=at)

    async def end_quiet(self, key: ChargerKey, session: Session) -> None:
        """End a session that has drawn no energy for too long. Raises `StoreUnavailable`."""
        await self._ends.lost(key, session, at=self._clock.now())


class LostSessionsWatch:
    """Checks all open sessions every few seconds. `is_here` returns whether a charger is connected to this process."""

    def __init__(
        self,
        view: DecisionView,
        live: RecentActivity,
        lost: LostSessions,
        is_here: Callable[[ChargerKey], bool],
        past: RecentPast,
        clock: Clock,
    ) -> None:
        self._view = view
        self._live = live
        self._lost = lost
        self._is_here = is_here
        self._past = past
        self._clock = clock

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            try:
                await self.check()
            except StoreUnavailable as outage:
                log.warning("lost sessions wait for the store: %s", outage)
            except Exception:  # the edge of the loop: one session's failure must not end it
                log.exception("ending lost sessions failed and continues")
            await asyncio.sleep(TICK_S)

    async def check(self) -> None:
        """Check all open sessions once. Raises `StoreUnavailable`: the next check retries."""
        now = self._clock.now()
        for _, session in self._live.all_sessions():
            session.watched_since = session.watched_since or now
        for key in self._live.chargers_with_sessions():
            await self._lost.look_at(key)
        quiet = [each for each in self._live.all_sessions() if self._is_quiet(*each, now)]
        at_others = await self._connected() if any(not self._is_here(key) for key, _ in quiet) else frozenset()
        for key, session in quiet:
            if (
                self._is_here(key) or key not in at_others
            ):  # otherwise the gateway that owns the charger has its meter values
                await self._lost.end_quiet(key, session)

    def _is_quiet(self, key: ChargerKey, session: Session, now: datetime) -> bool:
        energy_at = max(session.started_at, session.energy_at or session.started_at)
        return now - energy_at > self._max_age(key) and _is_known_for(session, WATCHED_AT_LEAST, now)

    def _max_age(self, key: ChargerKey) -> timedelta:
        policy = self._view.known_policy(*key)
        depot = None if policy is None else self._view.depot(key[0], policy.settings.depot_id)
        return timedelta(hours=SESSION_MAX_AGE_HOURS) if depot is None else depot.session_max_age

    async def _connected(self) -> frozenset[ChargerKey]:
        return frozenset((row["tenant_id"], row["charger_id"]) for row in await self._past.connected_chargers())


def _impossible(
    policy: ChargerAccessPolicy, live: RecentActivity, key: ChargerKey, now: datetime
) -> Iterator[tuple[Session, datetime]]:
    """Yield the charger's sessions that must be over, each with an instant at which it was over."""
    sessions = live.sessions_at(key)
    for index, session in enumerate(sessions):
        if policy.retired_at is not None:
            yield session, policy.retired_at
        elif session.free_at is not None:
            yield session, session.free_at
        elif session.connector_id is not None:
            followed_at = _first_since(session, sessions[index + 1 :])
            if followed_at is None and _is_known_for(session, END_WITHIN, now):
                # The session was reported late: its end was probably queued behind it, and has not arrived.
                followed_at = _first_since(session, sessions[:index]) or live.free_since(key, session)
            if followed_at is not None:
                yield session, followed_at


def _first_since(session: Session, others: Sequence[Session]) -> datetime | None:
    """Return the first instant, not before the session's start, at which one of the others started on its connector."""
    begun = [each.started_at for each in others if each.connector_id == session.connector_id]
    return min((at for at in begun if at >= session.started_at), default=None)


def _is_known_for(session: Session, span: timedelta, now: datetime) -> bool:
    return session.watched_since is not None and now - session.watched_since >= span
