"""`/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from importlib import metadata
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST as METRICS_MEDIA_TYPE

from access_policy import __version__
from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http.auth import requires
from access_policy.entrypoints.http.dependencies import Process
from access_policy.entrypoints.http.fields import ResponseModel

router = APIRouter(tags=["health"])


class Health(ResponseModel):
    status: Literal["ok"]


class Readiness(ResponseModel):
    ready: bool
    parts: dict[str, bool]
    tzdata: str
    version: str


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", operation_id="healthz")
async def healthz() -> Health:
    """Report that the process is running. This does not check the parts that the service depends on."""
    return Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", operation_id="readyz", responses={503: {"model": Readiness}})
async def readyz(process: Process, response: Response) -> Readiness:
    """Report whether all parts that the service needs are available and the projections have caught up."""
    parts = await process.readiness()
    ready = all(parts.values())
    if not ready:
        response.status_code = 503
    return Readiness(ready=ready, parts=parts, tzdata=metadata.version("tzdata"), version=__version__)


@router.get(
    "/metrics",
    operation_id="metrics",
    dependencies=requires({Role.INSTALLATION}),
    response_class=PlainTextResponse,
)
async def metrics(process: Process) -> Response:
    """Return the metrics of the installation in Prometheus' text format: the lag of the log's readers, parked events
    and backlogs."""
    return Response(await process.metrics(), media_type=METRICS_MEDIA_TYPE)
