"""What design.md 3.2-3.3 and api.md say about who may charge when, once more and as plainly as can be.

Written from those pages, sharing nothing with the code: days are walked, windows listed, rows gone through. It refuses
no command: it is told only of those that were taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

TEN_MINUTES, DAY = timedelta(minutes=10), timedelta(days=1)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ALLOWING = {"freevend", "own_vehicle", "agreement_vehicle", "ad_hoc", "reservation"}
STARTING = {"own_and_agreement": {"own", "agreement"}, "own_only": {"own"}}  # at a level of the energy gate
FREEVEND_WOULD_ADMIT = {
    *("unknown_identifier", "vehicle_not_valid", "agreement_not_started", "agreement_ended"),
    *("agreement_not_here", "agreement_not_now"),
}
Identifier = tuple[str, str]  # kind and a name for the value, however it was spelt


def instant(on: date, at: time, zone: str) -> datetime:
    """A time in a gap with the offset before it, an ambiguous one as its first: what `fold=0` means."""
    return datetime.combine(on, at, ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True)
class Rule:
    mode: str
    recurrence: str
    start: time
    end: time
    end_day_offset: int
    zone: str
    anchor: date  # local date of `applies_from`, else of the rule's making
    applies_from: date | datetime | None = None
    applies_until: date | datetime | None = None
    priority: int = 0
    except_dates: frozenset[date] = frozenset()
    extra_dates: frozenset[date] = frozenset()

    def dates(self, last: date) -> set[date]:
        """The local dates up to `last` on which a window starts."""
        parts = dict(part.split("=") for part in self.recurrence.split(";"))
        until = date.fromisoformat(parts.get("UNTIL", "99991231"))
        walked = (self.anchor + DAY * n for n in range((min(last, until) - self.anchor).days + 1))
        found = [day for day in walked if self._recurs(parts, day)]
        counted = found[: int(parts["COUNT"])] if "COUNT" in parts else found
        return (set(counted) - self.except_dates) | self.extra_dates

    def _recurs(self, parts: dict[str, str], day: date) -> bool:
        match parts["FREQ"]:
            case "DAILY":
                due, default = (day - self.anchor).days, None
            case "WEEKLY":
                due = (day - DAY * day.weekday() - self.anchor + DAY * self.anchor.weekday()).days // 7
                default = WEEKDAYS[self.anchor.weekday()]
            case _:  # MONTHLY
                due, default = (day.year - self.anchor.year) * 12 + day.month - self.anchor.month, None
                month_days = [int(each) for each in parts.get("BYMONTHDAY", str(self.anchor.day)).split(",")]
                length = ((day.replace(day=1) + 32 * DAY).replace(day=1) - DAY).day
                if day.day not in month_days and day.day - length - 1 not in month_days:
                    return False
        on = parts.get("BYDAY", default)
        return due % int(parts.get("INTERVAL", 1)) == 0 and (on is None or WEEKDAYS[day.weekday()] in on.split(","))


def _edge(edge: date | datetime | None, zone: str, default: date) -> datetime:
    return edge if isinstance(edge, datetime) else instant(edge or default, time(0), zone)


@lru_cache(10_000)
def windows(rule: Rule, last: date) -> list[tuple[datetime, datetime]]:
    """All windows that start by `last`, cut to the applicability period."""
    begins, ends = (
        _edge(rule.applies_from, rule.zone, date(1000, 1, 1)),
        _edge(rule.applies_until, rule.zone, date(9999, 1, 1)),
    )
    days = [(day, day + DAY * rule.end_day_offset) for day in rule.dates(last)]
    whole = [(instant(day, rule.start, rule.zone), instant(end, rule.end, rule.zone)) for day, end in days]
    return [(max(start, begins), min(end, ends)) for start, end in whole]


@dataclass
class Charger:
    depot: str
    zone: str
    baseline: str = "freevend"
    enforcement: str = "enforce"
    rules: dict[str, Rule] = field(default_factory=dict)
    exceptions: dict[str, tuple[date, date, str]] = field(default_factory=dict)  # first, last, mode; as made
    overrides: dict[str, tuple[datetime, datetime, str]] = field(default_factory=dict)  # start, end, mode; as made
    wrong_pins: list[datetime] = field(default_factory=list)
    reservation_only: bool = False
    reserved: dict[str, Reservation] = field(default_factory=dict)  # by name
    narrowed: list[tuple[datetime, datetime, str]] = field(
        default_factory=list
    )  # start, end, level; none overlaps another
    is_advised_only: bool = False

    def level_at(self, at: datetime, known_at: datetime | None = None, *, advised: bool = False) -> str:
        """Who may start. `known_at`: now, where `at` is ahead of it; from the next change on it may be as narrow as can be."""
        if self.is_advised_only and not advised:
            return "open"
        edges = [edge for start, end, _ in self.narrowed for edge in (start, end)]
        if known_at is not None and any(known_at < edge <= at for edge in edges):
            return "own_only"
        return next((level for start, end, level in self.narrowed if start <= at < end), "open")

    def mode_with_energy_at(self, at: datetime) -> str:
        return "managed" if self.level_at(at) != "open" else self.mode_at(at)

    def mode_at(self, at: datetime, known_at: datetime | None = None) -> str:
        """`known_at`: now, where `at` is ahead of it; a reservation is in the plan until it is lost."""
        for start, end, mode in reversed(self.overrides.values()):
            if start <= at < end:
                return mode
        if any(each.is_planned(at, known_at or at) for each in self.reserved.values()):
            return "managed"
        today = at.astimezone(ZoneInfo(self.zone)).date()
        for first, last, mode in reversed(self.exceptions.values()):
            if first <= today <= last:
                return mode
        horizon = (at.date() + 3 * DAY).replace(day=1) + 40 * DAY  # far enough, and the same for a month
        ruling = [r for r in self.rules.values() if any(start <= at < end for start, end in windows(r, horizon))]
        ranked = sorted(ruling, key=lambda rule: (rule.priority, rule.mode == "managed"))
        return ranked[-1].mode if ranked else self.baseline

    def pins_locked(self, at: datetime) -> bool:
        """Five wrong PINs within ten minutes, for ten minutes from the fifth."""
        runs = zip(self.wrong_pins, self.wrong_pins[4:], strict=False)
        return any(at - TEN_MINUTES < fifth and fifth - TEN_MINUTES < first for first, fifth in runs)


@dataclass
class Agreement:
    valid_from: datetime
    valid_until: datetime | None = None
    chargers: frozenset[str] = frozenset()
    depots: frozenset[str] = frozenset()
    hours: tuple[tuple[tuple[str, ...], time, time], ...] = ()
    ended_at: datetime | None = None

    def covers_hour(self, at: datetime, zone: str) -> bool:
        today = at.astimezone(ZoneInfo(zone)).date()
        for days, start, end in self.hours:
            for day in (today - DAY, today, today + DAY):
                ends = instant(day + DAY * (end <= start), end, zone)
                if WEEKDAYS[day.weekday()] in days and instant(day, start, zone) <= at < ends:
                    return True
        return not self.hours


@dataclass
class Vehicle:
    access_class: str
    agreement: str | None
    identifiers: frozenset[Identifier]
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    suspended: bool = False


@dataclass(frozen=True)
class Verdict:
    """`would_deny` is told where it was allowed only because nothing is enforced."""

    allowed: bool
    reason: str
    would_deny: str | None
    expected_mode: str
    access_class: str
    is_unknown: bool = field(default=False, compare=False)


@dataclass
class Charge:
    """A charge under way, or over since `until`; `allowed` by its decision, and then by `vehicle`. `watched_since`: the
    service has looked at it since then, without a restart."""

    where: str
    connector: int
    who: Identifier | None
    since: datetime
    attempt: str
    allowed: bool
    vehicle: str | None = None
    until: datetime | None = None
    watched_since: datetime | None = None


@dataclass
class Reservation:
    """`charger` None: any of the depot's group. `charge`: the attempt that fulfilled it. `over_at`: as recorded."""

    name: str
    depot: str
    charger: str | None
    connector: int | None
    identifiers: frozenset[Identifier]
    vehicle: str | None
    start: datetime
    end: datetime
    early: timedelta
    late: timedelta
    lost_after: timedelta | None
    releases: bool
    made_at: datetime
    fulfilled_at: datetime | None = None
    charge: str | None = None
    over_at: datetime | None = None
    cancelled: bool = False

    @property
    def begins(self) -> datetime:
        return max(self.start - self.early, self.made_at)

    @property
    def lost_at(self) -> datetime | None:
        if self.fulfilled_at is not None or self.lost_after is None:
            return None
        return min(self.start + self.lost_after, self.end)

    def is_over(self, at: datetime) -> bool:
        return any(edge is not None and edge <= at for edge in (self.over_at, self.end, self.lost_at))

    def holds(self, at: datetime) -> bool:
        return self.begins <= at and not self.is_over(at)

    def is_planned(self, at: datetime, known_at: datetime) -> bool:
        """The charger that it names is managed at `at`, as far as is known at `known_at`."""
        lost = self.lost_at if self.lost_at is not None and self.lost_at <= known_at else None
        ends = min(edge for edge in (self.end, self.over_at, lost) if edge is not None)
        return self.begins <= at < ends

    def is_of(self, identifier: Identifier | None, vehicle: str | None) -> bool:
        return identifier in self.identifiers or (vehicle is not None and vehicle == self.vehicle)


