"""The HTTP application: routes, problem documents and middleware."""

from __future__ import annotations

from fastapi import FastAPI

from access_policy import __version__
from access_policy.container import Container
from access_policy.entrypoints.http import console, documentation, health
from access_policy.entrypoints.http.dependencies import ServingProcess, open_parts
from access_policy.entrypoints.http.idempotency_keys import IdempotencyKeys
from access_policy.entrypoints.http.middleware import (
    BodyLimit,
    ForHeader,
    RequestIds,
    StoreFailures,
    StrictTransport,
    TracedRequests,
    wait_for_log_position,
)
from access_policy.entrypoints.http.openapi import DocumentedApi
from access_policy.entrypoints.http.problems import register_problems
from access_policy.entrypoints.http.rate_limits import AddressLimit
from access_policy.entrypoints.http.responses import LOG_POSITION
from access_policy.entrypoints.http.v1 import ROUTERS


def create_app(container: Container, process: ServingProcess) -> FastAPI:
    """Every part that routes and middleware need is open when this returns."""
    app = DocumentedApi(
        title="access_policy",
        version=__version__,
        description="Who may charge when at a depot's chargers.",
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.container = container
    app.state.process = process
    container.identity.accepted()
    container.records.idempotency()
    container.identity.sign_in()
    container.identity.link_sign_in()
    app.include_router(health.router)
    app.include_router(documentation.router)
    for pages in console.ROUTERS:
        app.include_router(pages)
        open_parts(pages.routes, container)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
        open_parts(router.routes, container)
    register_problems(app)
    app.add_middleware(ForHeader, header="idempotency-key", dispatch=IdempotencyKeys())
    app.add_middleware(ForHeader, header=LOG_POSITION, dispatch=wait_for_log_position)
    app.add_middleware(BodyLimit)
    app.add_middleware(StoreFailures)
    app.add_middleware(AddressLimit)
    app.add_middleware(RequestIds)
    app.add_middleware(StrictTransport)
    if (traces := container.stores.traces()) is not None:
        app.add_middleware(TracedRequests, traces=traces)
    return app
