"""ChargerAccessPolicy: decides changes to a charger's access and folds their events.

The policy is a value: every decision only returns events; `evolve` folds one event and makes no decisions. The caller
passes `now` and new ids, so that replay is exact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.charger_access_policy import errors
from access_policy.domain.charger_access_policy.application import ApplicationEvent, ModeApplication
from access_policy.domain.charger_access_policy.events import (
    ChargerAmended,
    ChargerRegistered,
    ChargerRetired,
    ChargerSettings,
    EnforcementChanged,
    HolidayCalendarDropped,
    HolidayCalendarTaken,
    ModeApplicationFailed,
    ModeApplied,
    ModeCalendarExceptionAdded,
    ModeChangeRequested,
    ModeDriftDetected,
    ModeExceptionAdded,
    ModeExceptionRemoved,
    ModeOverridden,
    ModeOverrideLifted,
    ModeScheduleAmended,
    ModeScheduled,
    ModeScheduleWithdrawn,
    PolicyEvent,
    ScheduleLeft,
    ScheduleTaken,
)
from access_policy.domain.ids import (
    ID_LENGTH_MAX,
    ActorId,
    CalendarId,
    ChargerId,
    ExceptionId,
    OverrideId,
    RuleId,
    ScheduleId,
    checked_name,
    checked_new_id,
    is_charge_point_id,
)
from access_policy.domain.instants import checked_year, utc, zone
from access_policy.domain.mode_schedule.calendars import HolidayCalendar, shared
from access_policy.domain.mode_schedule.rules import ModeRule, RuleNeverOccurs
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.mode_schedule.schedules import shared as shared_schedule
from access_policy.domain.mode_schedule.timeline import (
    CalendarException,
    ModeException,
    ModePlan,
    NarrowedWindow,
    Override,
    ReservedWindow,
    next_transition,
)
from access_policy.domain.plurals import counted

CONNECTORS_MAX = 100
RESERVED_IDS = frozenset({"export", "imports"})  # GET /v1/chargers/export, /v1/chargers/imports/PLAN
RULES_MAX = 200
REASON_LENGTH_MAX = 500
_NO_CALENDARS: Mapping[CalendarId, HolidayCalendar] = {}
LONGEST_OVERRIDE = timedelta(days=7)  # unless the depot says otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerAccessPolicy:
    charger_id: ChargerId
    settings: ChargerSettings
    enforcement: Enforcement
    rules: Mapping[RuleId, ModeRule] = field(default_factory=dict)
    exceptions: Mapping[ExceptionId, ModeException] = field(default_factory=dict)
    overrides: Mapping[OverrideId, Override] = field(default_factory=dict)
    never_begun: frozenset[OverrideId] = frozenset()  # overrides lifted before their time
    calendar_exceptions: Mapping[ExceptionId, CalendarException] = field(default_factory=dict)
    calendars: Mapping[CalendarId, HolidayCalendar] = field(default_factory=dict)  # copied from the depot
    schedules: Mapping[ScheduleId, Schedule] = field(default_factory=dict)  # copies of the schedules that it follows
    application: ModeApplication = field(default_factory=ModeApplication)
    retired_at: datetime | None = None
    reserved: tuple[ReservedWindow, ...] = ()  # by reservations of the depot's book (ADR 0048), not by its own events
    narrowed: tuple[NarrowedWindow, ...] = ()  # by the energy of the depot's site (ADR 0055), not by its own events
    version: int = 0  # the number of events folded, which is the stream's version
    changed_at: int = 0  # the version at the last change made by a command; switching the charger does not count

    @property
    def plan(self) -> ModePlan:
        return ModePlan(
            time_zone=self.settings.time_zone,
            baseline=self.settings.baseline_mode,
            rules=self.rules,
            exceptions=self.exceptions,
            overrides=self.overrides,
            calendar_exceptions=self.calendar_exceptions,
            calendars=self.calendars,
            schedules=self.schedules,
            reservations=self.reserved,
            narrowed=self.narrowed,
        )

    @property
    def plan_without_energy(self) -> ModePlan:
        """Return the plan without narrowings by energy."""
        return replace(self.plan, narrowed=()) if self.narrowed else self.plan

    def narrowed_between(self, start: datetime, end: datetime) -> tuple[NarrowedWindow, ...]:
        """Return the narrowed windows that overlap `[start, end)`."""
        return tuple(each for each in self.narrowed if each.starts_at < end and each.ends_at > start)

    def plan_known_at(self, at: datetime) -> ModePlan:
        """Return the plan without the remainder of reservations that were lost by `at`, whether or not the loss is
        recorded yet.
        """
        if not self.reserved:
            return self.plan
        return replace(self.plan, reservations=[each.as_known_at(at) for each in self.reserved])

    @property
    def rule_count(self) -> int:
        """Return the number of its own rules plus those of the schedules that it follows."""
        return len(self.rules) + sum(len(schedule.rules) for schedule in self.schedules.values())

    def has_entry(self, id_: str) -> bool:
        """Whether a rule, an exception or an override has this id, including an override that was lifted before it began."""
        entries: tuple[Collection[str], ...] = (
            self.rules,
            self.exceptions,
            self.calendar_exceptions,
            self.overrides,
            self.never_begun,
        )
        return any(id_ in each for each in entries)

    # --- the charger itself ---------------------------------------------------------------------------------------

    def put(
        self,
        settings: ChargerSettings,
        enforcement: Enforcement,
        calendars: Mapping[CalendarId, HolidayCalendar] = _NO_CALENDARS,
    ) -> tuple[PolicyEvent, ...]:
        """Set everything that an operator sets on a charger; `calendars` are those of its depot. Unchanged settings
        produce no event. Raises `CalendarInUse` for a move to a depot that lacks a calendar the charger uses, and
        `ScheduleElsewhere` for a move of a charger that follows a schedule.
        """
        self._must_be_in_service()
        check_settings(settings)
        if settings.depot_id != self.settings.depot_id:
            self._must_follow_no_schedule()
            self._must_find_its_calendars(calendars)
        changes: list[PolicyEvent] = []
        if settings != self.settings:
            changes.append(ChargerAmended(charger_id=self.charger_id, settings=settings))
        if enforcement is not self.enforcement:
            changes.append(EnforcementChanged(charger_id=self.charger_id, enforcement=enforcement))
        return (*changes, *self.follow_calendars(calendars))

    def _must_follow_no_schedule(self) -> None:
        if self.schedules:
            names = ", ".join(sorted(each.name for each in self.schedules.values()))
            raise errors.ScheduleElsewhere(
                f"This charger follows {names} of depot {self.settings.depot_id}; take it out of these schedules first.",
                pointer="/depot_id",
            )

    def _must_find_its_calendars(self, calendars: Mapping[CalendarId, HolidayCalendar]) -> None:
        if missing := sorted(self.plan.calendars_in_use - calendars.keys()):
            raise errors.CalendarInUse(
                f"This charger uses {', '.join(missing)}, which the other depot does not have; put such a calendar there "
                "first, or take it out of the charger's rules and exceptions.",
                pointer="/depot_id",
            )

    def move_to_time_zone(self, time_zone: str) -> tuple[PolicyEvent, ...]:
        """Adopt the corrected time zone of the depot; it also applies to exceptions and to rules without their own zone."""
        if self.retired_at is not None or self.settings.time_zone == time_zone:
            return ()
        zone(time_zone)
        return (ChargerAmended(charger_id=self.charger_id, settings=replace(self.settings, time_zone=time_zone)),)

    def follow_calendars(self, of_depot: Mapping[CalendarId, HolidayCalendar]) -> tuple[PolicyEvent, ...]:
        """Adopt the depot's calendars; an unchanged calendar produces no event. A calendar that the depot removed stays
        while this charger uses it, so that the charger's plan does not change.
        """
        if self.retired_at is not None:
            return ()
        gone = [each for each in self.calendars if each not in of_depot and each not in self.plan.calendars_in_use]
        return (
            *(HolidayCalendarDropped(charger_id=self.charger_id, calendar_id=each) for each in gone),
            *(
                HolidayCalendarTaken(charger_id=self.charger_id, calendar=calendar)
                for calendar_id, calendar in of_depot.items()
                if self.calendars.get(calendar_id) != calendar
            ),
        )

    def sharing_calendars(self) -> ChargerAccessPolicy:
        """Return the same policy, sharing calendar and schedule objects with other policies that have equal ones."""
        return replace(
            self,
            calendars={key: shared(each) for key, each in self.calendars.items()},
            schedules={key: shared_schedule(each) for key, each in self.schedules.items()},
        )

    def retire(self, *, now: datetime) -> tuple[PolicyEvent, ...]:
        """Take the charger out of service for good; retiring it again produces no event."""
        if self.retired_at is not None:
            return ()
        return (ChargerRetired(charger_id=self.charger_id, retired_at=now),)

    # --- rules ----------------------------------------------------------------------------------------------------

    def schedule(self, rule: ModeRule, *, now: datetime) -> tuple[PolicyEvent, ...]:
        """Add a rule; the same rule again produces no event. Raises `IdTaken` for another rule with the same id, and
        `RuleNeverOccurs` for a rule that is entirely in the past (amending a rule into the past ends it and is
        allowed).
        """
        self._must_be_in_service()
        if rule.rule_id in self.rules:
            return self._repeated(self.rules[rule.rule_id] == rule, rule.rule_id)
        if self.rule_count >= RULES_MAX:
            raise errors.TooManyRules(f"This charger has {RULES_MAX} mode rules already; withdraw or merge some.")
        self.check_rule(rule)
        if not self.occurs_after(rule, now):
            raise RuleNeverOccurs(
                f"The rule is entirely in the past: it has no window after {now:%Y-%m-%d %H:%M} UTC. "
                "Correct its period, its recurrence or its dates.",
                pointer="/applies_until" if rule.applies_until is not None else "/recurrence",
            )
        return (ModeScheduled(charger_id=self.charger_id, rule=rule),)

    def amend_rule(self, rule: ModeRule) -> tuple[PolicyEvent, ...]:
        """Replace the rule with the same id; an unchanged rule produces no event."""
        self._must_be_in_service()
        current = self.rule(rule.rule_id)
        self.check_rule(rule)
        if rule == current:
            return ()
        return (ModeScheduleAmended(charger_id=self.charger_id, rule=rule),)

    def withdraw_rule(self, rule_id: RuleId) -> tuple[PolicyEvent, ...]:
        self._must_be_in_service()
        self.rule(rule_id)
        return (ModeScheduleWithdrawn(charger_id=self.charger_id, rule_id=rule_id),)

    def rule(self, rule_id: RuleId) -> ModeRule:
        """Return the charger's own rule. Raises `RuleUnknown` or `RuleOfSchedule`."""
        if rule_id not in self.rules:
            for schedule in self.schedules.values():
                if any(each.rule_id == rule_id for each in schedule.rules):
                    raise errors.RuleOfSchedule(
                        f"The rule {rule_id} belongs to the schedule {schedule.name} ({schedule.schedule_id}), which "
                        "this charger follows; amend the schedule, or let the charger leave it."
                    )
            raise errors.RuleUnknown(f"This charger has no mode rule {rule_id}; its timeline names those it has.")
        return self.rules[rule_id]

    def check_rule(self, rule: ModeRule) -> None:
        """Raise the error that makes the rule impossible at this charger."""
        self._check_calendars(rule.except_calendars, "/except_calendars")
        self._check_calendars(rule.extra_calendars, "/extra_calendars")
        checked_name(rule.name)
        rule.check(self._zone_of(rule), self._holidays_of(rule))

    def occurs_after(self, rule: ModeRule, now: datetime) -> bool:
        """Whether the rule has a window at `now` or later. It may name only calendars of this charger."""
        return rule.occurs_after(now, self._zone_of(rule), self._holidays_of(rule))

    def _zone_of(self, rule: ModeRule) -> ZoneInfo:
        return zone(rule.time_zone or self.settings.time_zone)

    def _holidays_of(self, rule: ModeRule) -> Mapping[CalendarId, Mapping[date, str]]:
        return {each: self.calendars[each].reasons() for each in rule.calendars}

    def _check_calendars(self, named: Iterable[CalendarId], pointer: str) -> None:
        for calendar_id in sorted(named):
            if calendar_id not in self.calendars:
                raise errors.CalendarUnknown(
                    f"The depot {self.settings.depot_id} has no holiday calendar {calendar_id[:64]}; create it first.",
                    pointer=pointer,
                )

    # --- exceptions -----------------------------------------------------------------------------------------------

    def add_exception(
        self, exception_id: ExceptionId, *, first: date, last: date, mode: AccessMode, reason: str, now: datetime
    ) -> tuple[PolicyEvent, ...]:
        """Add an exception for the whole local days `first` to `last`, both inclusive. The same exception again produces
        no event.
        """
        self._must_be_in_service()
        if (known := self.exceptions.get(exception_id)) is not None:
            same = (known.first, known.last, known.mode, known.reason) == (first, last, mode, reason)
            return self._repeated(same, exception_id)
        checked_name(reason, "reason", length_max=REASON_LENGTH_MAX)
        checked_year(first.year, "date")
        checked_year(last.year, "until_date")
        if last < first:
            raise errors.ExceptionInvalid(
                f"The exception would end on {last}, before it starts on {first}.", pointer="/until_date"
            )
        if last < now.astimezone(ZoneInfo(self.settings.time_zone)).date():
            raise errors.ExceptionInvalid(f"{last} is over at the charger; give a date from today on.", pointer="/date")
        return (
            ModeExceptionAdded(
                charger_id=self.charger_id, exception_id=exception_id, first=first, last=last, mode=mode, reason=reason
            ),
        )

    def add_calendar_exception(
        self, exception_id: ExceptionId, *, calendar_id: CalendarId, mode: AccessMode, reason: str
    ) -> tuple[PolicyEvent, ...]:
        """Add an exception for all days of the calendar, including days added later. The same exception again produces no
        event.
        """
        self._must_be_in_service()
        if (known := self.calendar_exceptions.get(exception_id)) is not None:
            return self._repeated(
                (known.calendar_id, known.mode, known.reason) == (calendar_id, mode, reason), exception_id
            )
        checked_name(reason, "reason", length_max=REASON_LENGTH_MAX)
        self._check_calendars([calendar_id], "/calendar_id")
        return (
            ModeCalendarExceptionAdded(
                charger_id=self.charger_id, exception_id=exception_id, calendar_id=calendar_id, mode=mode, reason=reason
            ),
        )

    def remove_exception(self, exception_id: ExceptionId) -> tuple[PolicyEvent, ...]:
        self._must_be_in_service()
        if exception_id not in self.exceptions and exception_id not in self.calendar_exceptions:
            raise errors.ExceptionUnknown(f"This charger has no exception {exception_id}.")
        return (ModeExceptionRemoved(charger_id=self.charger_id, exception_id=exception_id),)

    # --- overrides ------------------------------------------------------------------------------------------------

    def override(
        self,
        override_id: OverrideId,
        *,
        mode: AccessMode,
        starts_at: datetime | None,
        ends_at: datetime | None,
        reason: str,
        made_by: ActorId,
        now: datetime,
        longest: timedelta = LONGEST_OVERRIDE,
    ) -> tuple[PolicyEvent, ...]:
        """Put the charger into `mode` for `[starts_at, ends_at)`.

        `starts_at` None means now; `ends_at` None means the next instant at which the timeline without energy changes the
        mode. The same override again produces no event.
        """
        self._must_be_in_service()
        if (known := self.overrides.get(override_id)) is not None:
            same = (known.mode, known.reason, known.made_by) == (mode, reason, made_by)
            same = same and starts_at in (None, known.starts_at) and ends_at in (None, known.ends_at)
            return self._repeated(same, override_id)
        checked_name(reason, "reason", length_max=REASON_LENGTH_MAX)
        begins = now if starts_at is None else utc(starts_at, "from")
        ends = self._next_transition_after(begins) if ends_at is None else utc(ends_at, "until")
        if begins < now:
            raise errors.OverrideInThePast(
                "The override would start in the past; leave out 'from' to start it now.", pointer="/from"
            )
        if ends <= begins:
            raise errors.OverrideInvalid(
                "The override would end before it starts; give a later 'until' or a longer 'for'.", pointer="/until"
            )
        if ends - begins > longest:
            raise errors.OverrideTooLong(
                f"The override would last longer than the {counted(longest.days, 'day')} that this depot allows; "
                "give an earlier end, or schedule a mode rule.",
                pointer="/until",
            )
        return (
            ModeOverridden(
                charger_id=self.charger_id,
                override_id=override_id,
                mode=mode,
                starts_at=begins,
                ends_at=ends,
                reason=reason,
                made_by=made_by,
            ),
        )

    def lift_override(self, override_id: OverrideId, *, now: datetime) -> tuple[PolicyEvent, ...]:
        """End an override now. Lifting an override that is over or already lifted produces no event."""
        self._must_be_in_service()
        match self.overrides.get(override_id):
            case None if override_id in self.never_begun:
                return ()
            case None:
                raise errors.OverrideUnknown(f"This charger has no override {override_id}.")
            case Override(ends_at=ends) if ends <= now:
                return ()
            case _:
                return (ModeOverrideLifted(charger_id=self.charger_id, override_id=override_id, lifted_at=now),)

    def _next_transition_after(self, begins: datetime) -> datetime:
        transition = next_transition(self.plan_without_energy, begins)
        if transition is None:
            raise errors.NoNextTransition(
                "No change of mode is planned here, so 'until_next_transition' has no end; give 'until' or 'for'.",
                pointer="/until_next_transition",
            )
        return transition.start

    def _repeated(self, same: bool, id_: str) -> tuple[PolicyEvent, ...]:
        if not same:
            raise errors.IdTaken(f"This charger has another entry {id_} already; make a new one under a new id.")
        return ()

    def must_be_in_service(self) -> None:
        """Raise `ChargerRetired` if the charger is retired."""
        self._must_be_in_service()

    def _must_be_in_service(self) -> None:
        if self.retired_at is not None:
            raise errors.ChargerRetired(f"Charger {self.charger_id} was retired and cannot be changed any more.")


