"""Make, amend and withdraw one of a charger's own rules, each after a preview."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from access_policy.application.commands.amend_mode_rule import AmendModeRule
from access_policy.application.commands.previews import Horizon
from access_policy.application.commands.rule_previews import RuleChange, RulePreviews
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRule
from access_policy.application.what_if.proposal import Proposal, ProposedRule
from access_policy.domain.charger_access_policy.errors import RuleUnknown
from access_policy.domain.ids import ChargerId, RuleId
from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console import schedule_form, schedule_words
from access_policy.entrypoints.http.console.charger_plan import PLAN
from access_policy.entrypoints.http.console.consequences import WHAT_IF_DAYS, Count
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.one_charger import At, AtCharger
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.schedule_preview import PreviewShown, preview_of, week_of
from access_policy.entrypoints.http.dependencies import Handler, provided
from access_policy.entrypoints.http.v1.mode_rules import RuleBody
from access_policy.entrypoints.http.v1.plan_models import RuleSettings

router: APIRouter = pages_router()


@dataclass(frozen=True, slots=True)
class AtRule:
    """A rule of a charger. `rule` None: a new one."""

    at: AtCharger
    rule: RuleSettings | None

    @property
    def charger_id(self) -> ChargerId:
        return ChargerId(self.at.charger.charger_id)

    @property
    def rule_id(self) -> RuleId | None:
        return None if self.rule is None else RuleId(self.rule.rule_id)

    @property
    def values(self) -> schedule_form.Values:
        """Return the stored rule without empty fields; for a new rule, the proposed values."""
        if self.rule is None:
            return {**schedule_form.NEW_RULE, "days": list(WEEKDAYS[:5])}
        return {name: value for name, value in schedule_form.rule_values(self.rule).items() if value}

    def url(self, below: str = "") -> str:
        if self.rule is None:
            return self.at.url("/plan/rules")
        return self.at.url(f"/plan/rules/{quote(self.rule.rule_id, safe='')}{below}")


async def _new(at: At) -> AtRule:
    return AtRule(at, None)


async def _at(at: At, rule_id: str) -> AtRule:
    """Find the rule of the path. Raises `RuleUnknown`."""
    found = next((each for each in at.charger.mode_rules if each.rule_id == rule_id), None)
    if found is None:
        raise RuleUnknown(f"This charger has no own mode rule {rule_id[:64]}.")
    return AtRule(at, found)


New = Annotated[AtRule, Depends(_new)]
Stored = Annotated[AtRule, Depends(_at)]


@dataclass(frozen=True, slots=True)
class Previewing:
    previews: RulePreviews
    count: Count

    async def __call__(self, of: AtRule, body: RuleBody | None) -> PreviewShown:
        """Return the week with the rule as in `body`, or without the rule (None), and the attempts that this would have
        changed."""
        here, window = of.at.here, week_of(of.at.here)
        draft = None if body is None else body.draft()
        change = RuleChange(charger_id=of.charger_id, rule_id=of.rule_id, draft=draft)
        result = await self.previews(here.caller.tenant_id, change, Horizon(window.start, window.end))
        only = frozenset({of.charger_id})
        proposal = Proposal(rules=(ProposedRule(charger_ids=only, rule_id=of.rule_id, draft=draft),))
        counted = await self.count(here.caller.tenant_id, proposal, only, days=WHAT_IF_DAYS)
        return await preview_of(here, window, [result], counted)


async def _previewing(
    previews: Annotated[RulePreviews, provided(lambda c: c.queries.rule_previews)], count: Count
) -> Previewing:
    return Previewing(previews, count)


Preview = Annotated[Previewing, Depends(_previewing)]


@router.get(PLAN + "/rules", dependencies=visitors(OPERATORS))
async def new(of: New) -> Response:
    return _drawn(of, Form.of(of.values, of.at.charger.version))


@router.post(PLAN + "/rules", dependencies=visitors(OPERATORS))
async def make(
    of: New,
    sent: Sent,
    preview: Preview,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.schedule_mode)],
) -> Response:
    try:
        body = _body(sent)
        if sent.text("action") != "save":
            return _drawn(of, sent, await preview(of, body))
        command = ScheduleMode(charger_id=of.charger_id, draft=body.draft(), expected_version=sent.version)
        await call(handler, command)
    except REFUSALS as error:
        return _drawn(of, sent.refused(error, sent.was), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return of.at.here.done(of.at.url("/plan"), f"{of.charger_id} has the rule {body.name}.")


@router.get(PLAN + "/rules/{rule_id}", dependencies=visitors(OPERATORS))
async def rule(of: Stored) -> Response:
    return _drawn(of, Form.of(of.values, of.at.charger.version))


@router.post(PLAN + "/rules/{rule_id}", dependencies=visitors(OPERATORS))
async def amend(
    of: Stored,
    sent: Sent,
    preview: Preview,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.amend_mode_rule)],
) -> Response:
    """Preview or save the amended rule. `action` is the button that was pressed: `preview` or `save`."""
    assert of.rule_id is not None  # the path has it
    try:
        body = _body(sent)
        if sent.text("action") != "save":
            return _drawn(of, sent, await preview(of, body))
        command = AmendModeRule(
            charger_id=of.charger_id, rule_id=of.rule_id, draft=body.draft(), expected_version=sent.version
        )
        await call(handler, command)
    except REFUSALS as error:
        return _drawn(of, sent.refused(error, of.values), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return of.at.here.done(of.at.url("/plan"), f"{body.name} is saved.")


@router.get(PLAN + "/rules/{rule_id}/withdraw", dependencies=visitors(OPERATORS))
async def ask(of: Stored, preview: Preview) -> Response:
    return _question(of, Form.of({}, of.at.charger.version), await preview(of, None))


@router.post(PLAN + "/rules/{rule_id}/withdraw", dependencies=visitors(OPERATORS))
async def withdraw(
    of: Stored,
    sent: Sent,
    preview: Preview,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.withdraw_mode_rule)],
) -> Response:
    assert of.rule is not None  # the path has it
    command = WithdrawModeRule(charger_id=of.charger_id, rule_id=RuleId(of.rule.rule_id), expected_version=sent.version)
    try:
        await call(handler, command)
    except REFUSALS as error:
        shown = await preview(of, None)
        return _question(of, sent.refused(error, {}), shown, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return of.at.here.done(of.at.url("/plan"), f"{of.rule.name} is withdrawn.")


def _body(sent: Form) -> RuleBody:
    return sent.body(RuleBody, ignored=sent.values.keys(), **schedule_form.rule_body(sent, ""))


def _drawn(of: AtRule, form: Form, preview: PreviewShown | None = None, *, status: int = HTTPStatus.OK) -> HTMLResponse:
    depot = of.at.depot
    calendars = [] if depot is None else [(each.calendar_id, each.name) for each in depot.calendars.values()]
    return of.at.here.page(
        "charger_rule.html",
        status=status,
        of=of,
        form=form,
        preview=preview,
        days=list(zip(WEEKDAYS, schedule_words.NAMES, strict=True)),
        calendars=sorted(calendars),
    )


def _question(of: AtRule, form: Form, preview: PreviewShown, *, status: int = HTTPStatus.OK) -> HTMLResponse:
    return of.at.here.page("charger_rule_withdraw.html", status=status, of=of, form=form, preview=preview)
