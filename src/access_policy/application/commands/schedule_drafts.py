"""A schedule as an operator enters it, before the depot's zone and the calendar complete it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.context import Context
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import RuleId, ScheduleId
from access_policy.domain.mode_schedule.rules import ModeRule
from access_policy.domain.mode_schedule.schedules import Schedule, ScheduleInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRule:
    """`rule_id` None: the schedule's rule with the same name, or a new one."""

    draft: RuleDraft
    rule_id: RuleId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDraft:
    name: str
    rules: tuple[ScheduledRule, ...]

    def schedule(
        self, context: Context, schedule_id: ScheduleId, time_zone: str, before: Schedule | None, *, now: datetime
    ) -> Schedule:
        """Return the schedule for a depot in `time_zone`. A rule that the schedule already has (found by id, otherwise
        by name) keeps its id and the day on which it was made, so that the same draft gives the same schedule again.
        Raises `ScheduleInvalid` for an unknown rule id, and `UnknownTimeZone`."""
        rules = []
        for index, each in enumerate(self.rules):
            had = _had(each, before, index)
            rule_id = RuleId(context.created_id("schedule-rule", f"{schedule_id}/{each.draft.name}"))
            try:
                rules.append(_rule(each.draft, rule_id if had is None else had.rule_id, time_zone, had, now))
            except Invalid as refusal:
                refusal.pointer = f"/rules/{index}{refusal.pointer or ''}"
                raise
        return Schedule(schedule_id=schedule_id, name=self.name, rules=tuple(rules))


def _had(each: ScheduledRule, before: Schedule | None, index: int) -> ModeRule | None:
    known = () if before is None else before.rules
    if each.rule_id is None:
        return next((rule for rule in known if rule.name == each.draft.name), None)
    found = next((rule for rule in known if rule.rule_id == each.rule_id), None)
    if found is None:
        raise ScheduleInvalid(
            f"The schedule has no rule {each.rule_id[:64]}; leave rule_id out to add a rule.",
            pointer=f"/rules/{index}/rule_id",
        )
    return found


def _rule(draft: RuleDraft, rule_id: RuleId, time_zone: str, had: ModeRule | None, now: datetime) -> ModeRule:
    if had is None:
        return draft.rule(rule_id, time_zone, now=now)
    made_on = had.made_on or (had.anchor if had.applies_from is None else None)
    return replace(draft.rule(rule_id, time_zone, now=now, made_on=made_on), made_on=had.made_on)
