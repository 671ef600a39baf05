"""The aggregate EnrolmentSession: one stream per charger; a new session replaces the previous one.

The first unknown identifier presented at the charger appears in the access decisions; the session records only the
operator's actions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from access_policy.domain.errors import Invalid, Unknown
from access_policy.domain.ids import ChargerId, EnrolmentSessionId

MINUTES_MAX = 60


class SessionLengthInvalid(Invalid):
    code = "enrolment-session-invalid"


class SessionUnknown(Unknown):
    code = "enrolment-session-not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentArmed:
    """The first unknown identifier presented at the charger in `[armed_at, expires_at)` is offered for enrolment."""

    TYPE: ClassVar = "enrolment_session.armed.v1"
    charger_id: ChargerId
    session_id: EnrolmentSessionId
    armed_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentCancelled:
    TYPE: ClassVar = "enrolment_session.cancelled.v1"
    charger_id: ChargerId
    session_id: EnrolmentSessionId
    cancelled_at: datetime


EnrolmentEvent = EnrolmentArmed | EnrolmentCancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentSession:
    """The enrolment session of a charger. `session_id` is None if the charger was never armed."""

    charger_id: ChargerId
    session_id: EnrolmentSessionId | None = None
    expires_at: datetime | None = None
    cancelled: bool = False
    version: int = 0

    def arm(self, session_id: EnrolmentSessionId, minutes: int, *, now: datetime) -> tuple[EnrolmentEvent, ...]:
        """Arm the charger; the same session again produces no event."""
        if session_id == self.session_id:
            return ()
        if not 1 <= minutes <= MINUTES_MAX:
            raise SessionLengthInvalid(f"minutes must be between 1 and {MINUTES_MAX}.", pointer="/minutes")
        expires_at = now + timedelta(minutes=minutes)
        return (EnrolmentArmed(charger_id=self.charger_id, session_id=session_id, armed_at=now, expires_at=expires_at),)

    def cancel(self, *, now: datetime) -> tuple[EnrolmentEvent, ...]:
        """Cancel the session; an expired one produces no event. Raises `SessionUnknown` if no session was ever armed."""
        if self.session_id is None or self.expires_at is None:
            raise SessionUnknown(f"Charger {self.charger_id} was not armed for enrolment.")
        if self.cancelled or self.expires_at <= now:
            return ()
        return (EnrolmentCancelled(charger_id=self.charger_id, session_id=self.session_id, cancelled_at=now),)


def evolve(session: EnrolmentSession, event: EnrolmentEvent) -> EnrolmentSession:
    version = session.version + 1
    match event:
        case EnrolmentArmed():
            return EnrolmentSession(
                charger_id=event.charger_id,
                session_id=event.session_id,
                expires_at=event.expires_at,
                version=version,
            )
        case EnrolmentCancelled():
            return replace(session, cancelled=True, version=version)


def fold(charger_id: ChargerId, events: Iterable[EnrolmentEvent]) -> EnrolmentSession:
    session = EnrolmentSession(charger_id=charger_id)
    for event in events:
        session = evolve(session, event)
    return session
