"""Published events of modes: rules, exceptions, schedules, overrides, and whether chargers apply them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.application.published_events.shared import Cause
from access_policy.domain.access_mode import AccessMode


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeRule:
    """A rule in the API's form: local wall-clock times in `time_zone` (null: the charger's), ending `end_day_offset`
    days after the date on which a window starts; `applies_from` (inclusive) and `applies_until` (exclusive) are local
    dates or instants."""

    rule_id: str
    name: str
    mode: AccessMode
    recurrence: str
    start: dt.time
    end: dt.time
    end_day_offset: int
    time_zone: str | None
    applies_from: str | None
    applies_until: str | None
    priority: int
    except_dates: tuple[dt.date, ...]
    extra_dates: tuple[dt.date, ...]
    except_calendars: tuple[str, ...]
    extra_calendars: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeScheduled:
    """The charger has a new mode rule."""

    VERSION: ClassVar = 1
    charger_id: str
    rule: ModeRule


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeScheduleAmended:
    """The rule with this id has this content from now on."""

    VERSION: ClassVar = 1
    charger_id: str
    rule: ModeRule


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeScheduleWithdrawn:
    """The rule has no windows from now on."""

    VERSION: ClassVar = 1
    charger_id: str
    rule_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeExceptionAdded:
    """On the local days `date` to `until_date` (both inclusive), or on all days of the calendar, the charger has
    `mode`.
    """

    VERSION: ClassVar = 1
    charger_id: str
    exception_id: str
    date: dt.date | None
    until_date: dt.date | None
    calendar_id: str | None
    mode: AccessMode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeExceptionRemoved:
    """The schedule applies again on the exception's days."""

    VERSION: ClassVar = 1
    charger_id: str
    exception_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTaken:
    """The charger follows a schedule of its depot, which has these rules from now on."""

    VERSION: ClassVar = 1
    charger_id: str
    schedule_id: str
    name: str
    rules: tuple[ModeRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLeft:
    """The charger no longer follows the schedule."""

    VERSION: ClassVar = 1
    charger_id: str
    schedule_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeOverridden:
    """The charger has `mode` in `[starts_at, ends_at)`, regardless of its schedule."""

    VERSION: ClassVar = 1
    charger_id: str
    override_id: str
    mode: AccessMode
    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeOverrideLifted:
    """The override ended early, at `lifted_at`."""

    VERSION: ClassVar = 1
    charger_id: str
    override_id: str
    lifted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeApplied:
    """The charger was verified in `mode`, `late_s` seconds after it was due; `evidence` says how."""

    VERSION: ClassVar = 1
    charger_id: str
    mode: AccessMode
    cause: Cause
    due_at: datetime
    applied_at: datetime
    late_s: float
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeApplicationFailed:
    """One attempt to switch the charger failed; the service retries."""

    VERSION: ClassVar = 1
    charger_id: str
    mode: AccessMode
    reason: str
    detail: str
    failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeDriftDetected:
    """The charger was seen in `found` although `expected` had been applied."""

    VERSION: ClassVar = 1
    charger_id: str
    expected: AccessMode
    found: AccessMode
    evidence: str
    detected_at: datetime
