"""A day of the plan as a picture: chargers and groups down, the operating day across, reservations as bars with their status.

Positions are percentages of the day, so that a picture fits every width. A day with a clock change is an hour longer or
shorter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from access_policy.application.plan.facts import ChargerFacts
from access_policy.application.plan.status import PlanStatus
from access_policy.domain.ids import ChargerId
from access_policy.domain.reservations.availability import Window
from access_policy.entrypoints.http.console import times
from access_policy.entrypoints.http.console.pictures import Tick
from access_policy.entrypoints.http.console.plan_words import SIGNS, status_in_words
from access_policy.entrypoints.http.v1.reservation_models import Reservation

LANE: Final = 22  # pixels
MARGIN: Final = 3
GONE: Final = frozenset({PlanStatus.CANCELLED, PlanStatus.REPLACED})
EVERY: Final = timedelta(hours=2)
ROOM_AT_A_DESK: Final = 8.0  # per cent of the width that a label needs
ROOM_ON_A_PHONE: Final = 30.0
OFFERED: Final = timedelta(hours=2)  # the length of a new entry in a free window


@dataclass(frozen=True, slots=True)
class PlanDay:
    """The operating day `[start, end)` that begins on the local date `on`."""

    on: date
    start: datetime
    end: datetime
    zone: ZoneInfo

    def x(self, at: datetime) -> float:
        """Return the position as a percentage of the width, with two decimals; instants outside are at the edges."""
        part = (at - self.start) / (self.end - self.start)
        return round(100 * min(max(part, 0.0), 1.0), 2)

    @property
    def before(self) -> date:
        return self.on - timedelta(days=1)

    @property
    def after(self) -> date:
        return self.on + timedelta(days=1)

    @property
    def title(self) -> str:
        """`Thu 26 Nov 2026, 03:00 to 03:00 CET`."""
        hours = f"{times.clock(self.start, self.zone)} to {times.clock(self.end, self.zone)}"
        return f"{times.day(self.on)}, {hours} {times.zone_name(self.start, self.zone)}"

    @property
    def ticks(self) -> list[Tick]:
        found, at = [], self.start
        while at < self.end:
            local = at.astimezone(self.zone)
            found.append(Tick(self.x(at), f"{local:%H:%M}" if local.minute else f"{local:%H}", is_day=local.hour < 2))
            at += EVERY
        return found


@dataclass(frozen=True, slots=True)
class Bar:
    """A reservation. `room` is the part of the width up to the next bar in its lane: a longer label is cut off."""

    x: float
    width: float
    lane: int
    label: str
    title: str
    reservation: Reservation
    room: float = 100.0

    @property
    def crowding(self) -> str:
        """`crowded`: the label does not fit; `near`: it does not fit on a phone."""
        return "crowded" if self.room < ROOM_AT_A_DESK else "near" if self.room < ROOM_ON_A_PHONE else ""


@dataclass(frozen=True, slots=True)
class FreeBar:
    """A window that could be promised, and the times of a new entry in it."""

    x: float
    width: float
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Opening:
    x: float
    width: float
    title: str


@dataclass(slots=True)
class PlanLine:
    """One charger or one group. `warning` is about the charger now."""

    key: str
    name: str
    is_group: bool
    bars: list[Bar] = field(default_factory=list)
    free: list[FreeBar] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    warning: str | None = None

    @property
    def lanes(self) -> int:
        return 1 + max((each.lane for each in self.bars), default=0)

    @property
    def height(self) -> int:
        return self.lanes * LANE + 2 * MARGIN


def lines_of(
    day: PlanDay,
    rows: Iterable[Reservation],
    chargers: Mapping[ChargerId, ChargerFacts],
    groups: Sequence[tuple[str, str]],
    free: Mapping[ChargerId, Sequence[Window]],
    now: datetime,
) -> list[PlanLine]:
    """Groups with reservations first, then chargers by id. A group's reservation whose holder is charging is drawn at
    the charger. `groups` are ids and names; `free` the free windows by charger."""
    at: defaultdict[tuple[bool, str], list[Reservation]] = defaultdict(list)
    for row in rows:
        if row.status not in GONE:
            at[_place(row)].append(row)
    lines = [PlanLine(key, name, True, _bars(day, at[True, key])) for key, name in groups if at.get((True, key))]
    named = {ChargerId(key) for is_group, key in at if not is_group}
    for charger_id in sorted({*chargers, *named}):
        facts = chargers.get(charger_id)
        line = PlanLine(charger_id, charger_id, False, _bars(day, at[False, charger_id]))
        line.free = [_free(day, each, now) for each in free.get(charger_id, ())]
        line.openings = [] if facts is None else _openings(day, facts)
        line.warning = None if facts is None else warning_of(facts)
        lines.append(line)
    return lines


def warning_of(facts: ChargerFacts) -> str | None:
    if facts.is_retired:
        return "Retired"
    if facts.is_faulted:
        return "Fault"
    if not facts.is_reachable:
        return "Not connected"
    return None if facts.is_in_mode else "In another mode"


def _place(row: Reservation) -> tuple[bool, str]:
    if row.charge is not None:
        return False, row.charge.charger_id
    return (True, row.group_id) if row.group_id is not None else (False, row.charger_id or "")


def _bars(day: PlanDay, rows: Sequence[Reservation]) -> list[Bar]:
    """Place each bar in the first lane that is free at its start."""
    ends: list[datetime] = []
    found = []
    for row in sorted(rows, key=lambda each: (each.start, each.reservation_id)):
        lane = next((number for number, end in enumerate(ends) if end <= row.start), len(ends))
        ends[lane : lane + 1] = [row.end]
        x = day.x(row.start)
        found.append(Bar(x, round(day.x(row.end) - x, 2), lane, label_of(row), _title(row, day.zone), row))
    following: dict[int, float] = {}
    for number, bar in reversed(list(enumerate(found))):
        found[number] = replace(bar, room=round(following.get(bar.lane, 200.0) - bar.x, 2))
        following[bar.lane] = bar.x
    return found


def label_of(row: Reservation) -> str:
    sign = SIGNS[row.status]
    return f"{sign} {holder_of(row)}" if sign else holder_of(row)


def holder_of(row: Reservation) -> str:
    if row.holder.vehicle_id is not None:
        return row.holder.vehicle_id
    return row.holder.identifiers[0].masked if row.holder.identifiers else "no token"


def _title(row: Reservation, zone: ZoneInfo) -> str:
    window = f"{times.clock(row.start, zone)} to {times.clock(row.end, zone)}"
    why = "".join(f" {each.detail}" for each in row.reasons)
    ad_hoc = ", ad hoc" if row.ad_hoc else ""
    return f"{holder_of(row)}, {window}: {status_in_words(row.status)}{ad_hoc}.{why}"


def _free(day: PlanDay, window: Window, now: datetime) -> FreeBar:
    start = max(window.start, now)
    end = min(window.end, start + OFFERED)
    x = day.x(window.start)
    return FreeBar(x, round(day.x(window.end) - x, 2), start, end)


def _openings(day: PlanDay, facts: ChargerFacts) -> list[Opening]:
    found = []
    for each in facts.openings:
        if each.starts_at < day.end and day.start < each.ends_at:
            x = day.x(each.starts_at)
            title = f"Open to everyone until {times.clock(each.ends_at, day.zone)}: {each.reason}"
            found.append(Opening(x, round(day.x(each.ends_at) - x, 2), title))
    return found
