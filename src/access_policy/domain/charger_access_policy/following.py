"""Decisions of a charger's policy about the schedules of its depot: following, leaving and updating them (ADR 0040)."""

from __future__ import annotations

from access_policy.domain.charger_access_policy import errors
from access_policy.domain.charger_access_policy.events import PolicyEvent, ScheduleLeft, ScheduleTaken
from access_policy.domain.charger_access_policy.policy import RULES_MAX, ChargerAccessPolicy
from access_policy.domain.depots.depot import Depot
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ScheduleId
from access_policy.domain.mode_schedule.schedules import Schedule


def follow_schedule(policy: ChargerAccessPolicy, schedule_id: ScheduleId, depot: Depot) -> tuple[PolicyEvent, ...]:
    """Follow the depot's schedule with its present content; following it again produces no event. Raises
    `ScheduleUnknown`, `ScheduleElsewhere`, `TooManyRules` or `ChargerRetired`.
    """
    policy.must_be_in_service()
    schedule = depot.schedule(schedule_id)
    if policy.settings.depot_id != depot.depot_id:
        raise errors.ScheduleElsewhere(
            f"Charger {policy.charger_id} belongs to depot {policy.settings.depot_id}, and the schedule {schedule.name} "
            f"to {depot.depot_id}; choose a schedule of the charger's depot.",
            pointer="/charger_ids",
        )
    if policy.schedules.get(schedule_id) == schedule:
        return ()
    return (*policy.follow_calendars(depot.calendars), *take_schedule(policy, schedule))


def take_schedule(policy: ChargerAccessPolicy, schedule: Schedule) -> tuple[PolicyEvent, ...]:
    """Copy the depot's present schedule, which the depot has checked. Raises `TooManyRules`."""
    had = policy.schedules.get(schedule.schedule_id)
    count = policy.rule_count - (0 if had is None else len(had.rules)) + len(schedule.rules)
    if count > RULES_MAX:
        raise errors.TooManyRules(
            f"Charger {policy.charger_id} would have {count} mode rules with the schedule {schedule.name}, and "
            f"{RULES_MAX} are allowed; withdraw or merge some."
        )
    return (ScheduleTaken(charger_id=policy.charger_id, schedule=schedule),)


def leave_schedule(policy: ChargerAccessPolicy, schedule_id: ScheduleId) -> tuple[PolicyEvent, ...]:
    """Stop following the schedule. A charger that does not follow it produces no event. Raises `ChargerRetired`."""
    policy.must_be_in_service()
    if schedule_id not in policy.schedules:
        return ()
    return (ScheduleLeft(charger_id=policy.charger_id, schedule_id=schedule_id),)


def follow_depot(policy: ChargerAccessPolicy, depot: Depot) -> tuple[tuple[PolicyEvent, ...], Refused | None]:
    """Return the events that bring the charger's zone, calendars and schedules up to date with its depot, and the first
    refusal: if a schedule does not fit, the charger keeps its old copy, and everything else is updated. A charger that is
    retired, belongs to another depot or is up to date produces no event.
    """
    if policy.retired_at is not None or policy.settings.depot_id != depot.depot_id:
        return (), None
    events = [*policy.move_to_time_zone(depot.settings.time_zone), *policy.follow_calendars(depot.calendars)]
    refusal: Refused | None = None
    for schedule_id, had in policy.schedules.items():
        current = depot.schedules.get(schedule_id)
        if current is None:
            events.append(ScheduleLeft(charger_id=policy.charger_id, schedule_id=schedule_id))
        elif current != had:
            try:
                events += take_schedule(policy, current)
            except errors.TooManyRules as too_many:
                refusal = refusal or too_many
    return tuple(events), refusal
