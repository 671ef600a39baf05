"""The aggregate Depot: the settings that its chargers share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from access_policy.domain.depots.entrances import ENTRANCES_MAX, Entrance, EntranceUnknown, TooManyEntrances
from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import (
    ID_LENGTH_MAX,
    CalendarId,
    DepotId,
    EntranceId,
    ScheduleId,
    checked_name,
    checked_new_id,
)
from access_policy.domain.instants import zone
from access_policy.domain.mode_schedule.calendars import Holiday, HolidayCalendar
from access_policy.domain.mode_schedule.schedules import Schedule

LANGUAGES = ("en", "de", "fr", "es", "nl")
EXCLUSIVE_KINDS = frozenset({IdentifierKind.MAC})  # unless the depot says otherwise
OVERRIDE_DAYS_MAX = 366
SESSION_MAX_AGE_HOURS = 48
SESSION_MAX_AGE_HOURS_MAX = 24 * 90
CALENDARS_MAX = 50
SCHEDULES_MAX = 200


class DepotUnknown(Unknown):
    code = "depot-not-found"

    @classmethod
    def named(cls, depot_id: str, *, pointer: str | None = None) -> Self:
        """Return the refusal of a command that names this depot."""
        return cls(f"There is no depot {depot_id[:ID_LENGTH_MAX]}.", pointer=pointer)


class DepotInvalid(Invalid):
    code = "depot-invalid"


class CalendarUnknown(Unknown):
    code = "holiday-calendar-not-found"


class TooManyCalendars(Conflict):
    code = "too-many-holiday-calendars"


class CalendarInSchedule(Conflict):
    code = "holiday-calendar-in-use"


class ScheduleUnknown(Unknown):
    code = "schedule-not-found"

    @classmethod
    def named(cls, schedule_id: str, *, pointer: str | None = None) -> Self:
        """Return the refusal of a command that names this schedule."""
        return cls(f"There is no schedule {schedule_id[:ID_LENGTH_MAX]}.", pointer=pointer)


class ScheduleNameTaken(Conflict):
    code = "schedule-name-taken"


class ScheduleInUse(Conflict):
    code = "schedule-in-use"


class TooManySchedules(Conflict):
    code = "too-many-schedules"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotSettings:
    """`language` is the language of driver texts; `longest_override_days` bounds every override at the depot.

    A session that draws no energy for `session_max_age_hours` ends as lost. `identifier_kinds` are the kinds that
    identify a vehicle here (empty: all). An identifier of one of the `exclusive_kinds` may charge at only one charger
    at a time. `partner_reports_include_denials`: a report for the partner of an agreement also counts denied attempts.
    `digest_at`: the local time at which the digest of the last 24 hours is made; None: no digest.
    """

    name: str
    time_zone: str
    language: str = "en"
    longest_override_days: int = 7
    identifier_kinds: frozenset[IdentifierKind] = field(default_factory=frozenset)
    exclusive_kinds: frozenset[IdentifierKind] = EXCLUSIVE_KINDS
    session_max_age_hours: int = SESSION_MAX_AGE_HOURS
    partner_reports_include_denials: bool = False
    digest_at: time | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotRegistered:
    TYPE: ClassVar = "depot.depot_registered.v1"
    depot_id: DepotId
    settings: DepotSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotAmended:
    """The depot's settings are these from now on."""

    TYPE: ClassVar = "depot.depot_amended.v1"
    depot_id: DepotId
    settings: DepotSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayCalendarPut:
    """The depot's calendar with this id is replaced by this one."""

    TYPE: ClassVar = "depot.holiday_calendar_put.v1"
    depot_id: DepotId
    calendar: HolidayCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayCalendarRemoved:
    TYPE: ClassVar = "depot.holiday_calendar_removed.v1"
    depot_id: DepotId
    calendar_id: CalendarId


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePut:
    """The depot's schedule with this id is replaced by this one."""

    TYPE: ClassVar = "depot.schedule_put.v1"
    depot_id: DepotId
    schedule: Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRemoved:
    TYPE: ClassVar = "depot.schedule_removed.v1"
    depot_id: DepotId
    schedule_id: ScheduleId


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrancePut:
    """The depot's entrance with this id is replaced by this one."""

    TYPE: ClassVar = "depot.entrance_put.v1"
    depot_id: DepotId
    entrance: Entrance


@dataclass(frozen=True, slots=True, kw_only=True)
class EntranceRemoved:
    TYPE: ClassVar = "depot.entrance_removed.v1"
    depot_id: DepotId
    entrance_id: EntranceId


