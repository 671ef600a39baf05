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

    def mode_at(self, at: datetime) -> str:
        for start, end, mode in reversed(self.overrides.values()):
            if start <= at < end:
                return mode
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


@dataclass
class Charge:
    """A charge under way. `watched_since`: the service has looked at it since then, without a restart."""

    where: str
    connector: int
    who: Identifier
    since: datetime
    watched_since: datetime | None = None


@dataclass
class Model:
    chargers: dict[str, Charger] = field(default_factory=dict)
    vehicles: dict[str, Vehicle] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    charging: dict[str, Charge] = field(default_factory=dict)  # by transaction
    allowed: dict[tuple[str, str | Identifier], tuple[datetime, datetime]] = field(
        default_factory=dict
    )  # ad hoc, by depot and by vehicle or identifier: since and until

    def holder(self, identifier: Identifier | None) -> str | None:
        return next((name for name, vehicle in self.vehicles.items() if identifier in vehicle.identifiers), None)

    def decide(self, charger_id: str, identifier: Identifier | None, at: datetime) -> Verdict:
        charger, vehicle = self.chargers[charger_id], self.vehicles.get(self.holder(identifier) or "")
        mode, access_class = charger.mode_at(at), vehicle.access_class if vehicle else "unknown"
        reason = "freevend" if mode == "freevend" else self._row(charger_id, identifier, vehicle, at)
        allowed = reason in ("freevend", "own_vehicle", "agreement_vehicle", "ad_hoc")
        if not allowed and charger.enforcement == "observe":
            return Verdict(True, "observed", reason, mode, access_class)
        return Verdict(allowed, reason, None, mode, access_class)

    def decided(self, charger_id: str, identifier: Identifier | None, at: datetime, verdict: Verdict) -> None:
        """Remember what a recorded decision means for later ones."""
        is_pin = identifier is not None and identifier[0] == "pin"
        if is_pin and "unknown_identifier" in (verdict.reason, verdict.would_deny):
            self.chargers[charger_id].wrong_pins.append(at)

    def over(self, where: str, connector: int) -> None:
        """Another transaction began on the connector, or the connector is free: what charged there does not any more."""
        here = (where, connector)
        self.charging = {name: each for name, each in self.charging.items() if (each.where, each.connector) != here}

    def looked_at(self, at: datetime) -> None:
        """A charge without energy for two days is lost, once it has been watched for an hour."""
        for name, each in list(self.charging.items()):
            each.watched_since = each.watched_since or at
            if at - each.since > 2 * DAY and at - each.watched_since >= timedelta(hours=1):
                del self.charging[name]

    def permitted(self, depot: str, identifier: Identifier, at: datetime) -> bool:
        """By an operator, for the vehicle or for the identifier alone."""
        spans = [self.allowed.get((depot, each)) for each in (identifier, self.holder(identifier) or "")]
        return any(span is not None and span[0] <= at < span[1] for span in spans)

    def _row(self, charger_id: str, identifier: Identifier | None, vehicle: Vehicle | None, at: datetime) -> str:
        charger = self.chargers[charger_id]
        if identifier is None:
            return "identifier_invalid"
        if identifier[0] == "pin" and charger.pins_locked(at):
            return "pin_locked_out"
        permitted = self.permitted(charger.depot, identifier, at)
        if vehicle is None and not permitted:
            return "unknown_identifier"
        if vehicle is not None and vehicle.suspended:
            return "vehicle_suspended"
        elsewhere = any(each.who == identifier and each.where != charger_id for each in self.charging.values())
        if identifier[0] == "mac" and elsewhere:
            return "identifier_in_use"
        if permitted or vehicle is None:
            return "ad_hoc"
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
