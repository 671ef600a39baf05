"""The last minutes in memory: attempts without a start yet, open charges, wrong PINs and denials. All of it can be
rebuilt from the read models at start-up."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from access_policy.application.decision_view.sessions import Session
from access_policy.domain.access.events import AccessAllowed, AccessDenied, SessionDecision
from access_policy.domain.access.pin_lockout import PinLockout
from access_policy.domain.access.transaction_record import TransactionRecord
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import ActorId, AttemptId, ChargerId, ChargerKey, EntranceKey, TenantId

START_WITHIN = timedelta(minutes=15)  # an authorisation without a start within this time is an attempt by itself
OPEN_ATTEMPTS_MAX = 100_000
SESSIONS_MAX = 200  # of one charger; more than its connectors can have, even if it never reports an end

ANNOUNCED_MAX = 20  # transactions of one charger that are remembered before they have a session
ASSUMED_OVER_MAX = 20  # sessions of one charger

# A charger or an entrance, and the source of the PINs there: the charger itself or another service.
PinSource = tuple[ChargerKey | EntranceKey, ActorId]
RefKey = tuple[IdentifierKind, str]


@dataclass(slots=True)
class OpenAttempt:
    """An attempt decided before its start. `version` is the version of its stream."""

    attempt_id: AttemptId
    decided: AccessAllowed | AccessDenied
    version: int
    at: datetime


class RecentActivity:
    def __init__(self) -> None:
        self._open: OrderedDict[tuple[ChargerKey, RefKey | None], OpenAttempt] = OrderedDict()
        self._sessions: dict[ChargerKey, dict[str, Session]] = {}
        self._with_sessions: dict[TenantId, set[ChargerId]] = {}
        self._charging: dict[tuple[TenantId, RefKey], set[tuple[ChargerId, str]]] = {}
        self._pins: dict[PinSource, PinLockout] = {}
        self._denials: dict[ChargerKey, dict[int | None, tuple[datetime, AttemptId]]] = {}
        self._announced: dict[ChargerKey, OrderedDict[str, TransactionRecord]] = {}
        self._assumed_over: dict[ChargerKey, deque[Session]] = {}
        self._free_since: dict[tuple[ChargerKey, int | None], datetime] = {}
        self._on_sessions_change: list[Callable[[ChargerKey], None]] = []

    # --- attempts that have not started yet ------------------------------------------------------------------------

    def opened(self, charger: ChargerKey, ref: IdentifierRef | None, attempt: OpenAttempt) -> None:
        key = (charger, ref_key(ref))
        self._open[key] = attempt
        self._open.move_to_end(key)
        while len(self._open) > OPEN_ATTEMPTS_MAX or self._is_over(attempt.at):
            self._open.popitem(last=False)

    def _is_over(self, now: datetime) -> bool:
        """Return whether the oldest open attempt is too old for a start to belong to it."""
        return now - next(iter(self._open.values())).at > START_WITHIN

    def open_attempt(self, charger: ChargerKey, ref: IdentifierRef | None, now: datetime) -> OpenAttempt | None:
        """Return the attempt to which a start by `ref` belongs; it stays open until the start is recorded."""
        attempt = self._open.get((charger, ref_key(ref)))
        return attempt if attempt is not None and now - attempt.at <= START_WITHIN else None

    def close_attempt(self, charger: ChargerKey, ref: IdentifierRef | None, attempt_id: AttemptId) -> None:
        """Close the attempt, whose start is recorded. A newer attempt by `ref` stays open."""
        attempt = self._open.get((charger, ref_key(ref)))
        if attempt is not None and attempt.attempt_id == attempt_id:
            del self._open[charger, ref_key(ref)]

    def take_open(self, charger: ChargerKey, ref: IdentifierRef | None, now: datetime) -> OpenAttempt | None:
        """Close and return the attempt to which a start by `ref` belongs."""
        attempt = self.open_attempt(charger, ref, now)
        self._open.pop((charger, ref_key(ref)), None)
        return attempt

    # --- running charges
    # -------------------------------------------------------------------------------------------------

    def on_sessions_change(self, listener: Callable[[ChargerKey], None]) -> None:
        """Call `listener` after a charge at the charger has started or ended."""
        self._on_sessions_change.append(listener)

    def started(self, charger: ChargerKey, session: Session) -> None:
        sessions = self._sessions.setdefault(charger, {})
        sessions[session.transaction_id] = session
        self._with_sessions.setdefault(charger[0], set()).add(charger[1])
        if session.identifier is not None and session.decision is not SessionDecision.DENIED:
            holder = (charger[0], _key(session.identifier))
            self._charging.setdefault(holder, set()).add((charger[1], session.transaction_id))
        while len(sessions) > SESSIONS_MAX:
            self.ended(charger, next(iter(sessions)))
        self._notify_sessions(charger)

    def session(self, charger: ChargerKey, transaction_id: str) -> Session | None:
        return self._sessions.get(charger, {}).get(transaction_id)

    def session_of(self, charger: ChargerKey, transaction_id: str | None, connector_id: int | None) -> Session | None:
        """Return the session with the transaction id or, without an id, the latest session on the connector."""
        sessions = self._sessions.get(charger, {})
        if transaction_id is not None:
            return sessions.get(transaction_id)
        on_connector = [each for each in sessions.values() if each.connector_id == connector_id]
        return max(on_connector, key=lambda each: each.started_at, default=None)

    def all_sessions(self) -> list[tuple[ChargerKey, Session]]:
        return [(charger, each) for charger, sessions in self._sessions.items() for each in sessions.values()]

    def sessions_at(self, charger: ChargerKey) -> tuple[Session, ...]:
        return tuple(self._sessions.get(charger, {}).values())

    def occupied_among(self, tenant_id: TenantId, chargers: Iterable[ChargerId]) -> set[ChargerId]:
        """Return the chargers with a running charge, or with a vehicle that is still plugged in as far as is known."""
        used = self._with_sessions.get(tenant_id, set()).intersection(chargers)
        return {each for each in used if any(known.free_at is None for known in self.sessions_at((tenant_id, each)))}

    def ended(self, charger: ChargerKey, transaction_id: str) -> None:
        sessions = self._sessions.get(charger, {})
        session = sessions.pop(transaction_id, None)
        if session is not None:
            if not sessions:
                self._with_sessions[charger[0]].discard(charger[1])
            self._forget(charger, session)
            self._notify_sessions(charger)

    def _notify_sessions(self, charger: ChargerKey) -> None:
        for listener in self._on_sessions_change:
            listener(charger)

    def charges_at_another(
        self, charger: ChargerKey, ref: IdentifierRef, is_retired: Callable[[ChargerKey], bool]
    ) -> bool:
        """Return whether the identifier has a running charge at another charger of the tenant that is in service."""
        uses = self._charging.get((charger[0], _key(ref)), ())
        return any(used_at != charger[1] and not is_retired((charger[0], used_at)) for used_at, _ in uses)

    def assume_over(self, charger: ChargerKey, session: Session) -> None:
        """Note that the service has concluded that the session is over; a report of its end may still arrive."""
        self._assumed_over.setdefault(charger, deque(maxlen=ASSUMED_OVER_MAX)).append(session)

    def assumed_over(self, charger: ChargerKey) -> tuple[Session, ...]:
        """Return the latest sessions of the charger that the service only concluded to be over."""
        return tuple(self._assumed_over.get(charger, ()))

    def revived(self, charger: ChargerKey, transaction_id: str, energy_wh: int | None) -> Session | None:
        """Return a session that was concluded to be over and whose meter has grown since: it is running, and only a
        report of the charger can end it."""
        for session in self.assumed_over(charger):
            if session.transaction_id == transaction_id and session.has_grown_to(energy_wh):
                self.reported_over(charger, transaction_id)
                session.version, session.free_at = 0, None
                self.started(charger, session)
                return session
        return None

    def reported_over(self, charger: ChargerKey, transaction_id: str) -> None:
        """Note that the charger has reported the end."""
        kept = [each for each in self.assumed_over(charger) if each.transaction_id != transaction_id]
        if charger in self._assumed_over:
            self._assumed_over[charger] = deque(kept, maxlen=ASSUMED_OVER_MAX)

    def connector_free(self, charger: ChargerKey, connector_id: int, at: datetime) -> None:
        """Note that the connector reported at `at` that no vehicle is plugged in."""
        spot = (charger, connector_id)
        self._free_since[spot] = max(at, self._free_since.get(spot, at))
        for session in self.sessions_at(charger):
            if session.connector_id == connector_id and session.started_at <= at:
                session.free_at = at

    def free_since(self, charger: ChargerKey, session: Session) -> datetime | None:
        """Return the instant at which the session's connector was reported free, if the session had started before."""
        free_at = self._free_since.get((charger, session.connector_id))
        return None if free_at is None or free_at <= session.started_at else free_at

    def chargers_with_sessions(self) -> tuple[ChargerKey, ...]:
        return tuple(charger for charger, sessions in self._sessions.items() if sessions)

    # --- transactions without a session (OCPP 2.x) --------------------------------------------------------------------

    def announced(self, charger: ChargerKey, transaction_id: str) -> TransactionRecord:
        """Return the remembered record of the transaction; an empty one if there is none."""
        known = self._announced.get(charger)
        return TransactionRecord() if known is None else known.get(transaction_id, TransactionRecord())

    def announce(self, charger: ChargerKey, transaction_id: str, record: TransactionRecord) -> None:
        known = self._announced.setdefault(charger, OrderedDict())
        known[transaction_id] = record
        known.move_to_end(transaction_id)
        while len(known) > ANNOUNCED_MAX:
            known.popitem(last=False)

    def _forget(self, charger: ChargerKey, session: Session) -> None:
        if session.identifier is None:
            return
        holder = (charger[0], _key(session.identifier))
        uses = self._charging.get(holder)
        if uses is not None:
            uses.discard((charger[1], session.transaction_id))
            if not uses:
                del self._charging[holder]

    # --- wrong PINs and denials --------------------------------------------------------------------------------------

    def pins_are_locked_out(self, source: PinSource, now: datetime) -> bool:
        lockout = self._pins.get(source)
        return lockout is not None and lockout.is_locked(now)

    def wrong_pin(self, source: PinSource, at: datetime) -> datetime | None:
        """Count a wrong PIN. Return the end of the lock-out that it starts; None if it starts none."""
        before = self._pins.get(source, PinLockout())
        after = self._pins[source] = before.after_wrong_pin(at)
        return None if before.is_locked(at) else after.locked_until if after.is_locked(at) else None

    def lock_pins_out(self, source: PinSource, until: datetime) -> None:
        """Apply a recorded lock-out."""
        self._pins[source] = PinLockout((), until)

    def decided(self, charger: ChargerKey, event: AccessAllowed | AccessDenied, at: datetime) -> None:
        """Note a decision that was recorded at `at`; only denials are remembered."""
        if type(event) is AccessDenied:
            self.denied(charger, event.lineage.connector_id, event.lineage.attempt_id, at)

    def denied(self, charger: ChargerKey, connector_id: int | None, attempt_id: AttemptId, at: datetime) -> None:
        """Remember the denial if it is the connector's latest."""
        known = self._denials.setdefault(charger, {})
        if connector_id not in known or known[connector_id][0] <= at:
            known[connector_id] = (at, attempt_id)

    def recent_denial(
        self, charger: ChargerKey, connector_id: int, at: datetime, window: timedelta
    ) -> AttemptId | None:
        """Return the latest attempt denied on the connector within `window` before `at`. A denial without a connector
        (OCPP 1.6 `Authorize`) matches any connector; connector 0 means the whole charger."""
        fitting = [
            denial
            for denied_on, denial in self._denials.get(charger, {}).items()
            if (denied_on is None or connector_id in (0, denied_on)) and timedelta(0) <= at - denial[0] <= window
        ]
        return max(fitting)[1] if fitting else None


def ref_key(ref: IdentifierRef | None) -> RefKey | None:
    return None if ref is None else _key(ref)


def _key(ref: IdentifierRef) -> RefKey:
    return (ref.kind, ref.pseudonym)
