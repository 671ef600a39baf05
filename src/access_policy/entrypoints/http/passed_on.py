"""The part of the API that an office passes on to its gateway, which has the chargers' connections (ADR 0023).

The gateway imports these routes alone: the whole API takes as long to import as all else that a gateway needs, and chargers
wait for a gateway that starts.
"""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from access_policy.container import Container
from access_policy.entrypoints.http.assembly import attach, complete, include
from access_policy.entrypoints.http.dependencies import ServingProcess
from access_policy.entrypoints.http.v1 import access_decisions, charger_calls, chargers, probe, sessions

ROUTERS: Final = (
    access_decisions.router,
    charger_calls.router,
    chargers.router,
    probe.router,
    sessions.router,
)


def create_passed_on(container: Container, process: ServingProcess) -> FastAPI:
    """Every part that these routes and middleware need is open when this returns."""
    app = FastAPI(redirect_slashes=False, openapi_url=None, docs_url=None, redoc_url=None)
    attach(app, container, process)
    include(app, container, ROUTERS)
    complete(app, container)
    return app
