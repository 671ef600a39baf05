"""An agreement: another fleet's contract with the depot owner, with its coverage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, checked_id, checked_name
from access_policy.domain.instants import utc
from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.domain.mode_schedule.rules import local_instant
from access_policy.domain.vehicle_registry.errors import AgreementInvalid

PLACES_MAX = 10_000
HOURS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementHours:
    """Local hours `[start, end)` on weekdays such as `("MO", "TU")`; if `end` is not after `start`, it is on the next day,
    so that equal times mean a whole day.
    """

    days: tuple[str, ...]
    start: time
    end: time

    def cover(self, at: datetime, zone: ZoneInfo) -> bool:
        return any(begins <= at < ends for begins, ends in self._windows(at, at, zone))

    def edges(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Return the instants around `[start, end)` at which these hours begin or end."""
        for window in self._windows(start, end, zone):
            yield from window

    def _windows(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Yield all windows that overlap `[start, end]`. Covers two days back and one ahead, because a clock change can
        skip a whole local day (Apia 2011) or repeat the evening before a midnight.
        """
        day = start.astimezone(zone).date() - timedelta(days=2)
        last = end.astimezone(zone).date() + timedelta(days=1)
        while day <= last:
            if WEEKDAYS[day.weekday()] in self.days:
                yield local_instant(day, self.start, zone), local_instant(day + self._lasts, self.end, zone)
            day += timedelta(days=1)

    @property
    def _lasts(self) -> timedelta:
        return timedelta(days=1 if self.end <= self.start else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Valid in `[valid_from, valid_until)` (None: unlimited). Without locations it applies everywhere, without hours always,
    and without identifier kinds every kind identifies its vehicles.

    `ended_at` is the instant at which it was ended early; it covers nothing from then on.
    """

    agreement_id: AgreementId
    name: str
    fleet: str
    valid_from: datetime
    valid_until: datetime | None = None
    charger_ids: frozenset[ChargerId] = field(default_factory=frozenset)
    depot_ids: frozenset[DepotId] = field(default_factory=frozenset)
    hours: tuple[AgreementHours, ...] = ()
    identifier_kinds: frozenset[IdentifierKind] = field(default_factory=frozenset)
    ended_at: datetime | None = None

    @property
    def ends_at(self) -> datetime | None:
        ends = [instant for instant in (self.valid_until, self.ended_at) if instant is not None]
        return min(ends) if ends else None

    def covers_charger(self, charger_id: ChargerId, depot_id: DepotId) -> bool:
        if not self.charger_ids and not self.depot_ids:
            return True
        return charger_id in self.charger_ids or depot_id in self.depot_ids

    def covers_hour(self, at: datetime, zone: ZoneInfo) -> bool:
        return not self.hours or any(hours.cover(at, zone) for hours in self.hours)

    def counts(self, kind: IdentifierKind) -> bool:
        """Whether an identifier of this kind identifies a vehicle of the agreement."""
        return not self.identifier_kinds or kind in self.identifier_kinds

    def hour_edges(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Return the instants around `[start, end)` at which the agreement's hours begin or end."""
        for hours in self.hours:
            yield from hours.edges(start, end, zone)

    def check(self) -> None:
        """Raises `AgreementInvalid`, `InvalidId`, `InvalidName`, or an error of `utc`."""
        checked_name(self.name)
        checked_name(self.fleet, "fleet")
        for charger_id in self.charger_ids:
            checked_id(charger_id, "charger_ids")
        for depot_id in self.depot_ids:
            checked_id(depot_id, "depot_ids")
        if len(self.charger_ids) + len(self.depot_ids) > PLACES_MAX:
            raise AgreementInvalid(f"An agreement names at most {PLACES_MAX} chargers and depots; name depots instead.")
        utc(self.valid_from, "valid_from")
        if self.valid_until is not None and utc(self.valid_until, "valid_until") <= self.valid_from:
            raise AgreementInvalid(
                "The agreement would end before it starts; give a later valid_until.", pointer="/valid_until"
            )
        if len(self.hours) > HOURS_MAX:
            raise AgreementInvalid(f"An agreement has at most {HOURS_MAX} entries of hours.", pointer="/hours")
        for index, hours in enumerate(self.hours):
            if not hours.days or any(day not in WEEKDAYS for day in hours.days):
                raise AgreementInvalid(
                    f"days must be one or more of {', '.join(WEEKDAYS)}.", pointer=f"/hours/{index}/days"
                )
            if len(set(hours.days)) < len(hours.days):
                raise AgreementInvalid("days names a weekday twice; name it once.", pointer=f"/hours/{index}/days")
