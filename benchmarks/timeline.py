"""Milliseconds to compile the timeline of a charger with 20 weekday rules over 400 days, beside dateutil's rruleset.

The rival gets the same rules as `rruleset`s of local datetimes and expands them to windows as UTC instants, the plain way one
would write it. It stops there; ours also computes which window applies when, merged into segments with a cause. Both must find
the same windows, or the run fails.

- cold: this process has not computed these rules before;
- warm: another timeline of the same rules, as after a new override or when a page is viewed again;
- amended: one of the 20 rules has a new start each time.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from itertools import count
from statistics import median
from zoneinfo import ZoneInfo

from dateutil.rrule import FR, MO, TH, TU, WE, WEEKLY, rrule
from dateutil.rrule import rruleset as plain_ruleset  # noqa: TID251  the rival, not ours

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import RuleId
from access_policy.domain.mode_schedule import rules
from access_policy.domain.mode_schedule.rules import ModeRule
from access_policy.domain.mode_schedule.timeline import ModePlan, timeline

RULES = 20
DAYS = 400
ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
ANCHOR = date(2026, 1, 5)
HOLIDAYS = frozenset({date(2026, 4, 3), date(2026, 5, 1), date(2026, 12, 25)})

Windows = list[tuple[datetime, datetime]]


@dataclass(frozen=True)
class Measured:
    name: str
    p50_ms: float
    runs: int


@dataclass(frozen=True)
class Timelines:
    measured: list[Measured]
    segments: int
    timeline_kib: float
    windows_kib: float  # including the windows that are kept for the next compilation


def measure(seconds: float = 3.0) -> Timelines:
    """Measure in turns, so that a machine that slows down slows all of them."""
    plan = _plan()
    _must_agree(plan)
    starts = count(1)
    ways: dict[str, Callable[[], object]] = {
        "access_policy, cold": lambda: _cold(plan),
        "access_policy, warm": lambda: timeline(plan, START, END),
        "access_policy, one rule amended": lambda: timeline(_amended(plan, next(starts)), START, END),
        "dateutil.rrule.rruleset, windows only": lambda: [_rival(rule) for rule in plan.rules.values()],
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    deadline = time.perf_counter() + seconds * len(ways)
    while time.perf_counter() < deadline:
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            spent[name].append(time.perf_counter() - begin)
    made = timeline(plan, START, END)
    return Timelines(
        measured=[Measured(name, median(runs) * 1e3, len(runs)) for name, runs in spent.items()],
        segments=len(made.segments),
        timeline_kib=_kib(lambda: timeline(plan, START, END)),
        windows_kib=_kib(lambda: _cold(plan)),
    )


def _plan() -> ModePlan:
    made = (
        ModeRule(
            rule_id=RuleId(f"rule-{number}"),
            name=f"Rule {number}",
            mode=AccessMode.MANAGED if number % 2 else AccessMode.FREEVEND,
            recurrence="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            start=clock_time(number, 15),
            end=clock_time((number + 3) % 24, 45),
            end_day_offset=int(number + 3 >= 24),
            anchor=ANCHOR,
            priority=number % 5,
            except_dates=HOLIDAYS,
        )
        for number in range(RULES)
    )
    return ModePlan(time_zone=ZONE.key, baseline=AccessMode.FREEVEND, rules={each.rule_id: each for each in made})


def _amended(plan: ModePlan, number: int) -> ModePlan:
    rule = plan.rules[RuleId("rule-3")]
    start = clock_time(3, number // 60 % 60, number % 60)
    return replace(plan, rules={**plan.rules, rule.rule_id: replace(rule, start=start)})


def _cold(plan: ModePlan) -> object:
    rules._windows.cache_clear()
    return timeline(plan, START, END)


def _rival(rule: ModeRule) -> Windows:
    dates = plain_ruleset()
    first = datetime.combine(rule.anchor, rule.start)
    dates.rrule(rrule(WEEKLY, dtstart=first, byweekday=(MO, TU, WE, TH, FR)))
    for day in rule.except_dates:
        dates.exdate(datetime.combine(day, rule.start))
    begin = START.astimezone(ZONE).replace(tzinfo=None) - timedelta(days=2)
    end = END.astimezone(ZONE).replace(tzinfo=None) + timedelta(days=1)
    windows = []
    for local in dates.between(begin, end):
        local_end = datetime.combine(local.date() + timedelta(days=rule.end_day_offset), rule.end)
        starts_at, ends_at = local.replace(tzinfo=ZONE).astimezone(UTC), local_end.replace(tzinfo=ZONE).astimezone(UTC)
        if starts_at < END and ends_at > START:
            windows.append((starts_at, ends_at))
    return windows


def _must_agree(plan: ModePlan) -> None:
    for rule in plan.rules.values():
        if [(w.start, w.end) for w in rule.windows(ZONE, START, END)] != _rival(rule):
            raise SystemExit(f"the two disagree about the windows of {rule.name}")


def _kib(make: Callable[[], object]) -> float:
    """Return the KiB that `make` leaves behind, including its result."""
    timeline(_plan(), START, END)
    tracemalloc.start()
    made = make()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del made
    return size / 1024
