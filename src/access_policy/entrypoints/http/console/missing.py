"""A page for unknown addresses of the console. Its router comes last."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.responses import not_found

router: APIRouter = pages_router()


@router.get("/console/{path:path}", dependencies=visitors(READERS))
async def missing() -> Response:
    raise not_found("page")
