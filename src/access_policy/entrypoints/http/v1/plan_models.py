"""Response models of a charger's plan: causes, rules, exceptions, overrides and the segments of a timeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from access_policy.domain.access_mode import AccessMode, Cause, CauseKind
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.mode_schedule.rules import Edge, ModeRule
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.mode_schedule.timeline import Timeline
from access_policy.entrypoints.http.fields import LocalInstant, ResponseModel, UtcInstant, utc_text


class CauseShown(ResponseModel):
    kind: CauseKind
    id: str | None
    name: str

    @classmethod
    def of(cls, cause: Cause) -> CauseShown:
        return cls(kind=cause.kind, id=cause.id, name=cause.name)


class RuleSettings(ResponseModel):
    rule_id: str
    name: str
    mode: AccessMode
    recurrence: str
    start: str
    end: str
    end_day_offset: int | None
    time_zone: str | None
    applies_from: str | None
    applies_until: str | None
    priority: int
    except_dates: list[dt.date]
    extra_dates: list[dt.date]
    except_calendars: list[str]
    extra_calendars: list[str]

    @classmethod
    def of(cls, rule: ModeRule) -> RuleSettings:
        return cls(
            rule_id=rule.rule_id,
            name=rule.name,
            mode=rule.mode,
            recurrence=rule.recurrence,
            start=_clock_time(rule.start),
            end=_clock_time(rule.end),
            end_day_offset=rule.end_day_offset,
            time_zone=rule.time_zone,
            applies_from=_edge(rule.applies_from),
            applies_until=_edge(rule.applies_until),
            priority=rule.priority,
            except_dates=sorted(rule.except_dates),
            extra_dates=sorted(rule.extra_dates),
            except_calendars=sorted(rule.except_calendars),
            extra_calendars=sorted(rule.extra_calendars),
        )


class ScheduleFollowed(ResponseModel):
    """A schedule of the depot, as the charger has it."""

    schedule_id: str
    name: str
    rules: list[RuleSettings]

    @classmethod
    def of(cls, schedule: Schedule) -> ScheduleFollowed:
        rules = [RuleSettings.of(rule) for rule in schedule.rules]
        return cls(schedule_id=schedule.schedule_id, name=schedule.name, rules=rules)


class ExceptionSettings(ResponseModel):
    """The days `date` to `until_date`, or all days of the calendar `calendar_id`; the fields of the other kind are null."""

    exception_id: str
    date: dt.date | None
    until_date: dt.date | None
    calendar_id: str | None
    mode: AccessMode
    reason: str


class OverrideSettings(ResponseModel):
    override_id: str
    mode: AccessMode
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant
    reason: str
    made_by: str


class TimelineSegment(ResponseModel):
    """A segment `[start, end)` in UTC, and the same instants in the charger's local time."""

    start: UtcInstant
    end: UtcInstant
    start_local: LocalInstant
    end_local: LocalInstant
    mode: AccessMode
    cause: CauseShown


def rules_of(policy: ChargerAccessPolicy) -> list[RuleSettings]:
    """Return the charger's own rules."""
    return [RuleSettings.of(rule) for rule in policy.rules.values()]


def schedules_of(policy: ChargerAccessPolicy) -> list[ScheduleFollowed]:
    return [ScheduleFollowed.of(each) for each in policy.schedules.values()]


def exceptions_of(policy: ChargerAccessPolicy) -> list[ExceptionSettings]:
    dated = [
        ExceptionSettings(
            exception_id=each.exception_id,
            date=each.first,
            until_date=each.last,
            calendar_id=None,
            mode=each.mode,
            reason=each.reason,
        )
        for each in policy.exceptions.values()
    ]
    by_calendar = [
        ExceptionSettings(
            exception_id=each.exception_id,
            date=None,
            until_date=None,
            calendar_id=each.calendar_id,
            mode=each.mode,
            reason=each.reason,
        )
        for each in policy.calendar_exceptions.values()
    ]
    return dated + by_calendar


def overrides_of(policy: ChargerAccessPolicy) -> list[OverrideSettings]:
    return [
        OverrideSettings(
            override_id=each.override_id,
            mode=each.mode,
            from_=each.starts_at,
            until=each.ends_at,
            reason=each.reason,
            made_by=each.made_by,
        )
        for each in policy.overrides.values()
    ]


def segments_of(timeline: Timeline, zone: ZoneInfo) -> Iterator[TimelineSegment]:
    boundaries = [*(segment.start for segment in timeline.segments), timeline.end]
    instants = [(at, at.astimezone(zone).isoformat()) for at in boundaries]
    for segment, ((start, start_local), (end, end_local)) in zip(timeline.segments, pairwise(instants), strict=True):
        yield TimelineSegment(
            start=start,
            end=end,
            start_local=start_local,
            end_local=end_local,
            mode=segment.mode,
            cause=CauseShown.of(segment.cause),
        )


def cause_at_the_time(
    cause: Cause, policy: ChargerAccessPolicy | None
) -> RuleSettings | ExceptionSettings | OverrideSettings | None:
    """Return the rule, exception or override that was the cause, as `policy` has it; None for the baseline, or without
    a policy."""
    if policy is None:
        return None
    match cause.kind:
        case CauseKind.RULE:
            by_schedules = (rule for each in schedules_of(policy) for rule in each.rules)
            return next((each for each in (*rules_of(policy), *by_schedules) if each.rule_id == cause.id), None)
        case CauseKind.EXCEPTION:
            return next((each for each in exceptions_of(policy) if each.exception_id == cause.id), None)
        case CauseKind.OVERRIDE:
            return next((each for each in overrides_of(policy) if each.override_id == cause.id), None)
        case _:
            return None


def _clock_time(at: dt.time) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _edge(edge: Edge | None) -> str | None:
    """Return a date, or an instant in UTC with `Z`."""
    if edge is None:
        return None
    if edge.on is not None:
        return edge.on.isoformat()
    assert edge.at is not None
    return utc_text(edge.at)
