"""A container and its HTTP application that serve one test after another: to build them takes longer than most tests.

Between two tests everything that was opened is closed, every replaced part is put back, and every object is forgotten:
tests share the wiring and the routes, and nothing that changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from unittest.mock import Mock

from dependency_injector import providers
from fastapi import FastAPI
from starlette.routing import BaseRoute

from access_policy.container import Container
from access_policy.containers.closing import close_initialised
from access_policy.entrypoints.http.app import create_app
from access_policy.entrypoints.http.dependencies import ServingProcess


class ReusedService:
    def __init__(self) -> None:
        self.container = Container()
        self._providers: list[providers.Provider[Any]] = list(self.container.traverse())
        self._wired = [provider.last_overriding for provider in self._providers]  # nested containers' dependencies
        self._remembering = [each for each in self._providers if isinstance(each, providers.BaseSingleton)]
        self._resources = [each for each in self._providers if isinstance(each, providers.Resource)]
        self._app: FastAPI | None = None

    def app(self, process: ServingProcess) -> FastAPI:
        """The application, over what the container provides now."""
        if self._app is None:
            self._app = create_app(self.container, process)
            _share_routes(self._app)
            self._app.openapi = openapi_document  # type: ignore[method-assign]
        self._app.state.process = process
        return self._app

    async def empty(self) -> None:
        await close_initialised(self._resources)
        for provider, wired in zip(self._providers, self._wired, strict=True):
            while provider.last_overriding is not wired:
                provider.reset_last_overriding()
        for provider in self._remembering:
            provider.reset()


_idle: list[ReusedService] = []
_analysed_routes: list[BaseRoute] = []


@asynccontextmanager
async def reused_service() -> AsyncIterator[ReusedService]:
    """One that no other test uses now; a test may use several at once. After a failure it is not used again."""
    service = _idle.pop() if _idle else ReusedService()
    yield service
    await service.empty()
    _idle.append(service)


@cache
def openapi_document() -> dict[str, Any]:
    """Return the document, which all applications of the service share. Callers must not change it."""
    app = create_app(Mock(spec=Container), Mock(spec=ServingProcess))
    _share_routes(app)
    return app.openapi()


def _share_routes(app: FastAPI) -> None:
    """Let all apps of this process use the routes of the first: FastAPI analyses a route at its first request."""
    if not _analysed_routes:
        _analysed_routes.extend(app.router.routes)
    app.router.routes[:] = _analysed_routes
