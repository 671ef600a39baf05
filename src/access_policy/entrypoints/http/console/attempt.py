"""One attempt: the decision in words, why, what the driver saw, what came of it, and what an operator can do about it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from access_policy.application.commands.allow_attempt import OVERRIDABLE, AllowAttempt, EndAllowance
from access_policy.application.ports.views import Row
from access_policy.application.queries.explained_attempt import ExplainedAttempts
from access_policy.application.queries.explanation_texts import Wording
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import HIDDEN, IdentifierKind
from access_policy.domain.ids import AgreementId, AttemptId, DepotId, VehicleId
from access_policy.domain.mode_schedule.rules import local_instant
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import Call
from access_policy.entrypoints.http.console import energy_words, times, words
from access_policy.entrypoints.http.console.attempts import ATTEMPTS
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, Views, provided
from access_policy.entrypoints.http.responses import not_found
from access_policy.entrypoints.http.v1.access_event_models import AccessEventInFull
from access_policy.entrypoints.http.v1.ad_hoc_permissions import AllowBody

router: APIRouter = pages_router()

MORNING: Final = time(6)  # when a permission "for tonight" ends, on the depot's clock
DEFAULT_REASON: Final = "Expected tonight; to be enrolled later"

Explained = Annotated[ExplainedAttempts, provided(lambda c: c.queries.explained_attempts)]


@router.get(ATTEMPTS + "/{attempt_id}", dependencies=visitors(READERS, some_depots=False))
async def attempt(here: Here, attempt_id: str, views: Views, view: DecisionView, explained: Explained) -> HTMLResponse:
    here, row = await _at_its_depot(here, attempt_id, views, view)
    form = Form.of({"reason": DEFAULT_REASON, "until": _local_text(tonight(here.now, here.zone), here.zone)})
    return here.page("attempt.html", form=form, **await _shown(here, row, views, view, explained))


@router.get(ATTEMPTS + "/{attempt_id}/facts", dependencies=visitors(READERS, some_depots=False))
async def attempt_facts(
    here: Here, attempt_id: str, views: Views, view: DecisionView, explained: Explained
) -> HTMLResponse:
    """Return the part of the page that changes during the session, for live updates."""
    here, row = await _at_its_depot(here, attempt_id, views, view)
    return here.page("attempt_facts.html", **await _shown(here, row, views, view, explained))


@router.post(ATTEMPTS + "/{attempt_id}/allow", dependencies=visitors(OPERATORS, some_depots=False))
async def allow(
    request: Request,
    here: Here,
    attempt_id: str,
    sent: Sent,
    views: Views,
    view: DecisionView,
    explained: Explained,
    handler: Annotated[Handler, provided(lambda c: c.commands.allow_attempt)],
) -> Response:
    here, row = await _at_its_depot(here, attempt_id, views, view)
    try:
        body = sent.body(AllowBody, instants=("until",), zone=here.zone)
        command = AllowAttempt(attempt_id=AttemptId(attempt_id), reason=body.reason, until=body.until, lasts=body.for_)
        await Call(request, Response(), here.caller)(handler, command)
    except REFUSALS as error:
        shown = await _shown(here, row, views, view, explained)
        return here.page("attempt.html", status=422, form=sent.refused(error), **shown)
    until = times.day_and_clock(body.until or here.now, here.zone, here.now)
    who = row["vehicle_id"] or row["identifier_masked"]
    return here.done(here.url(f"{ATTEMPTS}/{attempt_id}"), f"{who} may charge until {until}.")


@router.post(ATTEMPTS + "/{attempt_id}/end-allowance", dependencies=visitors(OPERATORS, some_depots=False))
async def end_allowance(
    request: Request,
    here: Here,
    attempt_id: str,
    handler: Annotated[Handler, provided(lambda c: c.commands.end_allowance)],
) -> Response:
    await Call(request, Response(), here.caller)(handler, EndAllowance(attempt_id=AttemptId(attempt_id)))
    return here.done(here.url(f"{ATTEMPTS}/{attempt_id}"), "The permission has ended.")


def tonight(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the next 06:00 in that zone."""
    today = now.astimezone(zone).date()
    ends = local_instant(today, MORNING, zone)
    return ends if ends > now else local_instant(today + timedelta(days=1), MORNING, zone)


def _local_text(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


async def _at_its_depot(here: Visit, attempt_id: str, views: Views, view: DecisionView) -> tuple[Visit, Row]:
    row = await views.attempt(here.caller.tenant_id, AttemptId(attempt_id))
    if row is None:
        raise not_found("attempt")
    return here.in_depot(view.depot(here.caller.tenant_id, DepotId(row["depot_id"]))), row


async def _shown(
    here: Visit, row: Row, views: Views, view: DecisionView, explained: ExplainedAttempts
) -> dict[str, Any]:
    wording = await _wording(here, row, views)
    decisions = await explained.decisions(here.caller.tenant_id, AttemptId(row["attempt_id"]), wording)
    refused = row["would_deny"] or (row["reason"] if row["decision"] == "denied" else None)
    entrance_id = row["entrance_id"]
    return {
        "attempt": AccessEventInFull.of_attempt(row, decisions),
        "place": row["charger_id"] if entrance_id is None else f"entrance {entrance_id}",
        "deciding_charger_id": decisions[-1].event.lineage.charger_id if decisions else row["charger_id"],
        "vehicle_name": wording.vehicles.get(row["vehicle_id"]),
        "agreement_name": wording.agreements.get(row["agreement_id"]),
        "refused": refused,
        "permission": _permission(here, row, view),
        "may_allow": refused in OVERRIDABLE and here.may(OPERATORS),
        "may_enrol": _is_enrollable(row, refused) and here.may(OPERATORS) and here.caller.depots is None,
        "pseudonym": row["identifier_pseudonym"],
        "base": ATTEMPTS,
        "tonight": tonight(here.now, here.zone),
        "energy": energy_words,
    }


async def _wording(here: Visit, row: Row, views: Views) -> Wording:
    tenant_id, vehicle_id, agreement_id = here.caller.tenant_id, row["vehicle_id"], row["agreement_id"]
    vehicle = None if vehicle_id is None else await views.vehicle(tenant_id, VehicleId(vehicle_id))
    agreement = None if agreement_id is None else await views.agreement(tenant_id, AgreementId(agreement_id))
    return Wording(
        vehicles={} if vehicle is None else {vehicle_id: vehicle["name"]},
        agreements={} if agreement is None else {agreement_id: agreement["name"]},
        kinds=words.KINDS,
        instant=lambda at: times.day_and_clock(at, here.zone, here.now),
    )


def _permission(here: Visit, row: Row, view: DecisionView) -> AdHocPermission | None:
    """Return the permission that is in force now because of this attempt."""
    given = view.registry(here.caller.tenant_id).ad_hoc.values()
    found = (each for each in given if each.attempt_id == row["attempt_id"] and each.admits(here.now))
    return next(found, None)


def _is_enrollable(row: Row, refused: str | None) -> bool:
    return (
        refused == Reason.UNKNOWN_IDENTIFIER
        and row["vehicle_id"] is None
        and row["identifier_pseudonym"] is not None
        and row["identifier_kind"] != IdentifierKind.PIN
        and row["identifier_masked"] != HIDDEN
    )
