"""The HTTP application: the API, its documentation and the console."""

from __future__ import annotations

from fastapi import FastAPI

from access_policy import __version__
from access_policy.container import Container
from access_policy.entrypoints.http import console, documentation, health
from access_policy.entrypoints.http.assembly import attach, complete, include
from access_policy.entrypoints.http.dependencies import ServingProcess, open_parts
from access_policy.entrypoints.http.ocpi import routers as ocpi
from access_policy.entrypoints.http.ocpi.urls import OCPI
from access_policy.entrypoints.http.openapi import DocumentedApi
from access_policy.entrypoints.http.oscp import routers as oscp
from access_policy.entrypoints.http.oscp.urls import OSCP
from access_policy.entrypoints.http.under import Under
from access_policy.entrypoints.http.v1.routers import ROUTERS


def create_app(container: Container, process: ServingProcess) -> FastAPI:
    """Return the application, with every part that routes and middleware need already open."""
    app = DocumentedApi(
        title="access_policy",
        version=__version__,
        description="Decides who may charge at a depot's chargers, and when.",
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    attach(app, container, process)
    for prefix, modules in ((OCPI, ocpi.ROUTERS), (OSCP, oscp.ROUTERS)):
        partners = Under(f"{prefix}/")
        for module in modules:
            partners.include_router(module)
            open_parts(module.routes, container)
        app.include_router(partners, prefix=prefix)
    app.include_router(health.router)
    app.include_router(documentation.router)
    for pages in console.ROUTERS:
        app.include_router(pages)
        open_parts(pages.routes, container)
    include(app, container, ROUTERS)
    container.ocpi.credentials()
    complete(app, container)
    return app
