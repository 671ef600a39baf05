"""A named schedule: mode rules that many chargers of a depot follow together (ADR 0040)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from access_policy.domain.errors import Invalid
from access_policy.domain.ids import CalendarId, RuleId, ScheduleId, checked_id, checked_name
from access_policy.domain.instants import zone
from access_policy.domain.mode_schedule.calendars import HolidayCalendar
from access_policy.domain.mode_schedule.rules import ModeRule

SCHEDULE_RULES_MAX = 50


class ScheduleInvalid(Invalid):
    code = "schedule-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule of a depot, copied into the policies of the chargers that follow it. The names and ids of `rules` are
    unique.
    """

    schedule_id: ScheduleId
    name: str
    rules: tuple[ModeRule, ...]

    @property
    def calendars(self) -> frozenset[CalendarId]:
        """Return the ids of the calendars that the rules name."""
        return frozenset[CalendarId]().union(*(rule.calendars for rule in self.rules))

    def check(self, time_zone: str, calendars: Mapping[CalendarId, HolidayCalendar]) -> None:
        """Raise the error that makes the schedule impossible at a depot with this zone and these calendars.

        Pointers are into `{"name", "rules"}`.
        """
        checked_id(self.schedule_id, "schedule_id")
        checked_name(self.name)
        if not 1 <= len(self.rules) <= SCHEDULE_RULES_MAX:
            raise ScheduleInvalid(
                f"A schedule has 1 to {SCHEDULE_RULES_MAX} rules, this one {len(self.rules)}.", pointer="/rules"
            )
        self._must_be_told_apart()
        for index, rule in enumerate(self.rules):
            try:
                _check_rule(rule, zone(rule.time_zone or time_zone), calendars)
            except Invalid as refusal:
                refusal.pointer = f"/rules/{index}{refusal.pointer or ''}"
                raise

    def _must_be_told_apart(self) -> None:
        names, ids = set[str](), set[RuleId]()
        for index, rule in enumerate(self.rules):
            if rule.name in names:
                raise ScheduleInvalid(
                    f"Two rules have the name {rule.name!r}; give each rule of a schedule a name of its own.",
                    pointer=f"/rules/{index}/name",
                )
            if rule.rule_id in ids:
                raise ScheduleInvalid(
                    f"Two rules have the id {rule.rule_id}; leave the id of a new rule out.",
                    pointer=f"/rules/{index}/rule_id",
                )
            names.add(rule.name)
            ids.add(rule.rule_id)


def _check_rule(rule: ModeRule, rule_zone: ZoneInfo, calendars: Mapping[CalendarId, HolidayCalendar]) -> None:
    checked_name(rule.name)
    for pointer, calendar_id in _named(rule):
        if calendar_id not in calendars:
            raise ScheduleInvalid(
                f"The depot has no holiday calendar {calendar_id[:64]}; create it first.", pointer=f"/{pointer}"
            )
    rule.check(rule_zone, {each: calendars[each].reasons() for each in rule.calendars})


def _named(rule: ModeRule) -> Iterator[tuple[str, CalendarId]]:
    yield from (("except_calendars", each) for each in sorted(rule.except_calendars))
    yield from (("extra_calendars", each) for each in sorted(rule.extra_calendars))


@lru_cache(maxsize=256)
def shared(schedule: Schedule) -> Schedule:
    """Return `schedule` or an equal object, so that the chargers that follow a schedule share one object in memory."""
    return schedule
