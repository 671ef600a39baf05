"""The application: routes, problems, and what goes around every request."""

from __future__ import annotations

from importlib import metadata

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST as METRICS_MEDIA_TYPE
from starlette.middleware.base import BaseHTTPMiddleware

from access_policy import __version__
from access_policy.entrypoints.http.addresses import address_must_be_understood
from access_policy.entrypoints.http.answers import answer
from access_policy.entrypoints.http.auth import Caller, Services
from access_policy.entrypoints.http.middleware import BodyLimit, RequestIds, SentBefore, StoreFailures, reads_its_writes
from access_policy.entrypoints.http.openapi import document
from access_policy.entrypoints.http.problems import register_problems
from access_policy.entrypoints.http.services import HttpServices
from access_policy.entrypoints.http.v1 import (
    access,
    calendars,
    chargers,
    depots,
    enrolment,
    events,
    for_many,
    mode_changes,
    profiles,
    registry,
    registry_imports,
    reports,
    schedule,
    sessions,
    what_if,
)

health = APIRouter(tags=["health"])


@health.head("/healthz", include_in_schema=False)
@health.get("/healthz", operation_id="healthz")
async def healthz() -> Response:
    """The process lives; says nothing of what it depends on."""
    return answer({"status": "ok"})


@health.head("/readyz", include_in_schema=False)
@health.get("/readyz", operation_id="readyz")
async def readyz(services: Services) -> Response:
    """What the service needs is there and the projections have caught up."""
    parts = await services.readiness()
    body = {"ready": all(parts.values()), "parts": parts, "tzdata": metadata.version("tzdata"), "version": __version__}
    return answer(body, status=200 if body["ready"] else 503)


@health.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
async def metrics(services: Services, _: Caller) -> Response:
    """What is measured of the installation, in Prometheus' text format: how far behind the log its readers are, what is put
    aside, what waits."""
    return Response(await services.metrics(), media_type=METRICS_MEDIA_TYPE)


def create_app(services: HttpServices) -> FastAPI:
    app = FastAPI(
        title="access_policy",
        version=__version__,
        description="Who may charge when at a depot's chargers.",
        redirect_slashes=False,
    )
    app.state.services = services
    app.include_router(health)
    for module in (
        depots,
        calendars,
        chargers,
        schedule,
        for_many,
        mode_changes,
        registry,
        registry_imports,
        access,
        sessions,
        enrolment,
        what_if,
        reports,
        profiles,
        events,
    ):
        app.include_router(module.router, prefix="/v1", dependencies=[Depends(address_must_be_understood)])
    register_problems(app)
    document(app)
    app.add_middleware(BaseHTTPMiddleware, dispatch=SentBefore())
    app.add_middleware(BaseHTTPMiddleware, dispatch=reads_its_writes)
    app.add_middleware(BodyLimit)
    app.add_middleware(StoreFailures)
    app.add_middleware(RequestIds)
    return app
