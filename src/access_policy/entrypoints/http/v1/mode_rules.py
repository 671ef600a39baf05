"""`/v1/chargers/{charger_id}/mode-rules`."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from fastapi.responses import Response
from pydantic import Field

from access_policy.application.commands.amend_mode_rule import AmendModeRule
from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRule
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import CalendarId, ChargerId, RuleId
from access_policy.domain.mode_schedule.rules import CALENDARS_MAX, END_DAY_OFFSET_MAX, PRIORITY_MAX
from access_policy.entrypoints.http.auth import OPERATORS, requires
from access_policy.entrypoints.http.calls import ChangeCall
from access_policy.entrypoints.http.dependencies import Handler, provided
from access_policy.entrypoints.http.fields import (
    ClockTime,
    Day,
    EdgeText,
    EndEdgeText,
    RequestModel,
    Text,
    Version,
    edge,
)
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.plan_models import RuleSettings

router = api_router(tags=["schedule"])

DATES_MAX = 1_000

CalendarIds = Annotated[list[Text], Field(max_length=CALENDARS_MAX)]


class RuleBody(RequestModel):
    """The whole rule, even when it amends one: a field that is left out is not set. Without `applies_until` the rule
    has no end."""

    name: Text
    mode: AccessMode
    recurrence: Text
    start: ClockTime
    end: ClockTime
    end_day_offset: Annotated[int, Field(strict=True, ge=0, le=END_DAY_OFFSET_MAX)] | None = None
    time_zone: Text | None = None
    applies_from: EdgeText | None = None
    applies_until: EndEdgeText | None = None
    priority: Annotated[int, Field(strict=True, ge=-PRIORITY_MAX, le=PRIORITY_MAX)] = 0
    except_dates: Annotated[list[Day], Field(max_length=DATES_MAX)] = Field(default=[])
    extra_dates: Annotated[list[Day], Field(max_length=DATES_MAX)] = Field(default=[])
    except_calendars: CalendarIds = Field(default=[])
    extra_calendars: CalendarIds = Field(default=[])

    def draft(self) -> RuleDraft:
        return RuleDraft(
            name=self.name,
            mode=self.mode,
            recurrence=self.recurrence,
            start=time.fromisoformat(self.start),
            end=time.fromisoformat(self.end),
            end_day_offset=self.end_day_offset,
            time_zone=self.time_zone,
            applies_from=edge(self.applies_from),
            applies_until=edge(self.applies_until),
            priority=self.priority,
            except_dates=frozenset(self.except_dates),
            extra_dates=frozenset(self.extra_dates),
            except_calendars=frozenset(CalendarId(each) for each in self.except_calendars),
            extra_calendars=frozenset(CalendarId(each) for each in self.extra_calendars),
        )


class Rule(RuleSettings):
    """A rule. `version` is the version of the charger."""

    version: Version


@router.post(
    "/chargers/{charger_id}/mode-rules",
    operation_id="schedule_mode",
    dependencies=requires(OPERATORS),
    status_code=201,
)
async def schedule_mode(
    charger_id: str,
    body: RuleBody,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.schedule_mode)],
) -> Rule:
    """Add a mode rule to the charger. Each request adds a rule, unless it repeats the `Idempotency-Key` of an earlier one.
    A rule that is entirely in the past is refused."""
    command = ScheduleMode(charger_id=ChargerId(charger_id), draft=body.draft(), expected_version=call.expected_version)
    done = await call(handler, command)
    return Rule(rule_id=done.created_id, **dict(body), version=done.version)


@router.put(
    "/chargers/{charger_id}/mode-rules/{rule_id}", operation_id="amend_mode_rule", dependencies=requires(OPERATORS)
)
async def amend_mode_rule(
    charger_id: str,
    rule_id: str,
    body: RuleBody,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.amend_mode_rule)],
) -> Rule:
    """Replace the mode rule with this id. An unchanged rule records nothing. A rule of a schedule that the charger follows is
    refused: amend the schedule."""
    command = AmendModeRule(
        charger_id=ChargerId(charger_id),
        rule_id=RuleId(rule_id),
        draft=body.draft(),
        expected_version=call.expected_version,
    )
    done = await call(handler, command)
    return Rule(rule_id=rule_id, **dict(body), version=done.version)


@router.delete(
    "/chargers/{charger_id}/mode-rules/{rule_id}",
    operation_id="withdraw_mode_rule",
    dependencies=requires(OPERATORS),
    status_code=204,
    response_class=Response,
)
async def withdraw_mode_rule(
    charger_id: str,
    rule_id: str,
    call: ChangeCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.withdraw_mode_rule)],
) -> None:
    """Remove the mode rule from the charger, and with it a window that is open now. Withdrawing it again is not found (404)."""
    command = WithdrawModeRule(
        charger_id=ChargerId(charger_id), rule_id=RuleId(rule_id), expected_version=call.expected_version
    )
    await call(handler, command)
