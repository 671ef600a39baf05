"""The part of the API that an office forwards to its gateway, which has the chargers' connections (ADR 0023).

The gateway imports only these routes: the whole API takes as long to import as everything else that a gateway needs,
and chargers wait while a gateway starts.
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
    """Return the application, with every part that its routes and middleware need already open."""
    app = FastAPI(redirect_slashes=False, openapi_url=None, docs_url=None, redoc_url=None)
    attach(app, container, process)
    include(app, container, ROUTERS)
    complete(app, container)
    return app
