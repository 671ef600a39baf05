"""`/docs`: the API's document in Swagger UI, from files of the package."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from access_policy.entrypoints.http.console.routing import pages_router
from access_policy.entrypoints.http.console.security import SECURITY
from access_policy.entrypoints.http.console.templating import environment

router: APIRouter = pages_router()


@router.get("/docs")
async def docs() -> HTMLResponse:
    return HTMLResponse(environment().get_template("docs.html").render(), headers=SECURITY)
