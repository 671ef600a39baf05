"""One change for many chargers: a mode rule, or the policy of one of them. A dry run shows each timeline before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi.responses import Response
from pydantic import ConfigDict, Field, model_validator

from access_policy.application.commands import copy_policy as copying
from access_policy.application.commands import schedule_mode_for_many as scheduling
from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.previews import Preview
from access_policy.application.errors import TooBusy
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.copying import Parts
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId
from access_policy.domain.mode_schedule.differences import Difference, differences
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.entrypoints.http.auth import OPERATORS, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import Instant, LocalInstant, RequestModel, ResponseModel, Text, UtcInstant
from access_policy.entrypoints.http.responses import json_in_pieces
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.mode_rules import RuleBody
from access_policy.entrypoints.http.v1.plan_models import CauseShown, TimelineSegment, segments_of

router = api_router(tags=["schedule"])


class DryRunBody(RequestModel):
    """A dry run shows the timelines in `[from, until)`; without `dry_run` none are shown."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    charger_ids: Annotated[list[Text], Field(min_length=1, max_length=10_000)] | Literal["all"]
    dry_run: bool = False
    from_: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None

    @model_validator(mode="after")
    def _shown_in_a_dry_run(self) -> DryRunBody:
        if not self.dry_run and (self.from_ is not None or self.until is not None):
            raise ValueError("from and until set what a dry run shows; set dry_run as well, or leave them out")
        return self

    def chosen(self) -> tuple[ChargerId, ...] | None:
        return None if self.charger_ids == "all" else tuple(ChargerId(each) for each in self.charger_ids)


class ManyRulesBody(DryRunBody):
    rule: RuleBody


class PartsBody(RequestModel):
    rules: bool = True
    exceptions: bool = True
    baseline_mode: bool = True
    enforcement: bool = False

    @model_validator(mode="after")
    def _something(self) -> PartsBody:
        if not (self.rules or self.exceptions or self.baseline_mode or self.enforcement):
            raise ValueError("selects nothing to copy; set at least one part to true")
        return self

    def parts(self) -> Parts:
        return Parts(**dict(self))


class CopyPolicyBody(DryRunBody):
    """What to copy, and to which chargers. `replace`: also remove what the other chargers have and this one does
    not."""

    what: PartsBody = PartsBody()
    replace: bool = True


class RefusedChange(ResponseModel):
    code: str
    detail: str


class ModeThen(ResponseModel):
    mode: AccessMode
    cause: CauseShown

    @classmethod
    def of(cls, segment: Segment) -> ModeThen:
        return cls(mode=segment.mode, cause=CauseShown.of(segment.cause))


class TimelineChange(ResponseModel):
    start: UtcInstant
    end: UtcInstant
    start_local: LocalInstant
    end_local: LocalInstant
    before: ModeThen
    after: ModeThen


class ForOneCharger(ResponseModel):
    """The result for one charger. `problem` is set if the change was refused. A dry run has the timeline before and
    after."""

    charger_id: str
    ok: bool
    problem: Annotated[RefusedChange, Field(default=None)]
    time_zone: Annotated[str, Field(default=None)]
    from_: Annotated[UtcInstant, Field(alias="from", default=None)]
    until: Annotated[UtcInstant, Field(default=None)]
    before: Annotated[list[TimelineSegment], Field(default=None)]
    after: Annotated[list[TimelineSegment], Field(default=None)]
    changes: Annotated[list[TimelineChange], Field(default=None)]


class RuleForOne(ForOneCharger):
    """The result for one charger. `rule_id` is set if the rule was made."""

    rule_id: Annotated[str | None, Field(default=None)]


class CopiedToOne(ForOneCharger):
    """The result for one charger. `change_count`: the number of changes that were made, or in a dry run would be
    made."""

    change_count: Annotated[int, Field(default=None)]


class ManyChanged(ResponseModel):
    dry_run: bool


class RulesForMany(ManyChanged):
    results: list[RuleForOne]


class PolicyCopied(ManyChanged):
    results: list[CopiedToOne]


