"""Routes for all HTTP applications of a process: FastAPI analyses those of each application, which takes half a CPU second.

Only what follows from the routers is shared. An application keeps its container, its process and its middleware.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pkgutil import resolve_name
from typing import Any, Final
from unittest.mock import MagicMock, patch

from fastapi import FastAPI
from starlette.routing import BaseRoute

from access_policy.entrypoints.http.warming import build

CREATING: Final = (
    "access_policy.entrypoints.http.app.create_app",
    "access_policy.entrypoints.http.passed_on.create_passed_on",
)
_first: dict[tuple[type[FastAPI], int, int], BaseRoute] = {}


@contextmanager
def routes_shared() -> Iterator[None]:
    """Applications that are created in the block have the included routers of the first application like them."""
    with ExitStack() as stack:
        for name in CREATING:
            stack.enter_context(patch(name, _sharing(resolve_name(name))))
        yield


def forget_routes() -> None:
    """The next application analyses its routes."""
    _first.clear()


def analyse_routes() -> None:
    """For a process that is forked: share from here on, and analyse what each application would."""
    for name in CREATING:
        patch(name, _sharing(resolve_name(name))).start()
        app = resolve_name(name)(MagicMock(), MagicMock())
        for route in app.router.routes:
            build(route)


def _sharing(create: Callable[..., FastAPI]) -> Callable[..., FastAPI]:
    def create_sharing(container: Any, process: Any) -> FastAPI:
        app = create(container, process)
        app.router.routes[:] = [_shared(app, number, route) for number, route in enumerate(app.router.routes)]
        return app

    return create_sharing


def _shared(app: FastAPI, number: int, route: BaseRoute) -> BaseRoute:
    router = getattr(route, "original_router", None)  # only an included router analyses its routes anew
    return route if router is None else _first.setdefault((type(app), number, id(router)), route)
