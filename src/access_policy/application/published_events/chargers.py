"""Published events of chargers, their modes and their faults."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.application.published_events.shared import Cause
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts, OnStoreOutage, OnWindowStart


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerSettings:
    charge_point_id: str
    depot_id: str
    time_zone: str
    profile: str
    baseline_mode: AccessMode
    connectors: int
    on_window_start: OnWindowStart
    on_store_outage: OnStoreOutage
    offline_starts: OfflineStarts
    reservation_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerRegistered:
    """The charger belongs to a depot, and the service decides its attempts from now on."""

    VERSION: ClassVar = 1
    charger_id: str
    settings: ChargerSettings
    enforcement: Enforcement


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerAmended:
    """The charger has these settings from now on."""

    VERSION: ClassVar = 1
    charger_id: str
    settings: ChargerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerRetired:
    """The charger is out of service; it no longer has attempts decided."""

    VERSION: ClassVar = 1
    charger_id: str
    retired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforcementChanged:
    """Denials are enforced from now on, or only observed: then everyone charges, and each decision records the denial
    that enforcement would have made.
    """

    VERSION: ClassVar = 1
    charger_id: str
    enforcement: Enforcement


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeRule:
    """As the API shows a rule: local wall-clock times in `time_zone` (null: the charger's), ending `end_day_offset`
    days after the date on which a window starts; `applies_from` (inclusive) and `applies_until` (exclusive) are
    local dates or instants.
    """

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
    """The charger follows a schedule of its depot, whose rules read like this from now on."""

    VERSION: ClassVar = 1
    charger_id: str
    schedule_id: str
    name: str
    rules: tuple[ModeRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLeft:
    """The charger does not follow the schedule any more."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialCount:
    reason: Reason
    denials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerProblem:
    """A charger that entered a mode late or not at all; `pending`: not yet, and the mode is still expected."""

    charger_id: str
    late: int
    missed: int
    pending: int
    lateness_max_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotDigestMade:
    """Counts of the depot in `[since, until)`, the 24 local hours before its `digest_at`. `problems` are at most 50 chargers,
    those that missed most first; `problem_count` is the number of all.
    """

    VERSION: ClassVar = 1
    depot_id: str
    since: datetime
    until: datetime
    attempts: int
    allowed: int
    denied: int
    denials: tuple[DenialCount, ...]
    sessions: int
    energy_wh: int
    transitions: int
    on_time: int
    late: int
    missed: int
    pending: int
    unreachable: int
    problems: tuple[ChargerProblem, ...]
    problem_count: int
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerUnreachableAtTransition:
    """From `due_at` on the charger should have `mode`; at `noted_at`, at least a minute later, it was not connected. It is
    switched when it connects.
    """

    VERSION: ClassVar = 1
    charger_id: str
    depot_id: str
    mode: AccessMode
    cause: Cause
    due_at: datetime
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorFaulted:
    """An error at a connector (0: the whole charger). With `caused_by` it is a consequence of that denied attempt and
    not a fault.
    """

    VERSION: ClassVar = 1
    charger_id: str
    connector_id: int
    error_code: str
    vendor_error_code: str | None
    faulted_at: datetime
    caused_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorRecovered:
    """The connector reported a status without error again."""

    VERSION: ClassVar = 1
    charger_id: str
    connector_id: int
    recovered_at: datetime