@router.post(
    "/depots/{depot_id}/mode-rules",
    operation_id="schedule_mode_for_many",
    dependencies=requires(OPERATORS),
    response_model=RulesForMany,
)
async def schedule_mode_for_many(
    depot_id: str,
    body: ManyRulesBody,
    call: CommandCall,
    schedule: Annotated[scheduling.ScheduleModeForManyHandler, provided(lambda c: c.commands.schedule_mode_for_many)],
) -> Response:
    """Add a rule to many chargers. There is one result per charger: the new rule's id, or the problem because of which
    the rule was refused. With `dry_run` nothing is recorded, and each result shows `before`, `after` and, if they
    differ, `changes` over `[from, until)` (default: the next two weeks; at most 92 days)."""
    command = scheduling.ScheduleModeForMany(
        depot_id=DepotId(depot_id),
        charger_ids=body.chosen(),
        draft=body.rule.draft(),
        dry_run=body.dry_run,
        start=body.from_,
        end=body.until,
    )
    results = await schedule(call.context, command)
    await call.settled(max((each.position for each in results), default=0))
    return await json_in_pieces(ManyChanged(dry_run=body.dry_run), "results", _rules_made(results))


@router.post(
    "/chargers/{charger_id}/copy-policy",
    operation_id="copy_policy",
    dependencies=requires(OPERATORS),
    response_model=PolicyCopied,
)
async def copy_policy(
    charger_id: str,
    body: CopyPolicyBody,
    call: CommandCall,
    copy: Annotated[copying.CopyPolicyHandler, provided(lambda c: c.commands.copy_policy)],
) -> Response:
    """Copy the charger's policy to others. There is one result per charger: the number of its changes, or the problem
    because of which all of them were refused. `what` selects the parts to copy; the default is rules, exceptions and
    the baseline mode. Overrides are never copied, because a person made each of them for one charger and a limited
    time. Copies keep their ids, so copying again changes nothing."""
    command = copying.CopyPolicy(
        charger_id=ChargerId(charger_id),
        charger_ids=body.chosen(),
        parts=body.what.parts(),
        replaces=body.replace,
        dry_run=body.dry_run,
        start=body.from_,
        end=body.until,
    )
    results = await copy(call.context, command)
    await call.settled(max((each.position for each in results), default=0))
    return await json_in_pieces(ManyChanged(dry_run=body.dry_run), "results", _copies_made(results))


def _rules_made(results: Iterable[scheduling.ForOneCharger]) -> Iterator[RuleForOne]:
    for each in results:
        made = {"rule_id": each.rule_id} if each.refusal is None else {}
        yield RuleForOne(charger_id=each.charger_id, **outcome(each.refusal, each.preview), **made)


def _copies_made(results: Iterable[ChangedOne]) -> Iterator[CopiedToOne]:
    for each in results:
        made = {"change_count": each.changes} if each.refusal is None else {}
        yield CopiedToOne(charger_id=each.charger_id, **outcome(each.refusal, each.preview), **made)


def outcome(refusal: Refused | TooBusy | None, preview: Preview | None) -> dict[str, Any]:
    if refusal is not None:
        code = refusal.code if isinstance(refusal, Refused) else "too-busy"
        return {"ok": False, "problem": RefusedChange(code=code, detail=str(refusal))}
    if preview is None:
        return {"ok": True}
    zone = ZoneInfo(preview.time_zone)
    return {
        "ok": True,
        "time_zone": preview.time_zone,
        "from": preview.before.start,
        "until": preview.before.end,
        "before": list(segments_of(preview.before, zone)),
        "after": list(segments_of(preview.after, zone)),
        "changes": [change_shown(each, zone) for each in differences(preview.before, preview.after)],
    }


def change_shown(change: Difference, zone: ZoneInfo) -> TimelineChange:
    return TimelineChange(
        start=change.start,
        end=change.end,
        start_local=change.start.astimezone(zone).isoformat(),
        end_local=change.end.astimezone(zone).isoformat(),
        before=ModeThen.of(change.before),
        after=ModeThen.of(change.after),
    )
