"""One charger: why it is in its mode, now or at any instant, past or future, and how it got there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from access_policy.application.ports.views import Row
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, DepotId
from access_policy.domain.mode_schedule.timeline import Segment, expected_at, next_transition, timeline
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console import pictures
from access_policy.entrypoints.http.console.board import changes_of
from access_policy.entrypoints.http.console.charger_settings import meaning_of
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import Form
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.pictures import Window
from access_policy.entrypoints.http.console.problems_shown import problem_of
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Policies, Profiles, Views
from access_policy.entrypoints.http.fields import utc_text
from access_policy.entrypoints.http.v1.charger_reader import Chargers
from access_policy.entrypoints.http.v1.plan_models import cause_at_the_time

router: APIRouter = pages_router()


@dataclass(frozen=True, slots=True)
class Explained:
    """The state at `at`. `policy` has the plan in force then; for a future instant, the present plan. `cause` is the
    rule, exception or override behind the expected mode. `applied` is the last mode verified by then; None: unknown."""

    at: datetime
    is_now: bool
    policy: ChargerAccessPolicy
    expected: Segment
    upcoming: Segment | None
    cause: Any
    applied: Row | None


@router.get(CHARGERS + "/{charger_id}", dependencies=visitors(READERS))
async def charger(
    here: Here,
    charger_id: str,
    chargers: Chargers,
    policies: Policies,
    views: Views,
    view: DecisionView,
    profiles: Profiles,
    at: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """Show one charger. `at`: an instant, or a local time of the depot, to explain instead of the present. Raises
    `ChargerUnknown`."""
    tenant_id, this = here.caller.tenant_id, ChargerId(charger_id)
    shown = await chargers.charger(tenant_id, this)
    here = here.in_depot(view.depot(tenant_id, DepotId(shown.depot_id)))
    instant = Form.of({"at": at}).instant("at", here.zone) or here.now
    policy = await policies.get(tenant_id, this)
    if instant < here.now and at:
        policy = await policies.as_of(tenant_id, this, instant) or policy
    window = Window.of(instant.astimezone(here.zone).date(), 1, here.zone)
    changes = (await changes_of(here, views, window, {charger_id}))[charger_id]
    segments = timeline(policy.plan, window.start, window.end).segments
    explained = _explained(policy, instant, changes, is_now=not at)
    return here.page(
        "charger.html",
        charger=shown,
        problem=problem_of(shown),
        meaning=meaning_of(profiles, here.caller, shown.profile),
        explained=explained,
        window=window,
        picture=pictures.picture(window, segments, changes, here.now),
        ticks=pictures.ticks(window),
        clock_changes=pictures.clock_changes(window),
        segments=[each for each in segments if each.start < window.end],
        changes=[each for each in reversed(changes) if each["requested_at"] >= window.start],
        href=here.url(f"{CHARGERS}/{charger_id}"),
        days=_days(here, charger_id, instant),
        sessions=await views.sessions_under_way(tenant_id, [charger_id]),
    )


def _explained(policy: ChargerAccessPolicy, instant: datetime, changes: list[Row], *, is_now: bool) -> Explained:
    expected = expected_at(policy.plan, instant)
    verified = [row for row in changes if row["applied_at"] is not None and row["applied_at"] <= instant]
    return Explained(
        at=instant,
        is_now=is_now,
        policy=policy,
        expected=expected,
        upcoming=next_transition(policy.plan, instant),
        cause=cause_at_the_time(expected.cause, policy),
        applied=max(verified, key=lambda row: row["applied_at"], default=None),
    )


def _days(here: Visit, charger_id: str, instant: datetime) -> dict[str, str]:
    """Return links to the same time on the day before and the day after."""
    path = f"{CHARGERS}/{charger_id}"
    return {
        "before": here.url(path, at=utc_text(instant - timedelta(days=1))),
        "after": here.url(path, at=utc_text(instant + timedelta(days=1))),
    }
