"""Rules, exceptions and overrides as answers show them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.domain.access_mode import Cause, CauseKind
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.mode_schedule.rules import Edge, ModeRule
from access_policy.domain.mode_schedule.timeline import Timeline
from access_policy.entrypoints.http.answers import instant


def rule_shown(rule: ModeRule) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "name": rule.name,
        "mode": rule.mode,
        "recurrence": rule.recurrence,
        "start": f"{rule.start:%H:%M:%S}" if rule.start.second else f"{rule.start:%H:%M}",
        "end": f"{rule.end:%H:%M:%S}" if rule.end.second else f"{rule.end:%H:%M}",
        "end_day_offset": rule.end_day_offset,
        "time_zone": rule.time_zone,
        "applies_from": _edge(rule.applies_from),
        "applies_until": _edge(rule.applies_until),
        "priority": rule.priority,
        "except_dates": sorted(each.isoformat() for each in rule.except_dates),
        "extra_dates": sorted(each.isoformat() for each in rule.extra_dates),
        "except_calendars": sorted(rule.except_calendars),
        "extra_calendars": sorted(rule.extra_calendars),
    }


def rules_of(policy: ChargerAccessPolicy) -> list[dict[str, Any]]:
    return [rule_shown(rule) for rule in policy.rules.values()]


def exceptions_of(policy: ChargerAccessPolicy) -> list[dict[str, Any]]:
    """`date` and `until_date` are null for an exception on all days of a calendar, `calendar_id` for all others."""
    dated = [
        {
            "exception_id": each.exception_id,
            "date": each.first.isoformat(),
            "until_date": each.last.isoformat(),
            "calendar_id": None,
            "mode": each.mode,
            "reason": each.reason,
        }
        for each in policy.exceptions.values()
    ]
    by_calendar = [
        {
            "exception_id": each.exception_id,
            "date": None,
            "until_date": None,
            "calendar_id": each.calendar_id,
            "mode": each.mode,
            "reason": each.reason,
        }
        for each in policy.calendar_exceptions.values()
    ]
    return dated + by_calendar


def overrides_of(policy: ChargerAccessPolicy) -> list[dict[str, Any]]:
    return [
        {
            "override_id": each.override_id,
            "mode": each.mode,
            "from": instant(each.starts_at),
            "until": instant(each.ends_at),
            "reason": each.reason,
            "made_by": each.made_by,
        }
        for each in policy.overrides.values()
    ]


def segments_shown(made: Timeline, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Instants in UTC and beside them as a clock at the charger shows them."""
    boundaries = [*(segment.start for segment in made.segments), made.end]
    shown = [(instant(at), at.astimezone(zone).isoformat()) for at in boundaries]
    return [
        {
            "start": start,
            "end": end,
            "start_local": start_local,
            "end_local": end_local,
            "mode": segment.mode,
            "cause": segment.cause,
        }
        for segment, ((start, start_local), (end, end_local)) in zip(made.segments, pairwise(shown), strict=True)
    ]


def cause(of: Cause) -> dict[str, str | None]:
    return {"kind": of.kind, "id": of.id, "name": of.name}


def cause_as_it_was(cause: Cause, policy: ChargerAccessPolicy | None) -> dict[str, Any] | None:
    """The rule, exception or override that was the cause, as `policy` has it; None for the baseline, or a policy gone."""
    if policy is None or cause.kind is CauseKind.BASELINE:
        return None
    shown, key = {
        CauseKind.RULE: (rules_of, "rule_id"),
        CauseKind.EXCEPTION: (exceptions_of, "exception_id"),
        CauseKind.OVERRIDE: (overrides_of, "override_id"),
    }[cause.kind]
    return next((each for each in shown(policy) if each[key] == cause.id), None)


def _edge(edge: Edge | None) -> str | None:
    if edge is None:
        return None
    return instant(edge.at) if edge.on is None else edge.on.isoformat()