DepotEvent = (
    DepotRegistered
    | DepotAmended
    | HolidayCalendarPut
    | HolidayCalendarRemoved
    | SchedulePut
    | ScheduleRemoved
    | EntrancePut
    | EntranceRemoved
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    """`version` is the stream's version; `changed_at`, `calendar_changed_at`, `schedule_changed_at` and
    `entrance_changed_at` are the versions at the last change of the settings, of each calendar, of each schedule and of
    each entrance: the versions that callers compare (ADR 0011).
    """

    depot_id: DepotId
    settings: DepotSettings
    version: int
    changed_at: int
    calendars: Mapping[CalendarId, HolidayCalendar] = field(default_factory=dict)
    calendar_changed_at: Mapping[CalendarId, int] = field(default_factory=dict)
    schedules: Mapping[ScheduleId, Schedule] = field(default_factory=dict)
    schedule_changed_at: Mapping[ScheduleId, int] = field(default_factory=dict)
    entrances: Mapping[EntranceId, Entrance] = field(default_factory=dict)
    entrance_changed_at: Mapping[EntranceId, int] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        return zone(self.settings.time_zone)

    @property
    def longest_override(self) -> timedelta:
        return timedelta(days=self.settings.longest_override_days)

    @property
    def session_max_age(self) -> timedelta:
        return timedelta(hours=self.settings.session_max_age_hours)

    def put(self, settings: DepotSettings) -> tuple[DepotEvent, ...]:
        check(settings)
        return () if settings == self.settings else (DepotAmended(depot_id=self.depot_id, settings=settings),)

    def put_calendar(self, calendar: HolidayCalendar) -> tuple[DepotEvent, ...]:
        """Create or replace a calendar made by `HolidayCalendar.of`. An unchanged calendar produces no event."""
        if self.calendars.get(calendar.calendar_id) == calendar:
            return ()
        if calendar.calendar_id not in self.calendars:
            checked_new_id(calendar.calendar_id, "calendar_id")
            if len(self.calendars) >= CALENDARS_MAX:
                raise TooManyCalendars(f"This depot has {CALENDARS_MAX} holiday calendars already; remove one.")
        return (HolidayCalendarPut(depot_id=self.depot_id, calendar=calendar),)

    def add_holiday(self, calendar_ids: Iterable[CalendarId], day: Holiday) -> tuple[DepotEvent, ...]:
        """Add one entry to each of these calendars. Raises `CalendarUnknown` and the errors of `HolidayCalendar.with_day`."""
        calendars = [self.calendar(each) for each in dict.fromkeys(calendar_ids)]
        return tuple(event for each in calendars for event in self.put_calendar(each.with_day(day)))

    def remove_calendar(self, calendar_id: CalendarId) -> tuple[DepotEvent, ...]:
        self.calendar(calendar_id)
        if users := sorted(each.name for each in self.schedules.values() if calendar_id in each.calendars):
            raise CalendarInSchedule(
                f"Calendar {calendar_id} is used in the schedules {', '.join(users)}; take it out of their rules first."
            )
        return (HolidayCalendarRemoved(depot_id=self.depot_id, calendar_id=calendar_id),)

    def calendar(self, calendar_id: CalendarId) -> HolidayCalendar:
        """Raises `CalendarUnknown`."""
        if calendar_id not in self.calendars:
            raise CalendarUnknown(f"Depot {self.depot_id} has no holiday calendar {calendar_id[:64]}.")
        return self.calendars[calendar_id]

    def put_schedule(self, schedule: Schedule) -> tuple[DepotEvent, ...]:
        """Create or replace a schedule; an unchanged one produces no event. Raises the errors of `Schedule.check`."""
        if self.schedules.get(schedule.schedule_id) == schedule:
            return ()
        schedule.check(self.settings.time_zone, self.calendars)
        if schedule.schedule_id not in self.schedules and len(self.schedules) >= SCHEDULES_MAX:
            raise TooManySchedules(f"This depot has {SCHEDULES_MAX} schedules already; remove one.")
        for other in self.schedules.values():
            if other.name == schedule.name and other.schedule_id != schedule.schedule_id:
                raise ScheduleNameTaken(
                    f"This depot has another schedule {schedule.name!r} ({other.schedule_id}); choose another name.",
                    pointer="/name",
                )
        return (SchedulePut(depot_id=self.depot_id, schedule=schedule),)

    def remove_schedule(self, schedule_id: ScheduleId) -> tuple[DepotEvent, ...]:
        self.schedule(schedule_id)
        return (ScheduleRemoved(depot_id=self.depot_id, schedule_id=schedule_id),)

    def schedule(self, schedule_id: ScheduleId) -> Schedule:
        """Raises `ScheduleUnknown`."""
        if schedule_id not in self.schedules:
            raise ScheduleUnknown(f"Depot {self.depot_id} has no schedule {schedule_id[:ID_LENGTH_MAX]}.")
        return self.schedules[schedule_id]

    def put_entrance(self, entrance: Entrance) -> tuple[DepotEvent, ...]:
        """Create or replace an entrance; an unchanged one produces no event. Raises `TooManyEntrances` and the errors of
        `Entrance.check`.
        """
        if self.entrances.get(entrance.entrance_id) == entrance:
            return ()
        entrance.check()
        if entrance.entrance_id not in self.entrances and len(self.entrances) >= ENTRANCES_MAX:
            raise TooManyEntrances(f"This depot has {ENTRANCES_MAX} entrances already; remove one.")
        return (EntrancePut(depot_id=self.depot_id, entrance=entrance),)

    def remove_entrance(self, entrance_id: EntranceId) -> tuple[DepotEvent, ...]:
        self.entrance(entrance_id)
        return (EntranceRemoved(depot_id=self.depot_id, entrance_id=entrance_id),)

    def entrance(self, entrance_id: EntranceId) -> Entrance:
        """Raises `EntranceUnknown`."""
        if entrance_id not in self.entrances:
            raise EntranceUnknown(f"Depot {self.depot_id} has no entrance {entrance_id[:ID_LENGTH_MAX]}.")
        return self.entrances[entrance_id]


def register(depot_id: DepotId, settings: DepotSettings) -> tuple[DepotEvent, ...]:
    checked_new_id(depot_id, "depot_id")
    check(settings)
    return (DepotRegistered(depot_id=depot_id, settings=settings),)


def check(settings: DepotSettings) -> None:
    checked_name(settings.name)
    zone(settings.time_zone)
    if settings.language not in LANGUAGES:
        raise DepotInvalid(
            f"language {settings.language[:20]!r} is not one of {', '.join(LANGUAGES)}.", pointer="/language"
        )
    if not 1 <= settings.longest_override_days <= OVERRIDE_DAYS_MAX:
        raise DepotInvalid(
            f"longest_override_days must be between 1 and {OVERRIDE_DAYS_MAX}.", pointer="/longest_override_days"
        )
    if not 1 <= settings.session_max_age_hours <= SESSION_MAX_AGE_HOURS_MAX:
        raise DepotInvalid(
            f"session_max_age_hours must be between 1 and {SESSION_MAX_AGE_HOURS_MAX}.",
            pointer="/session_max_age_hours",
        )


def evolve(depot: Depot | None, event: DepotEvent) -> Depot:
    if isinstance(event, DepotRegistered):
        return Depot(depot_id=event.depot_id, settings=event.settings, version=1, changed_at=1)
    assert depot is not None, "a depot's first event is DepotRegistered"
    version = depot.version + 1
    match event:
        case DepotAmended(settings=settings):
            return replace(depot, settings=settings, version=version, changed_at=version)
        case HolidayCalendarPut(calendar=calendar):
            return replace(
                depot,
                version=version,
                calendars={**depot.calendars, calendar.calendar_id: calendar},
                calendar_changed_at={**depot.calendar_changed_at, calendar.calendar_id: version},
            )
        case HolidayCalendarRemoved(calendar_id=gone):
            return replace(
                depot,
                version=version,
                calendars={key: each for key, each in depot.calendars.items() if key != gone},
                calendar_changed_at={key: at for key, at in depot.calendar_changed_at.items() if key != gone},
            )
        case SchedulePut(schedule=schedule):
            return replace(
                depot,
                version=version,
                schedules={**depot.schedules, schedule.schedule_id: schedule},
                schedule_changed_at={**depot.schedule_changed_at, schedule.schedule_id: version},
            )
        case ScheduleRemoved(schedule_id=removed):
            return replace(
                depot,
                version=version,
                schedules={key: each for key, each in depot.schedules.items() if key != removed},
                schedule_changed_at={key: at for key, at in depot.schedule_changed_at.items() if key != removed},
            )
        case EntrancePut() | EntranceRemoved():
            return _with_entrances(depot, event, version)


def _with_entrances(depot: Depot, event: EntrancePut | EntranceRemoved, version: int) -> Depot:
    entrances, changed_at = dict(depot.entrances), dict(depot.entrance_changed_at)
    if isinstance(event, EntrancePut):
        entrances[event.entrance.entrance_id] = event.entrance
        changed_at[event.entrance.entrance_id] = version
    else:
        del entrances[event.entrance_id], changed_at[event.entrance_id]
    return replace(depot, version=version, entrances=entrances, entrance_changed_at=changed_at)


def fold(events: Iterable[DepotEvent]) -> Depot | None:
    depot: Depot | None = None
    for event in events:
        depot = evolve(depot, event)
    return depot
