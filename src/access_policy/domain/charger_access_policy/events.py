"""Events of a charger's policy. The envelope has the ids of tenant and actor, positions and correlation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from access_policy.domain.access_mode import AccessMode, Cause, Enforcement, OfflineStarts, OnStoreOutage, OnWindowStart
from access_policy.domain.ids import (
    ActorId,
    CalendarId,
    ChargePointId,
    ChargerId,
    DepotId,
    ExceptionId,
    OverrideId,
    RuleId,
    ScheduleId,
)
from access_policy.domain.mode_schedule.calendars import HolidayCalendar
from access_policy.domain.mode_schedule.rules import ModeRule
from access_policy.domain.mode_schedule.schedules import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerSettings:
    """All settings that an operator sets on a charger at once. `profile` names a capability profile, `connectors` is a
    count. `reservation_only`: under managed access the charger admits only holders of reservations.
    """

    charge_point_id: ChargePointId
    depot_id: DepotId
    time_zone: str  # IANA name; the depot's
    profile: str
    baseline_mode: AccessMode
    connectors: int = 1
    on_window_start: OnWindowStart = OnWindowStart.LET_FINISH
    on_store_outage: OnStoreOutage = OnStoreOutage.SPOOL
    offline_starts: OfflineStarts = OfflineStarts.LIST
    reservation_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerRegistered:
    TYPE: ClassVar = "charger_access_policy.charger_registered.v1"
    charger_id: ChargerId
    settings: ChargerSettings
    enforcement: Enforcement


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerAmended:
    """The charger's settings are these from now on."""

    TYPE: ClassVar = "charger_access_policy.charger_amended.v1"
    charger_id: ChargerId
    settings: ChargerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerRetired:
    TYPE: ClassVar = "charger_access_policy.charger_retired.v1"
    charger_id: ChargerId
    retired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforcementChanged:
    TYPE: ClassVar = "charger_access_policy.enforcement_changed.v1"
    charger_id: ChargerId
    enforcement: Enforcement


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeScheduled:
    TYPE: ClassVar = "charger_access_policy.mode_scheduled.v1"
    charger_id: ChargerId
    rule: ModeRule


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeScheduleAmended:
    """The rule with the same id is replaced by this one."""

    TYPE: ClassVar = "charger_access_policy.mode_schedule_amended.v1"
    charger_id: ChargerId
    rule: ModeRule


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeScheduleWithdrawn:
    TYPE: ClassVar = "charger_access_policy.mode_schedule_withdrawn.v1"
    charger_id: ChargerId
    rule_id: RuleId


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeExceptionAdded:
    """On the local days `first` to `last`, both included, the charger has `mode`."""

    TYPE: ClassVar = "charger_access_policy.mode_exception_added.v1"
    charger_id: ChargerId
    exception_id: ExceptionId
    first: date
    last: date
    mode: AccessMode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeCalendarExceptionAdded:
    """On all days that the calendar contains at any time, the charger has `mode`. `ModeExceptionRemoved` ends it."""

    TYPE: ClassVar = "charger_access_policy.mode_calendar_exception_added.v1"
    charger_id: ChargerId
    exception_id: ExceptionId
    calendar_id: CalendarId
    mode: AccessMode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeExceptionRemoved:
    TYPE: ClassVar = "charger_access_policy.mode_exception_removed.v1"
    charger_id: ChargerId
    exception_id: ExceptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayCalendarTaken:
    """The charger's policy stores its own copy of the depot's calendar (ADR 0013)."""

    TYPE: ClassVar = "charger_access_policy.holiday_calendar_taken.v1"
    charger_id: ChargerId
    calendar: HolidayCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayCalendarDropped:
    """The charger's depot has no such calendar any more."""

    TYPE: ClassVar = "charger_access_policy.holiday_calendar_dropped.v1"
    charger_id: ChargerId
    calendar_id: CalendarId


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTaken:
    """The charger follows the depot's schedule; its policy stores its own copy (ADR 0040)."""

    TYPE: ClassVar = "charger_access_policy.schedule_taken.v1"
    charger_id: ChargerId
    schedule: Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLeft:
    """The charger does not follow the schedule any more."""

    TYPE: ClassVar = "charger_access_policy.schedule_left.v1"
    charger_id: ChargerId
    schedule_id: ScheduleId


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeOverridden:
    """An operator put the charger into `mode` from `starts_at` up to, not including, `ends_at`."""

    TYPE: ClassVar = "charger_access_policy.mode_overridden.v1"
    charger_id: ChargerId
    override_id: OverrideId
    mode: AccessMode
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeOverrideLifted:
    """The override ended at `lifted_at`, before its time."""

    TYPE: ClassVar = "charger_access_policy.mode_override_lifted.v1"
    charger_id: ChargerId
    override_id: OverrideId
    lifted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChangeRequested:
    """The controller is about to switch the charger: appended before anything is sent (the fence of design 3.5).

    `generation` counts the requests of this charger, `due_at` is the instant from which the mode is expected.
    """

    TYPE: ClassVar = "charger_access_policy.mode_change_requested.v1"
    charger_id: ChargerId
    generation: int
    mode: AccessMode
    cause: Cause
    due_at: datetime
    mode_control: str
    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeApplied:
    """The charger was verified to be in `mode`: `evidence` says how, `late_s` how many seconds after the mode was due."""

    TYPE: ClassVar = "charger_access_policy.mode_applied.v1"
    charger_id: ChargerId
    generation: int
    mode: AccessMode
    cause: Cause
    due_at: datetime
    applied_at: datetime
    late_s: float
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeApplicationFailed:
    """A try to switch the charger ended without verifying the mode; the controller tries again after a backoff."""

    TYPE: ClassVar = "charger_access_policy.mode_application_failed.v1"
    charger_id: ChargerId
    generation: int
    mode: AccessMode
    reason: str
    detail: str
    failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeDriftDetected:
    """The charger was found in mode `found` although `expected` had been applied."""

    TYPE: ClassVar = "charger_access_policy.mode_drift_detected.v1"
    charger_id: ChargerId
    expected: AccessMode
    found: AccessMode
    evidence: str
    detected_at: datetime


PolicyEvent = (
    ChargerRegistered
    | ChargerAmended
    | ChargerRetired
    | EnforcementChanged
    | ModeScheduled
    | ModeScheduleAmended
    | ModeScheduleWithdrawn
    | ModeExceptionAdded
    | ModeExceptionRemoved
    | ModeCalendarExceptionAdded
    | HolidayCalendarTaken
    | HolidayCalendarDropped
    | ScheduleTaken
    | ScheduleLeft
    | ModeOverridden
    | ModeOverrideLifted
    | ModeChangeRequested
    | ModeApplied
    | ModeApplicationFailed
    | ModeDriftDetected
)
