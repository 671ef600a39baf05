"""The public forms of the stored events of chargers, their modes, faults and digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, Final

from access_policy.application.published_events import chargers, modes
from access_policy.application.published_events.plain_parts import alike, cause_of
from access_policy.domain.charger_access_policy import events as policy
from access_policy.domain.charger_condition import events as condition
from access_policy.domain.mode_schedule.rules import Edge, ModeRule
from access_policy.domain.notices import digests, notices


def _settings(settings: policy.ChargerSettings) -> chargers.ChargerSettings:
    return chargers.ChargerSettings(
        charge_point_id=settings.charge_point_id,
        depot_id=settings.depot_id,
        time_zone=settings.time_zone,
        profile=settings.profile,
        baseline_mode=settings.baseline_mode,
        connectors=settings.connectors,
        on_window_start=settings.on_window_start,
        on_store_outage=settings.on_store_outage,
        offline_starts=settings.offline_starts,
        reservation_only=settings.reservation_only,
    )


def _rule(rule: ModeRule) -> modes.ModeRule:
    return modes.ModeRule(
        rule_id=rule.rule_id,
        name=rule.name,
        mode=rule.mode,
        recurrence=rule.recurrence,
        start=rule.start,
        end=rule.end,
        end_day_offset=rule.end_day_offset,
        time_zone=rule.time_zone,
        applies_from=_edge(rule.applies_from),
        applies_until=_edge(rule.applies_until),
        priority=rule.priority,
        except_dates=tuple(sorted(rule.except_dates)),
        extra_dates=tuple(sorted(rule.extra_dates)),
        except_calendars=tuple(sorted(rule.except_calendars)),
        extra_calendars=tuple(sorted(rule.extra_calendars)),
    )


def _edge(edge: Edge | None) -> str | None:
    if edge is None or edge.at is None:
        return None if edge is None or edge.on is None else edge.on.isoformat()
    return edge.at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _exception(event: policy.ModeExceptionAdded) -> modes.ModeExceptionAdded:
    return modes.ModeExceptionAdded(
        charger_id=event.charger_id,
        exception_id=event.exception_id,
        date=event.first,
        until_date=event.last,
        calendar_id=None,
        mode=event.mode,
        reason=event.reason,
    )


def _calendar_exception(event: policy.ModeCalendarExceptionAdded) -> modes.ModeExceptionAdded:
    return modes.ModeExceptionAdded(
        charger_id=event.charger_id,
        exception_id=event.exception_id,
        date=None,
        until_date=None,
        calendar_id=event.calendar_id,
        mode=event.mode,
        reason=event.reason,
    )


def _applied(event: policy.ModeApplied) -> modes.ModeApplied:
    return modes.ModeApplied(
        charger_id=event.charger_id,
        mode=event.mode,
        cause=cause_of(event.cause),
        due_at=event.due_at,
        applied_at=event.applied_at,
        late_s=event.late_s,
        evidence=event.evidence,
    )


def _digest(event: digests.DepotDigestMade) -> chargers.DepotDigestMade:
    names = (
        *("depot_id", "since", "until", "attempts", "allowed", "denied", "sessions", "energy_wh", "transitions"),
        *("on_time", "late", "missed", "pending", "unreachable", "problem_count", "made_at"),
    )
    problem = ("charger_id", "late", "missed", "pending", "lateness_max_s")
    return chargers.DepotDigestMade(
        **{name: getattr(event, name) for name in names},
        denials=tuple(chargers.DenialCount(reason=each.reason, denials=each.denials) for each in event.denials),
        problems=tuple(
            chargers.ChargerProblem(**{name: getattr(each, name) for name in problem}) for each in event.problems
        ),
    )


PUBLISHED: Final[Mapping[type, Callable[[Any], Any]]] = {
    policy.ChargerRegistered: lambda event: chargers.ChargerRegistered(
        charger_id=event.charger_id, settings=_settings(event.settings), enforcement=event.enforcement
    ),
    policy.ChargerAmended: lambda event: chargers.ChargerAmended(
        charger_id=event.charger_id, settings=_settings(event.settings)
    ),
    policy.ChargerRetired: alike(chargers.ChargerRetired, "charger_id", "retired_at"),
    policy.EnforcementChanged: alike(chargers.EnforcementChanged, "charger_id", "enforcement"),
    policy.ModeScheduled: lambda event: modes.ModeScheduled(charger_id=event.charger_id, rule=_rule(event.rule)),
    policy.ModeScheduleAmended: lambda event: modes.ModeScheduleAmended(
        charger_id=event.charger_id, rule=_rule(event.rule)
    ),
    policy.ModeScheduleWithdrawn: alike(modes.ModeScheduleWithdrawn, "charger_id", "rule_id"),
    policy.ModeExceptionAdded: _exception,
    policy.ModeCalendarExceptionAdded: _calendar_exception,
    policy.ModeExceptionRemoved: alike(modes.ModeExceptionRemoved, "charger_id", "exception_id"),
    policy.ScheduleTaken: lambda event: modes.ScheduleTaken(
        charger_id=event.charger_id,
        schedule_id=event.schedule.schedule_id,
        name=event.schedule.name,
        rules=tuple(_rule(rule) for rule in event.schedule.rules),
    ),
    policy.ScheduleLeft: alike(modes.ScheduleLeft, "charger_id", "schedule_id"),
    policy.ModeOverridden: alike(
        modes.ModeOverridden, "charger_id", "override_id", "mode", "starts_at", "ends_at", "reason"
    ),
    policy.ModeOverrideLifted: alike(modes.ModeOverrideLifted, "charger_id", "override_id", "lifted_at"),
    policy.ModeApplied: _applied,
    policy.ModeApplicationFailed: alike(
        modes.ModeApplicationFailed, "charger_id", "mode", "reason", "detail", "failed_at"
    ),
    policy.ModeDriftDetected: alike(
        modes.ModeDriftDetected, "charger_id", "expected", "found", "evidence", "detected_at"
    ),
    condition.ConnectorFaulted: alike(
        chargers.ConnectorFaulted,
        *("charger_id", "connector_id", "error_code", "vendor_error_code", "faulted_at", "caused_by"),
    ),
    condition.ConnectorRecovered: alike(chargers.ConnectorRecovered, "charger_id", "connector_id", "recovered_at"),
    notices.ChargerUnreachableAtTransition: lambda event: chargers.ChargerUnreachableAtTransition(
        charger_id=event.charger_id,
        depot_id=event.depot_id,
        mode=event.mode,
        cause=cause_of(event.cause),
        due_at=event.due_at,
        noted_at=event.noted_at,
    ),
    digests.DepotDigestMade: _digest,
}
