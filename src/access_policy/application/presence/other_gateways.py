"""Follows other gateways' records that this process needs: open charges, PIN lock-outs, and chargers that moved.

Each gateway decides from its own memory, but an identifier that charges at another gateway's charger is in use, a
charger may reconnect here in the middle of a charge, and a charger that connected to another gateway no longer belongs
to this one (ADR 0016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.ports.event_store import Recorded
from access_policy.application.streams import tenant_of
from access_policy.domain.access.events import (
    ASSUMED_ENDS,
    ChargingEnded,
    ChargingStarted,
    DenialNotHonoured,
    EntrancePinsLockedOut,
    PinsLockedOut,
)
from access_policy.domain.charger_condition.events import ChargerConnected, ChargerDisconnected
from access_policy.domain.ids import ChargerKey

TYPES = frozenset(
    event.TYPE
    for event in (
        ChargingStarted,
        ChargingEnded,
        DenialNotHonoured,
        PinsLockedOut,
        EntrancePinsLockedOut,
        ChargerConnected,
        ChargerDisconnected,
    )
)


class OtherGateways:
    """`is_here` returns whether a charger is connected to this process, which then already knows its activity. `moved`
    is called for each connection recorded by another gateway, with its version; `given_up` for each connection of this
    process that another process recorded as ended because it considered this one gone."""

    def __init__(
        self,
        name: str,
        live: RecentActivity,
        is_here: Callable[[ChargerKey], bool],
        moved: Callable[[ChargerKey, int], None],
        given_up: Callable[[ChargerKey, int], None],
    ) -> None:
        self._name = name
        self._live = live
        self._is_here = is_here
        self._moved = moved
        self._given_up = given_up
        self._position = 0

    def begin_after(self, position: int) -> None:
        """Follow the log from after `position`: everything up to it was reloaded from the read models."""
        self._position = position

    async def followed_to(self) -> int:
        return self._position

    async def follow(self, batch: Sequence[Recorded], reached: int) -> None:
        for recorded in batch:
            if isinstance(recorded.event, EntrancePinsLockedOut):
                self._lock_out(recorded)
                continue
            key = (tenant_of(recorded.stream), recorded.event.charger_id)
            if isinstance(recorded.event, ChargerConnected):
                if recorded.event.gateway != self._name:
                    self._moved(key, recorded.version)
            elif isinstance(recorded.event, ChargerDisconnected):
                if recorded.event.found_by and recorded.event.gateway == self._name:
                    self._given_up(key, recorded.version)
            elif isinstance(recorded.event, ChargingEnded) or not self._is_here(key):
                # any process may end a session: at an operator's request, or because its end was lost
                self._note(key, recorded)
        self._position = reached

    def _lock_out(self, recorded: Recorded) -> None:
        """Apply a lock-out at an entrance, at which any process may decide."""
        locked: EntrancePinsLockedOut = recorded.event
        entrance = (tenant_of(recorded.stream), locked.depot_id, locked.entrance_id)
        self._live.lock_pins_out((entrance, locked.source), locked.until)

    def _note(self, key: ChargerKey, recorded: Recorded) -> None:
        match recorded.event:
            case ChargingStarted() as start:
                self._live.started(key, Session.begun_by(start))
            case ChargingEnded() as end:
                session = self._live.session(key, end.transaction_id)
                self._live.ended(key, end.transaction_id)
                if session is not None and end.reason in ASSUMED_ENDS:
                    self._live.assume_over(key, session)
            case DenialNotHonoured() as seen:
                session = self._live.session(key, seen.transaction_id)
                if session is not None:
                    session.not_honoured = True
            case PinsLockedOut() as locked:
                self._live.lock_pins_out((key, locked.source), locked.until)
            case _:
                pass