def register(
    charger_id: ChargerId,
    settings: ChargerSettings,
    enforcement: Enforcement,
    calendars: Mapping[CalendarId, HolidayCalendar] = _NO_CALENDARS,
) -> tuple[PolicyEvent, ...]:
    """Register a charger; `calendars` are its depot's calendars. Raises `InvalidId` or `SettingsInvalid`."""
    checked_new_id(charger_id, "charger_id", reserved=RESERVED_IDS)
    check_settings(settings)
    return (
        ChargerRegistered(charger_id=charger_id, settings=settings, enforcement=enforcement),
        *(HolidayCalendarTaken(charger_id=charger_id, calendar=each) for each in calendars.values()),
    )


def check_settings(settings: ChargerSettings) -> None:
    if not is_charge_point_id(settings.charge_point_id):
        raise errors.SettingsInvalid(
            f"charge_point_id must have 1 to {ID_LENGTH_MAX} printable characters, without spaces around them.",
            pointer="/charge_point_id",
        )
    zone(settings.time_zone)
    if not 1 <= settings.connectors <= CONNECTORS_MAX:
        raise errors.SettingsInvalid(f"connectors must be between 1 and {CONNECTORS_MAX}.", pointer="/connectors")


def evolve(policy: ChargerAccessPolicy | None, event: PolicyEvent) -> ChargerAccessPolicy:
    """Return the policy after `event`. The first event is always `ChargerRegistered`."""
    if isinstance(event, ChargerRegistered):
        return ChargerAccessPolicy(
            charger_id=event.charger_id, settings=event.settings, enforcement=event.enforcement, version=1, changed_at=1
        )
    assert policy is not None, "a policy's first event is ChargerRegistered"
    version = policy.version + 1
    changed_at = policy.changed_at if isinstance(event, ApplicationEvent) else version
    return replace(_after(policy, event), version=version, changed_at=changed_at)


