"""`/` and `/console/` lead to the board."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console.here import Here
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.security import SECURITY

BOARD = "/console/board"

router: APIRouter = pages_router()


@router.get("/")
@router.get("/console")
async def root() -> Response:
    return RedirectResponse("/console/", HTTPStatus.SEE_OTHER, SECURITY)


@router.get("/console/", dependencies=visitors(READERS))
async def console(here: Here) -> Response:
    return RedirectResponse(here.url(BOARD), HTTPStatus.SEE_OTHER, SECURITY)


@router.get("/console/signed-in", dependencies=visitors(READERS))
async def signed_in(here: Here) -> Response:
    """Show a page in the tab in which a person signs in again while a form is half filled in elsewhere."""
    return here.page("signed_in.html")
