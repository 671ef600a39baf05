"""Probe one charger: read its settings, and show the capability profiles that fit."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from access_policy.application.queries.probe import Probe
from access_policy.domain.errors import Refused
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.console.charger_settings import meaning_of
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import Form, Sent
from access_policy.entrypoints.http.console.one_charger import At, AtCharger, as_api, of_peer, refused
from access_policy.entrypoints.http.console.profile_words import FITS
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import Process, Profiles, provided
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.v1.probe import ProbedCharger, probe_charger

router: APIRouter = pages_router()


@router.get(CHARGERS + "/{charger_id}/probe", dependencies=visitors(OPERATORS))
async def ask(at: At, profiles: Profiles) -> HTMLResponse:
    return _drawn(at, profiles, Form())


@router.post(CHARGERS + "/{charger_id}/probe", dependencies=visitors(OPERATORS))
async def probe(
    at: At,
    request: Request,
    sent: Sent,
    profiles: Profiles,
    process: Process,
    query: Annotated[Probe, provided(lambda c: c.queries.probe)],
) -> HTMLResponse:
    charger_id = at.charger.charger_id
    asked = as_api(request, f"/v1/chargers/{quote(charger_id, safe='')}/probe", None)
    try:
        found = await probe_charger(asked, at.here.caller, process, query, charger_id)
        probed = ProbedCharger.model_validate_json(of_peer(found)) if isinstance(found, Response) else found
    except (Refused, ApiProblem) as error:
        return _drawn(at, profiles, refused(sent, error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _drawn(at, profiles, sent, probed)


def _drawn(
    at: AtCharger, profiles: Profiles, form: Form, probed: ProbedCharger | None = None, *, status: int = HTTPStatus.OK
) -> HTMLResponse:
    candidates = [] if probed is None else probed.candidates
    return at.here.page(
        "charger_probe.html",
        status=status,
        charger=at.charger,
        form=form,
        probed=probed,
        candidates=[(each, meaning_of(profiles, at.here.caller, each.profile)) for each in candidates],
        present=meaning_of(profiles, at.here.caller, at.charger.profile),
        fits=FITS,
        action=at.url("/probe"),
        back=at.url(),
        settings_of={each.profile: at.url("/settings", profile=each.profile) for each in candidates},
    )