def fold(events: Iterable[PolicyEvent], policy: ChargerAccessPolicy | None = None) -> ChargerAccessPolicy | None:
    """Return the policy after `events`, which follow the events already folded into `policy`."""
    for event in events:
        policy = evolve(policy, event)
    return policy


def _after(policy: ChargerAccessPolicy, event: PolicyEvent) -> ChargerAccessPolicy:
    match event:
        case ChargerAmended(settings=settings):
            return replace(policy, settings=settings)
        case EnforcementChanged(enforcement=enforcement):
            return replace(policy, enforcement=enforcement)
        case ChargerRetired(retired_at=retired_at):
            return replace(policy, retired_at=retired_at)
        case ModeScheduled(rule=rule) | ModeScheduleAmended(rule=rule):
            return replace(policy, rules={**policy.rules, rule.rule_id: rule})
        case ModeScheduleWithdrawn(rule_id=rule_id):
            return replace(policy, rules={k: v for k, v in policy.rules.items() if k != rule_id})
        case ModeExceptionAdded():
            added = ModeException(
                exception_id=event.exception_id,
                first=event.first,
                last=event.last,
                mode=event.mode,
                reason=event.reason,
                made=policy.version,
            )
            return replace(policy, exceptions={**policy.exceptions, added.exception_id: added})
        case ModeCalendarExceptionAdded(exception_id=exception_id):
            by_calendar = CalendarException(
                exception_id=exception_id,
                calendar_id=event.calendar_id,
                mode=event.mode,
                reason=event.reason,
                made=policy.version,
            )
            return replace(policy, calendar_exceptions={**policy.calendar_exceptions, exception_id: by_calendar})
        case ModeExceptionRemoved(exception_id=exception_id):
            return replace(
                policy,
                exceptions={k: v for k, v in policy.exceptions.items() if k != exception_id},
                calendar_exceptions={k: v for k, v in policy.calendar_exceptions.items() if k != exception_id},
            )
        case HolidayCalendarTaken(calendar=calendar):
            return replace(policy, calendars={**policy.calendars, calendar.calendar_id: shared(calendar)})
        case HolidayCalendarDropped(calendar_id=calendar_id):
            return replace(policy, calendars={k: v for k, v in policy.calendars.items() if k != calendar_id})
        case ScheduleTaken(schedule=schedule):
            return replace(policy, schedules={**policy.schedules, schedule.schedule_id: shared_schedule(schedule)})
        case ScheduleLeft(schedule_id=schedule_id):
            return replace(policy, schedules={k: v for k, v in policy.schedules.items() if k != schedule_id})
        case ModeOverridden():
            made = Override(
                override_id=event.override_id,
                mode=event.mode,
                starts_at=event.starts_at,
                ends_at=event.ends_at,
                reason=event.reason,
                made_by=event.made_by,
                made=policy.version,
            )
            return replace(policy, overrides={**policy.overrides, made.override_id: made})
        case ModeOverrideLifted():
            overrides = _lifted(policy.overrides, event)
            unbegun = policy.never_begun if event.override_id in overrides else policy.never_begun | {event.override_id}
            return replace(policy, overrides=overrides, never_begun=unbegun)
        case ModeChangeRequested() | ModeApplied() | ModeApplicationFailed() | ModeDriftDetected():
            return replace(policy, application=policy.application.after(event))
        case _:  # pragma: no cover (ChargerRegistered is handled by evolve)
            raise AssertionError(event)


def _lifted(overrides: Mapping[OverrideId, Override], event: ModeOverrideLifted) -> dict[OverrideId, Override]:
    """Keep the elapsed part of a lifted override; one that had not started leaves no trace in the timeline."""
    kept = dict(overrides)
    override = kept.pop(event.override_id)
    if override.starts_at < event.lifted_at:
        kept[event.override_id] = replace(override, ends_at=event.lifted_at)
    return kept
