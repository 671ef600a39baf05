"""Routers that compare their routes only with paths below their own: the service has hundreds of routes."""

from __future__ import annotations

from os.path import commonprefix
from typing import Any, Final

from fastapi import APIRouter
from starlette._utils import get_route_path
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

API: Final = "/v1"


class Under(APIRouter):
    """A router whose routes' paths all begin with `beginning`."""

    def __init__(self, beginning: str, **options: Any) -> None:
        super().__init__(**options)
        self._beginning = beginning

    @property
    def beginning(self) -> str:
        return self._beginning

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not get_route_path(scope).startswith(self.beginning):
            return Match.NONE, {}
        return super().matches(scope)


class OwnPaths(Under):
    """A router whose `beginning` follows from its routes and from the prefix `below` with which an application includes
    it."""

    def __init__(self, below: str = "", **options: Any) -> None:
        super().__init__("", **options)
        self._below = below
        self._known = 0  # the number of its routes that `_beginning` covers

    @property
    def beginning(self) -> str:
        if self._known != len(self.routes):
            fixed = [_before_parameters(route) for route in self.routes]
            self._beginning = self._below + commonprefix(fixed)  # noqa: RUF071  characters are compared below, too
            self._known = len(self.routes)
        return self._beginning


def api_router(**options: Any) -> OwnPaths:
    """Return a router for operations of the API."""
    return OwnPaths(API, **options)


def _before_parameters(route: BaseRoute) -> str:
    return str(getattr(route, "path", "")).partition("{")[0]