@dataclass
class Model:
    chargers: dict[str, Charger] = field(default_factory=dict)
    vehicles: dict[str, Vehicle] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    charging: dict[str, Charge] = field(default_factory=dict)  # by transaction
    ended: list[Charge] = field(default_factory=list)  # since the last look at the reservations
    allowed: dict[tuple[str, str | Identifier], tuple[datetime, datetime]] = field(
        default_factory=dict
    )  # ad hoc, by depot and by vehicle or identifier: since and until
    groups: dict[str, frozenset[str]] = field(default_factory=dict)  # the one group of a depot
    reservations: dict[str, Reservation] = field(default_factory=dict)

    def holder(self, identifier: Identifier | None) -> str | None:
        return next((name for name, vehicle in self.vehicles.items() if identifier in vehicle.identifiers), None)

    def decide(
        self,
        charger_id: str,
        identifier: Identifier | None,
        at: datetime,
        *,
        connector: int | None = None,
        known_at: datetime | None = None,
    ) -> Verdict:
        charger, vehicle = self.chargers[charger_id], self.vehicles.get(self.holder(identifier) or "")
        mode, access_class = charger.mode_at(at, known_at), vehicle.access_class if vehicle else "unknown"
        row = self._row(charger_id, connector, identifier, vehicle, at)
        levels = charger.level_at(at, known_at), charger.level_at(at, known_at, advised=True)
        reason, advised = (self._at_level(level, mode, row, access_class) for level in levels)
        told_mode = "managed" if levels[0] != "open" else mode
        is_unknown = row == "unknown_identifier"
        if reason in ALLOWING and advised not in ALLOWING:
            return Verdict(True, "observed", advised, told_mode, access_class, is_unknown)
        if reason not in ALLOWING and charger.enforcement == "observe":
            return Verdict(True, "observed", reason, told_mode, access_class, is_unknown)
        return Verdict(reason in ALLOWING, reason, None, told_mode, access_class, is_unknown and reason != "freevend")

    def _at_level(self, level: str, mode: str, row: str, access_class: str) -> str:
        """The reason where energy leaves the charger to `level`, and the rows of managed access come to `row`."""
        if level == "open":
            return "freevend" if mode == "freevend" else row
        if row in ("ad_hoc", "agreement_vehicle") and access_class not in STARTING[level]:
            return "energy_restricted"
        return "energy_restricted" if mode == "freevend" and row in FREEVEND_WOULD_ADMIT else row

    def decided(self, charger_id: str, identifier: Identifier | None, at: datetime, verdict: Verdict) -> None:
        """Remember what a recorded decision means for later ones."""
        is_pin = identifier is not None and identifier[0] == "pin"
        if is_pin and verdict.is_unknown:
            self.chargers[charger_id].wrong_pins.append(at)

    def over(self, where: str, connector: int, at: datetime) -> None:
        """Another transaction began on the connector, or the connector is free: what charged there does not any more."""
        for name, each in list(self.charging.items()):
            if (each.where, each.connector) == (where, connector):
                self.end(name, at)

    def end(self, transaction: str, at: datetime) -> Charge:
        charge = self.charging.pop(transaction)
        charge.until = at
        self.ended.append(charge)
        return charge

    def looked_at(self, at: datetime) -> None:
        """A charge without energy for two days is lost, once it has been watched for an hour."""
        for name, each in list(self.charging.items()):
            each.watched_since = each.watched_since or at
            if at - each.since > 2 * DAY and at - each.watched_since >= timedelta(hours=1):
                self.end(name, at)

    # --- reservations ---------------------------------------------------------------------------------------------

    def reserve(self, reservation: Reservation) -> None:
        """Made, or changed. With each new one, those that have been over for a week are forgotten."""
        if reservation.name not in self.reservations:
            for each in list(self.reservations.values()):
                if each.depot == reservation.depot and each.over_at is not None:
                    kept_until = max(each.over_at, each.end + each.late) + 7 * DAY
                    if kept_until <= reservation.made_at:
                        self._drop(each.name)
        self._drop(reservation.name)
        self.reservations[reservation.name] = reservation
        if reservation.charger is not None:
            self.chargers[reservation.charger].reserved[reservation.name] = reservation

    def _drop(self, name: str) -> None:
        self.reservations.pop(name, None)
        for charger in self.chargers.values():
            charger.reserved.pop(name, None)

    def settle(self, now: datetime) -> None:
        """What became of the reservations by now is recorded; the charges that have ended are seen once."""
        while any(self._became(each, now) for each in self._in_order()):
            pass
        self.ended.clear()

    def _in_order(self) -> list[Reservation]:
        return sorted(self.reservations.values(), key=lambda each: (each.charger is None, each.start, each.name))

    def _became(self, each: Reservation, now: datetime) -> bool:
        if each.cancelled:
            return False
        charges = [charge for charge in self._charges() if self._is_at(each, charge.where, charge.connector)]
        own = [c for c in charges if each.is_of(c.who, c.vehicle) and self._free_at(each, c, now) is not None]
        if each.fulfilled_at is None:
            for charge in (c for c in own if c.until is None or c.until > each.made_at):
                at = max(charge.since, each.begins, self._free_at(each, charge, now) or each.begins)
                ran = at == charge.since or charge.until is None or at < charge.until
                if ran and at <= now and not each.is_over(at):
                    each.fulfilled_at, each.charge = at, charge.attempt
                    return True
        if each.over_at is not None:
            return False
        if each.lost_at is not None and each.lost_at <= now:
            each.over_at = each.lost_at
            return True
        is_active = any(charge.until is None for charge in own)
        came = each.fulfilled_at
        left = came is not None and any(
            charge.until is not None and (charge.attempt == each.charge or charge.until >= came) for charge in own
        )
        if now >= each.end or (left and not is_active and each.releases):
            each.over_at = min(now, each.end)
            return True
        return False

    def _charges(self) -> list[Charge]:
        known = [each for each in (*self.charging.values(), *self.ended) if each.allowed and each.who is not None]
        return sorted(known, key=lambda each: (each.since, each.attempt))

    def _free_at(self, each: Reservation, charge: Charge, now: datetime) -> datetime | None:
        """From when the charge may be of this reservation: not while it is another's."""
        if charge.attempt == each.charge:
            return each.begins
        others = [other for other in self.reservations.values() if other.charge == charge.attempt]
        last = max(others, key=lambda other: (other.start, other.name), default=None)
        if last is None:
            return each.begins
        return (last.over_at or last.end) if last.is_over(now) else None

    def _is_at(self, each: Reservation, charger_id: str, connector: int | None) -> bool:
        if each.charger is None:
            return each.depot == self.chargers[charger_id].depot and charger_id in self.groups[each.depot]
        return each.charger == charger_id and (None in (each.connector, connector) or each.connector == connector)

    def _reserved_row(
        self, charger_id: str, connector: int | None, identifier: Identifier, vehicle: str | None, at: datetime
    ) -> tuple[list[Reservation], str | None]:
        """The holder's reservations here, over or not; and the reason of rows 7 and 8, if one of them decides."""
        own = [
            each
            for each in self.reservations.values()
            if self._is_at(each, charger_id, connector) and each.is_of(identifier, vehicle)
        ]
        named = [
            each
            for each in self.reservations.values()
            if each.charger == charger_id and each not in own and each.connector in (None, connector) and each.holds(at)
        ]
        holding = [each for each in own if each.holds(at)]
        if any(each.charger is not None for each in holding) or (holding and not named):
            return own, "reservation"
        return own, "reserved_for_other" if named or self._is_owed(charger_id, own, at) else None

    def _is_owed(self, charger_id: str, own: list[Reservation], at: datetime) -> bool:
        """Without this charger, the group would have fewer free ones than holders of its reservations who are to come."""
        depot = self.chargers[charger_id].depot
        group = self.groups.get(depot, frozenset())
        if charger_id not in group:
            return False
        to_come = [
            each
            for each in self.reservations.values()
            if each.depot == depot
            and each.charger is None
            and each not in own
            and each.holds(at)
            and (each.fulfilled_at is None or each.fulfilled_at > at)
        ]
        busy = {each.where for each in self.charging.values()}
        named = {each.charger for each in self.reservations.values() if each.charger is not None and each.holds(at)}
        return len(to_come) > len(group - {charger_id} - busy - named)

    def permitted(self, depot: str, identifier: Identifier, at: datetime) -> bool:
        """By an operator, for the vehicle or for the identifier alone."""
        spans = [self.allowed.get((depot, each)) for each in (identifier, self.holder(identifier) or "")]
        return any(span is not None and span[0] <= at < span[1] for span in spans)

    def _row(
        self,
        charger_id: str,
        connector: int | None,
        identifier: Identifier | None,
        vehicle: Vehicle | None,
        at: datetime,
    ) -> str:
        charger = self.chargers[charger_id]
        if identifier is None:
            return "identifier_invalid"
        if identifier[0] == "pin" and charger.pins_locked(at):
            return "pin_locked_out"
        permitted = self.permitted(charger.depot, identifier, at)
        own, reserved = self._reserved_row(charger_id, connector, identifier, self.holder(identifier), at)
        if vehicle is None and not permitted and not own:
            return "unknown_identifier"
        if vehicle is not None and vehicle.suspended:
            return "vehicle_suspended"
        elsewhere = any(
            each.allowed and each.who == identifier and each.where != charger_id for each in self.charging.values()
        )
        if identifier[0] == "mac" and elsewhere:
            return "identifier_in_use"
        if reserved is not None:
            return reserved
        if permitted:
            return "ad_hoc"
        if vehicle is None or charger.reservation_only:
            if any(each.over_at is None and at < each.start - each.early for each in own):
                return "reservation_not_started"
            return "reservation_required" if charger.reservation_only else "reservation_ended"
        if (vehicle.valid_from or at) > at or (vehicle.valid_until is not None and vehicle.valid_until <= at):
            return "vehicle_not_valid"  # of whatever class: api.md gives every vehicle a validity of its own
        if vehicle.access_class == "own":
            return "own_vehicle"
        return self._agreement_row(charger_id, charger, self.agreements[vehicle.agreement or ""], at)

    def _agreement_row(self, charger_id: str, charger: Charger, agreement: Agreement, at: datetime) -> str:
        if at < agreement.valid_from:
            return "agreement_not_started"
        if any(end is not None and end <= at for end in (agreement.valid_until, agreement.ended_at)):
            return "agreement_ended"
        places = agreement.chargers | agreement.depots
        if places and not places & {charger_id, charger.depot}:
            return "agreement_not_here"
        return "agreement_vehicle" if agreement.covers_hour(at, charger.zone) else "agreement_not_now"
