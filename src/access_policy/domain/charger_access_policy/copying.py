"""Copying one charger's policy to another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from access_policy.domain.charger_access_policy.errors import ScheduleElsewhere
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.following import leave_schedule, take_schedule
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, evolve
from access_policy.domain.ids import ExceptionId
from access_policy.domain.mode_schedule.timeline import CalendarException, ModeException

AnyException = ModeException | CalendarException


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a policy to copy. Overrides are never copied: an override records one person's decision for one charger
    and period, and is easy to repeat where needed.
    """

    rules: bool = True
    exceptions: bool = True
    baseline_mode: bool = True
    enforcement: bool = False


def copy_policy(
    source: ChargerAccessPolicy, target: ChargerAccessPolicy, parts: Parts, *, replaces: bool, now: datetime
) -> tuple[PolicyEvent, ...]:
    """Return the events that make `target` equal to `source` in `parts`. Copies keep their ids: copying again produces no
    event, and copying after an amendment of the source amends the copy. With `replaces`, everything else at the target is
    removed. Entries that are already over are ignored on both sides. Raises the error that makes a part impossible at the
    target, or `ChargerRetired`.
    """
    target.must_be_in_service()
    draft = _Draft(target)
    settings = target.settings
    if parts.baseline_mode:
        settings = replace(settings, baseline_mode=source.settings.baseline_mode)
    enforcement = source.enforcement if parts.enforcement else target.enforcement
    draft.add(target.put(settings, enforcement, target.calendars))
    if parts.rules:
        _copy_schedules(source, draft, replaces=replaces)
        _copy_rules(source, draft, replaces=replaces, now=now)
    if parts.exceptions:
        _copy_exceptions(source, draft, replaces=replaces, now=now)
    return tuple(draft.events)


class _Draft:
    """The target while the copy is being built."""

    def __init__(self, policy: ChargerAccessPolicy) -> None:
        self.policy = policy
        self.events: list[PolicyEvent] = []

    def add(self, events: Iterable[PolicyEvent]) -> None:
        for event in events:
            self.policy = evolve(self.policy, event)
            self.events.append(event)


def _copy_schedules(source: ChargerAccessPolicy, draft: _Draft, *, replaces: bool) -> None:
    """Make the target follow the schedules that the source follows; both must belong to the same depot."""
    if source.schedules and source.settings.depot_id != draft.policy.settings.depot_id:
        names = ", ".join(sorted(each.name for each in source.schedules.values()))
        raise ScheduleElsewhere(
            f"The rules cannot be copied to another depot: the source follows {names} of depot "
            f"{source.settings.depot_id}. Create such schedules there, or copy without the rules."
        )
    if replaces:
        for schedule_id in [each for each in draft.policy.schedules if each not in source.schedules]:
            draft.add(leave_schedule(draft.policy, schedule_id))
    for schedule_id, schedule in source.schedules.items():
        if schedule_id not in draft.policy.schedules:
            draft.add(take_schedule(draft.policy, schedule))


def _copy_rules(source: ChargerAccessPolicy, draft: _Draft, *, replaces: bool, now: datetime) -> None:
    wanted = [rule for rule in source.rules.values() if source.occurs_after(rule, now)]
    if replaces:
        kept = {rule.rule_id for rule in wanted}
        for rule in tuple(draft.policy.rules.values()):
            if rule.rule_id not in kept and draft.policy.occurs_after(rule, now):
                draft.add(draft.policy.withdraw_rule(rule.rule_id))
    for rule in wanted:
        known = rule.rule_id in draft.policy.rules
        draft.add(draft.policy.amend_rule(rule) if known else draft.policy.schedule(rule, now=now))


def _copy_exceptions(source: ChargerAccessPolicy, draft: _Draft, *, replaces: bool, now: datetime) -> None:
    """Copy the exceptions in the order in which they were made, which is their precedence."""
    wanted = sorted(_to_come(source, now).values(), key=lambda each: each.made)
    of_target = _to_come(draft.policy, now)
    kept = {each.exception_id for each in wanted}
    for exception_id, theirs in of_target.items():
        mine = next((each for each in wanted if each.exception_id == exception_id), None)
        if (replaces and exception_id not in kept) or (mine is not None and not _alike(mine, theirs)):
            draft.add(draft.policy.remove_exception(exception_id))
    for each in wanted:
        if each.exception_id not in _all(draft.policy):
            draft.add(_added(draft.policy, each, now))


def _added(policy: ChargerAccessPolicy, exception: AnyException, now: datetime) -> tuple[PolicyEvent, ...]:
    if isinstance(exception, CalendarException):
        return policy.add_calendar_exception(
            exception.exception_id, calendar_id=exception.calendar_id, mode=exception.mode, reason=exception.reason
        )
    return policy.add_exception(
        exception.exception_id,
        first=exception.first,
        last=exception.last,
        mode=exception.mode,
        reason=exception.reason,
        now=now,
    )


def _all(policy: ChargerAccessPolicy) -> dict[ExceptionId, AnyException]:
    return {**policy.exceptions, **policy.calendar_exceptions}


def _to_come(policy: ChargerAccessPolicy, now: datetime) -> dict[ExceptionId, AnyException]:
    today = now.astimezone(ZoneInfo(policy.settings.time_zone)).date()
    return {k: e for k, e in _all(policy).items() if isinstance(e, CalendarException) or e.last >= today}


def _alike(one: AnyException, other: AnyException) -> bool:
    return replace(one, made=0) == replace(other, made=0)
