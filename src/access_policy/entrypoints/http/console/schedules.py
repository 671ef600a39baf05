"""Schedules of a depot: the chargers that follow each, and an editor with a preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from access_policy.application.commands.put_schedule import PutSchedule, SchedulePutDone
from access_policy.application.decision_view.view import DecisionView as View
from access_policy.application.retrying import Handler as Retrying
from access_policy.domain.ids import DepotId
from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.plurals import counted
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import Call, CommandCall
from access_policy.entrypoints.http.console import schedule_form, schedule_words
from access_policy.entrypoints.http.console.board_reading import groups_of
from access_policy.entrypoints.http.console.consequences import WHAT_IF_DAYS
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.one_schedule import SCHEDULES, At
from access_policy.entrypoints.http.console.overrides import refused_in_words
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.schedule_preview import PreviewShown, preview_of, week_of
from access_policy.entrypoints.http.dependencies import DecisionView, container_of
from access_policy.entrypoints.http.fields import utc_text
from access_policy.entrypoints.http.v1.schedule_what_if import CountDifferent, Counting

router: APIRouter = pages_router()

Put = Retrying[PutSchedule, SchedulePutDone]


@dataclass(frozen=True, slots=True)
class Editor:
    """The parts of the request that the editor needs."""

    view: View
    call: Call
    put: Put
    count: CountDifferent


async def _editor(request: Request, view: DecisionView, call: CommandCall, count: Counting) -> Editor:
    return Editor(view, call, container_of(request).commands.put_schedule(), count)


Editing = Annotated[Editor, Depends(_editor)]


@router.get(SCHEDULES, dependencies=visitors(READERS))
async def schedules(here: Here, view: DecisionView) -> Response:
    depots = here.depots if here.depot is None else (here.depot,)
    rows = [
        (depot, each, sorted(view.followers_of(here.caller.tenant_id, each.schedule_id)))
        for depot in depots
        for each in sorted(depot.schedules.values(), key=lambda each: each.name.casefold())
    ]
    return here.page("schedules.html", rows=rows, in_words=schedule_words.in_words)


@router.get(SCHEDULES + "/new", dependencies=visitors(OPERATORS))
async def new(here: Here, view: DecisionView) -> Response:
    here = here.at_one_depot()
    form = schedule_form.with_another_rule(Form.of({"words": schedule_words.EXAMPLE}))
    return await _drawn(here, view, form, None)


@router.post(SCHEDULES + "/new", dependencies=visitors(OPERATORS))
async def create(here: Here, sent: Sent, editing: Editing) -> Response:
    return await _edited(here.at_one_depot(), sent, editing, None)


@router.get(SCHEDULES + "/{schedule_id}", dependencies=visitors(READERS))
async def schedule(at: At, view: DecisionView) -> Response:
    return await _drawn(at.here, view, Form.of(schedule_form.values_of(at.stored), at.version), at.stored)


@router.post(SCHEDULES + "/{schedule_id}", dependencies=visitors(OPERATORS))
async def amend(at: At, sent: Sent, editing: Editing) -> Response:
    return await _edited(at.here, sent, editing, at.stored)


async def _edited(here: Visit, sent: Form, editing: Editor, stored: Schedule | None) -> Response:
    """Handle the submitted form. `action` is the button that was pressed: `add` another window, `preview`, or
    `save`."""
    form = schedule_form.compacted(sent)
    try:
        if form.text("action") == "add":
            return await _drawn(here, editing.view, schedule_form.with_another_rule(form), stored)
        if form.text("action") != "save":
            return await _previewed(here, form, editing, stored)
        return await _saved(here, form, editing, stored)
    except REFUSALS as error:
        return await _drawn(here, editing.view, _refused(here, form, error, editing.view, stored), stored, status=422)


def _refused(here: Visit, form: Form, error: Exception, view: View, stored: Schedule | None) -> Form:
    """Return the form with its errors and with what is stored now, which someone else may have saved meanwhile."""
    if stored is None:
        return form.refused(error)
    depot = view.depot(here.caller.tenant_id, here.depot_id or DepotId(""))
    now = stored if depot is None else depot.schedules.get(stored.schedule_id, stored)
    return form.refused(error, schedule_form.values_of(now))


async def _previewed(here: Visit, form: Form, editing: Editor, stored: Schedule | None) -> Response:
    window = week_of(here)
    shown = {"from": utc_text(window.start), "until": utc_text(window.end), "what_if_days": WHAT_IF_DAYS}
    body = schedule_form.body_of(form, **_depot(here, stored), dry_run=True, **shown)
    done = await editing.put(editing.call.context, _command(here, form, body, stored))
    counted = await editing.count.of_put(here.caller, body, done)
    preview = await preview_of(here, window, done.results, counted)
    return await _drawn(here, editing.view, form, stored, preview=preview)


async def _saved(here: Visit, form: Form, editing: Editor, stored: Schedule | None) -> Response:
    body = schedule_form.body_of(form, **_depot(here, stored))
    done = await editing.put(editing.call.context, _command(here, form, body, stored))
    await editing.call.settled(done.position)
    changed = sum(each.refusal is None for each in done.results)
    text = f"{body.name} is saved; {counted(changed, 'charger')} {'follows' if changed == 1 else 'follow'} it."
    url = here.url(f"{SCHEDULES}/{done.schedule.schedule_id}")
    return here.done(url, text + refused_in_words(done.results))


def _depot(here: Visit, stored: Schedule | None) -> dict[str, Any]:
    return {"depot_id": here.depot_id or ""} if stored is None else {}


def _command(here: Visit, form: Form, body: Any, stored: Schedule | None) -> PutSchedule:
    if stored is None:
        return PutSchedule(depot_id=here.depot_id, **body.command())
    return PutSchedule(schedule_id=stored.schedule_id, expected_version=form.version, **body.command())


async def _drawn(
    here: Visit,
    view: View,
    form: Form,
    stored: Schedule | None,
    *,
    preview: PreviewShown | None = None,
    status: int = 200,
) -> Response:
    tenant_id, depot = here.caller.tenant_id, here.depot
    followers = {} if stored is None else view.followers_of(tenant_id, stored.schedule_id)
    calendars = [] if depot is None else [(each.calendar_id, each.name) for each in depot.calendars.values()]
    return here.page(
        "schedule.html",
        status=status,
        form=form,
        stored=stored,
        rules=schedule_form.rules_in(form),
        days=list(zip(WEEKDAYS, schedule_words.NAMES, strict=True)),
        calendars=sorted(calendars),
        followers=sorted(followers),
        behind=sorted(each for each, has in followers.items() if has != stored),
        groups={} if depot is None else groups_of(await view.charger_ids(tenant_id, depot.depot_id)),
        preview=preview,
        action=here.url(f"{SCHEDULES}/{'new' if stored is None else stored.schedule_id}"),
        in_words=schedule_words.in_words,
    )
