"""A mode rule as an operator enters it, before the charger's zone and the calendar complete it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import CalendarId, RuleId
from access_policy.domain.instants import zone
from access_policy.domain.mode_schedule.rules import Edge, ModeRule


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """`end_day_offset` None: the next day if `end` is not after `start`, otherwise the same day."""

    name: str
    mode: AccessMode
    recurrence: str
    start: time
    end: time
    end_day_offset: int | None = None
    time_zone: str | None = None
    applies_from: Edge | None = None
    applies_until: Edge | None = None
    priority: int = 0
    except_dates: frozenset[date] = field(default_factory=frozenset)
    extra_dates: frozenset[date] = field(default_factory=frozenset)
    except_calendars: frozenset[CalendarId] = field(default_factory=frozenset)
    extra_calendars: frozenset[CalendarId] = field(default_factory=frozenset)

    def rule(self, rule_id: RuleId, time_zone: str, *, now: datetime, made_on: date | None = None) -> ModeRule:
        """Return the rule for a charger or a depot in `time_zone`. Its dates count from `applies_from`, or otherwise
        from the local date on which the rule was made (`made_on`; None: today). Raises `UnknownTimeZone`."""
        rule_zone = zone(time_zone if self.time_zone is None else self.time_zone)
        offset = self.end_day_offset
        made_on = made_on or now.astimezone(rule_zone).date()
        anchor = made_on if self.applies_from is None else self.applies_from.local_date(rule_zone)
        return ModeRule(
            rule_id=rule_id,
            name=self.name,
            mode=self.mode,
            recurrence=self.recurrence,
            start=self.start,
            end=self.end,
            end_day_offset=int(self.end <= self.start) if offset is None else offset,
            anchor=anchor,
            made_on=made_on,
            time_zone=self.time_zone,
            applies_from=self.applies_from,
            applies_until=self.applies_until,
            priority=self.priority,
            except_dates=self.except_dates,
            extra_dates=self.extra_dates,
            except_calendars=self.except_calendars,
            extra_calendars=self.extra_calendars,
        )
