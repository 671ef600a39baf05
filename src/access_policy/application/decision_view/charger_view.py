"""One charger as the decision path sees it: its policy, and the timelines compiled from it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from access_policy.domain.access.decision import PERMISSION_HORIZON
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, evolve
from access_policy.domain.ids import ChargerKey, ReservationId, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow, ReservedWindow, Segment, Timeline, timeline
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.here import PromisesHere
from access_policy.domain.site_energy.gate import GateLevel

BEHIND: Final = timedelta(hours=1)  # how far back a compiled timeline reaches
AHEAD: Final = timedelta(hours=50)  # and how far ahead
KEPT_FOR: Final = timedelta(hours=1)  # promises, before they are looked up again
AHEAD_MIN: Final = timedelta(hours=25)  # a timeline with less left is compiled again; more than the permission horizon
LOOK_NOW: Final = datetime.min.replace(tzinfo=UTC)  # the windows have not been computed yet

Narrower = Callable[[ChargerKey, datetime], None]


@dataclass(slots=True)
class ChargerView:
    """One charger's policy and its compiled timelines: one for the present, which decisions need at once, and one for
    the other time requested last. `plan_seen_at` is the time of the latest change of its plan. `narrower` recomputes
    the windows in which energy narrows the plan once `narrowed_until` is reached; None there: only a gate change makes
    them due."""

    tenant_id: TenantId
    policy: ChargerAccessPolicy
    zone: ZoneInfo
    plan_seen_at: datetime
    narrower: Narrower | None = None
    narrowed_until: datetime | None = LOOK_NOW
    _present: Timeline | None = None
    _other: Timeline | None = None
    _promises: PromisesHere | None = None
    _losses: list[datetime] = field(
        init=False, repr=False
    )  # at which reservations end early if the holder does not arrive

    def __post_init__(self) -> None:
        self._losses = _losses(self.policy.reserved)

    def timeline_now(self, now: datetime) -> Timeline:
        """Like `timeline_at`, for the present only: a compiled timeline is kept until it no longer covers the present."""
        if self._present is None or not self._serves(self._present, now):
            self._present = self._compiled(now)
        return self._present

    def timeline_at(self, at: datetime) -> Timeline:
        """Return a timeline that covers `at`, which may be any instant, and at least 25 hours after it. A dry run or a
        start reported late does not replace the timeline for the present."""
        for compiled in (self._present, self._other):
            if compiled is not None and self._serves(compiled, at):
                return compiled
        self._other = self._compiled(at)
        return self._other

    def expected(self, at: datetime) -> Segment:
        return self.timeline_at(at).at(at)

    def expected_without_energy(self, at: datetime) -> Segment:
        """Return the segment of the plan without the windows in which energy narrows it, which may be out of date."""
        plan = replace(self.policy.plan_known_at(at), narrowed=())
        return timeline(plan, at - BEHIND, at + AHEAD).at(at)

    def opens_after(self, at: datetime) -> datetime | None:
        """Return the next beginning of freevend; None if there is none within the compiled timeline."""
        ahead = self.timeline_at(at).transitions(at)
        return next((each.start for each in ahead if each.mode is AccessMode.FREEVEND), None)

    @property
    def only_connector(self) -> int | None:
        """The connector that an attempt means if it names none; None if the charger has several."""
        return 1 if self.policy.settings.connectors == 1 else None

    def reserved_at(self, at: datetime) -> frozenset[ReservationId]:
        """Return the reservations that name the charger and whose windows contain `at`."""
        windows = (each.as_known_at(at) for each in self.policy.reserved)
        return frozenset(each.reservation_id for each in windows if each.starts_at <= at < each.ends_at)

    def evolve(self, event: PolicyEvent, recorded_at: datetime) -> None:
        changed_before = self.policy.changed_at
        self.policy = evolve(self.policy, event)
        if self.policy.changed_at != changed_before:
            self.narrowed_until = LOOK_NOW  # it may have moved to another depot
            self._present = self._other = None
            self.zone = ZoneInfo(self.policy.settings.time_zone)
            self.plan_seen_at = recorded_at

    def reserve(self, windows: tuple[ReservedWindow, ...]) -> None:
        """Set the windows of the reservations that name the charger."""
        if windows != self.policy.reserved:
            self.policy = replace(self.policy, reserved=windows)
            self._losses = _losses(windows)
            self._present = self._other = None

    def narrow_if_due(self, now: datetime) -> None:
        """Recompute the windows in which energy narrows the plan, if due. It takes a millisecond, so decisions leave it
        to others and read the gate itself."""
        if self.narrowed_until is not None and self.narrowed_until <= now and self.narrower is not None:
            self.narrower((self.tenant_id, self.policy.charger_id), now)

    def narrow(
        self,
        windows: tuple[NarrowedWindow, ...],
        now: datetime,
        *,
        again_at: datetime | None = None,
    ) -> None:
        """Set the windows in which energy narrows the plan, from `now` on; they are due again at `again_at`. The
        windows of the last hour are unchanged."""
        self.narrowed_until = again_at
        narrowed = (*_elapsed(self.policy.narrowed, windows, now), *windows)
        if narrowed != self.policy.narrowed:
            self.policy = replace(self.policy, narrowed=narrowed)
            self._present = self._other = None

    def level_at(self, at: datetime) -> GateLevel:
        """Return the level to which energy narrows the charger, by its plan."""
        for each in self.policy.narrowed:
            if each.starts_at <= at < each.ends_at:
                return each.level
        return GateLevel.OPEN

    def promises(self, book: ReservationBook, at: datetime) -> PromisesHere:
        """Return the promises of the depot's book that apply to this charger from `at` on, for as long as a permission
        may hold. They are cached for the attempts of the next hour, until the book changes."""
        until = at + PERMISSION_HORIZON
        if self._promises is None or not self._promises.serves(book, at, until):
            self._promises = PromisesHere.of(book, self.policy.charger_id, at, until + KEPT_FOR)
        return self._promises

    def _compiled(self, at: datetime) -> Timeline:
        return timeline(self.policy.plan_known_at(at), at - BEHIND, at + AHEAD)

    def _serves(self, compiled: Timeline, at: datetime) -> bool:
        if at < compiled.start or compiled.end - at < AHEAD_MIN:
            return False
        if not self._losses:
            return True
        return bisect_right(self._losses, at) == bisect_right(self._losses, compiled.start + BEHIND)


def _elapsed(
    known: tuple[NarrowedWindow, ...], following: tuple[NarrowedWindow, ...], now: datetime
) -> tuple[NarrowedWindow, ...]:
    """Return the part of the known windows before the following windows, and before `now`."""
    if not known:
        return ()
    cut = min(now, following[0].starts_at) if following else now
    past = (replace(each, ends_at=min(each.ends_at, cut)) for each in known if each.starts_at < cut)
    return tuple(each for each in past if each.ends_at > now - BEHIND)


def _losses(windows: tuple[ReservedWindow, ...]) -> list[datetime]:
    return sorted(each.lost_at for each in windows if each.lost_at is not None)
