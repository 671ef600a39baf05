"""Routes below one path."""

from __future__ import annotations

from fastapi import APIRouter
from starlette._utils import get_route_path
from starlette.routing import Match
from starlette.types import Scope


class Under(APIRouter):
    """A router whose routes all begin with `path`. Requests for other paths pass it without a look at each of them, and its
    own need not be last."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = f"{path}/"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not get_route_path(scope).startswith(self._path):
            return Match.NONE, {}
        return super().matches(scope)
