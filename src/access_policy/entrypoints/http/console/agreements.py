"""The agreements: those that end soon first; record, amend and end one, with its history as old and new."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from access_policy.application.commands.end_agreement import EndAgreement
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.ports.views import PAGE_MAX, AuditFilter, Row
from access_policy.application.what_if.proposal import Proposal, ProposedAgreement
from access_policy.domain.ids import AgreementId
from access_policy.entrypoints.http.auth import AUDITORS, OPERATORS, READERS
from access_policy.entrypoints.http.calls import Call
from access_policy.entrypoints.http.console import agreement_form, words
from access_policy.entrypoints.http.console.consequences import WHAT_IF_DAYS, Count
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.vehicles import common
from access_policy.entrypoints.http.dependencies import Handler, Views, provided
from access_policy.entrypoints.http.responses import not_found
from access_policy.entrypoints.http.v1.agreements import Agreement
from access_policy.entrypoints.http.v1.audit import AuditEntry

router: APIRouter = pages_router()

AGREEMENTS: Final = "/console/agreements"
NEW: Final = "/console/new-agreement"
SOON: Final = timedelta(days=30)
HISTORY_MAX: Final = 50
CHANGERS: Final = visitors(OPERATORS, some_depots=False)
Put = Annotated[Handler, provided(lambda c: c.commands.put_agreement)]


@router.get(AGREEMENTS, dependencies=visitors(READERS))
async def agreements(here: Here, views: Views) -> HTMLResponse:
    found = [(each, _state(each, here.now)) for each in await _all(here, views)]
    found.sort(key=lambda each: (_ORDER.index(each[1]), _ends(each[0]) or datetime.max.replace(tzinfo=here.now.tzinfo)))
    return here.page("agreements.html", agreements=found, agreements_base=AGREEMENTS, new=NEW, **common(here))


@router.get(NEW, dependencies=CHANGERS)
async def new_agreement(here: Here) -> HTMLResponse:
    return _page(here, None, Form.of({}, version=0))


@router.post(NEW, dependencies=CHANGERS)
async def record(request: Request, here: Here, views: Views, sent: Sent, handler: Put) -> Response:
    sent = agreement_form.tidied(sent)
    agreement_id = sent.text("agreement_id")
    try:
        if not agreement_id:
            raise invalid({"agreement_id": "Enter an id for the agreement, such as city-couriers."})
        if await views.agreement(here.caller.tenant_id, AgreementId(agreement_id)) is not None:
            raise invalid({"agreement_id": f"{agreement_id} exists already; choose another id."})
        await _put(request, here, agreement_id, sent, handler, expected=0)
    except REFUSALS as error:
        return _page(here, None, sent.refused(error), status=422)
    return here.done(href_of(here, agreement_id), f"{sent.text('name')} is recorded.")


@router.get(AGREEMENTS + "/{agreement_id}", dependencies=visitors(READERS))
async def agreement(here: Here, agreement_id: str, views: Views) -> HTMLResponse:
    stored = await _stored(here, views, agreement_id)
    form = Form.of(agreement_form.values_of(stored, here.zone), stored.version)
    return _page(here, stored, form, history=await _history(here, views, agreement_id))


@router.post(AGREEMENTS + "/{agreement_id}", dependencies=CHANGERS)
async def amend(request: Request, here: Here, agreement_id: str, views: Views, sent: Sent, handler: Put) -> Response:
    sent = agreement_form.tidied(sent)
    try:
        await _put(request, here, agreement_id, sent, handler, expected=sent.version)
    except REFUSALS as error:
        stored = await _stored(here, views, agreement_id)
        refused = sent.refused(error, agreement_form.values_of(stored, here.zone))
        return _page(here, stored, refused, history=await _history(here, views, agreement_id), status=422)
    return here.done(href_of(here, agreement_id), f"{sent.text('name')} is saved.")


@router.get(AGREEMENTS + "/{agreement_id}/end", dependencies=CHANGERS)
async def ask(here: Here, agreement_id: str, views: Views) -> HTMLResponse:
    stored = await _stored(here, views, agreement_id)
    return await _question(here, views, stored, Form.of({}, stored.version))


@router.get(AGREEMENTS + "/{agreement_id}/end/what-if", dependencies=CHANGERS)
async def consequence(here: Here, agreement_id: str, count: Count) -> HTMLResponse:
    """Return the what-if part of the page that asks for confirmation."""
    change = ProposedAgreement(agreement_id=AgreementId(agreement_id), agreement=None)
    found = await count(here.caller.tenant_id, Proposal(agreements=(change,)), None, days=WHAT_IF_DAYS)
    return here.page("what_if_counted.html", found=found)


@router.post(AGREEMENTS + "/{agreement_id}/end", dependencies=CHANGERS)
async def end(
    request: Request,
    here: Here,
    agreement_id: str,
    views: Views,
    sent: Sent,
    handler: Annotated[Handler, provided(lambda c: c.commands.end_agreement)],
) -> Response:
    try:
        command = EndAgreement(agreement_id=AgreementId(agreement_id), expected_version=sent.version)
        await Call(request, Response(), here.caller)(handler, command)
    except REFUSALS as error:
        stored = await _stored(here, views, agreement_id)
        return await _question(here, views, stored, sent.refused(error, {}), status=422)
    return here.done(href_of(here, agreement_id), f"{agreement_id} has ended.")


def href_of(here: Visit, agreement_id: str) -> str:
    return here.url(f"{AGREEMENTS}/{quote(agreement_id, safe='')}")


async def _put(
    request: Request, here: Visit, agreement_id: str, sent: Form, handler: Handler, *, expected: int | None
) -> None:
    body = agreement_form.body_of(sent, here.zone)
    command = PutAgreement(agreement=body.agreement(AgreementId(agreement_id)), expected_version=expected)
    await Call(request, Response(), here.caller)(handler, command)


async def _stored(here: Visit, views: Views, agreement_id: str) -> Agreement:
    row = await views.agreement(here.caller.tenant_id, AgreementId(agreement_id))
    if row is None:
        raise not_found("agreement")
    return Agreement.of(row)


async def _all(here: Visit, views: Views) -> list[Agreement]:
    rows: list[Row] = []
    cursor = None
    while True:
        page = await views.agreements(here.caller.tenant_id, cursor=cursor, limit=PAGE_MAX)
        rows += page.items
        if (cursor := page.next_cursor) is None:
            return [Agreement.of(row) for row in rows]


async def _history(here: Visit, views: Views, agreement_id: str) -> list[AuditEntry] | None:
    """Return the amendments, newest first; None for visitors who may not read the audit."""
    if not here.may(AUDITORS) or here.caller.depots is not None:
        return None
    wanted = AuditFilter(kind="change", subject_kind="agreement", subject_id=agreement_id)
    page = await views.audit(here.caller.tenant_id, wanted, cursor=None, limit=HISTORY_MAX)
    return [AuditEntry.of(row) for row in page.items]


_ORDER: Final = ("ends_soon", "running", "coming", "ended")


def _state(found: Agreement, now: datetime) -> str:
    ends = _ends(found)
    if ends is not None and ends <= now:
        return "ended"
    if found.valid_from > now:
        return "coming"
    return "ends_soon" if ends is not None and ends - now <= SOON else "running"


def _ends(found: Agreement) -> datetime | None:
    return min((each for each in (found.valid_until, found.ended_at) if each is not None), default=None)


def _page(
    here: Visit, stored: Agreement | None, form: Form, *, history: list[AuditEntry] | None = None, status: int = 200
) -> HTMLResponse:
    context: dict[str, Any] = {
        "agreement": stored,
        "state": None if stored is None else _state(stored, here.now),
        "form": form,
        "rows": agreement_form.rows_shown(form),
        "days": agreement_form.DAYS,
        "kinds": list(words.KINDS.items()),
        "depots": [(each.depot_id, each.settings.name) for each in here.depots],
        "history": history,
        "agreements_base": AGREEMENTS,
        "action": here.url(NEW) if stored is None else href_of(here, stored.agreement_id),
    }
    return here.page("agreement.html", status=status, **context, **common(here))


async def _question(here: Visit, views: Views, stored: Agreement, form: Form, *, status: int = 200) -> HTMLResponse:
    of_it = await views.vehicles(here.caller.tenant_id, agreement_id=stored.agreement_id, limit=PAGE_MAX)
    path = f"{AGREEMENTS}/{quote(stored.agreement_id, safe='')}/end"
    return here.page(
        "agreement_end.html",
        status=status,
        agreement=stored,
        vehicles=of_it.items,
        has_more=of_it.next_cursor is not None,
        form=form,
        back=href_of(here, stored.agreement_id),
        action=here.url(path),
        counted_by=here.url(f"{path}/what-if"),
    )
