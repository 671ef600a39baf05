"""The parts of every HTTP application of the service: problem documents, middleware, and the opening of the parts that
its routes need."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI

from access_policy.container import Container
from access_policy.entrypoints.http.catch_up_retry import CatchUpRetry
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
from access_policy.entrypoints.http.ocpi.envelopes import OcpiEnvelopes
from access_policy.entrypoints.http.oscp.errors import OscpErrors
from access_policy.entrypoints.http.problems import register_problems
from access_policy.entrypoints.http.rate_limits import AddressLimit
from access_policy.entrypoints.http.responses import LOG_POSITION
from access_policy.entrypoints.http.under import API


def attach(app: FastAPI, container: Container, process: ServingProcess) -> None:
    """Give the application its container and process, and open the parts that middleware needs."""
    app.state.container = container
    app.state.process = process
    container.identity.accepted()
    container.records.idempotency()
    container.identity.sign_in()
    container.identity.link_sign_in()


def include(app: FastAPI, container: Container, routers: Iterable[APIRouter]) -> None:
    """Include the routers of the API, and open the parts that their routes need."""
    for router in routers:
        app.include_router(router, prefix=API)
        open_parts(router.routes, container)


def complete(app: FastAPI, container: Container) -> None:
    """Register the problem documents and the middleware."""
    register_problems(app)
    app.add_middleware(CatchUpRetry)
    app.add_middleware(ForHeader, header="idempotency-key", dispatch=IdempotencyKeys())
    app.add_middleware(ForHeader, header=LOG_POSITION, dispatch=wait_for_log_position)
    app.add_middleware(BodyLimit)
    app.add_middleware(StoreFailures)
    app.add_middleware(AddressLimit)
    app.add_middleware(OcpiEnvelopes, clock=container.clock())
    app.add_middleware(OscpErrors)
    app.add_middleware(RequestIds)
    app.add_middleware(StrictTransport)
    if (traces := container.stores.traces()) is not None:
        app.add_middleware(TracedRequests, traces=traces)
