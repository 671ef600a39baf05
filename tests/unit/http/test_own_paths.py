"""A router compares its routes only with paths that begin as its routes do, and finds each of its routes."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match

from access_policy.entrypoints.http.under import API, OwnPaths, api_router
from access_policy.entrypoints.http.v1.routers import ROUTERS


def asked_for(router: OwnPaths, path: str) -> Any:
    app = FastAPI()
    app.include_router(router)
    return app.routes[-1].matches({"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []})[0]


async def nothing() -> None: ...


def test_beginning_of_a_router_follows_from_its_routes() -> None:
    router = api_router()
    router.add_api_route("/depots/{depot_id}/calendar", nothing)
    assert router.beginning == "/v1/depots/"

    router.add_api_route("/depots", nothing)
    assert router.beginning == "/v1/depots"

    router.add_api_route("/departures", nothing)
    assert router.beginning == "/v1/dep"


def test_path_below_none_of_the_routes_is_compared_with_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    router = OwnPaths()
    router.add_api_route("/depots/{depot_id}", nothing)
    looks: list[str] = []

    def look(route: APIRoute, scope: Any) -> tuple[Match, dict[str, Any]]:
        looks.append(scope["path"])
        return Match.FULL, {}

    monkeypatch.setattr(APIRoute, "matches", look)

    assert asked_for(router, "/chargers/bay-1") is Match.NONE
    assert looks == []
    assert asked_for(router, "/depots/north") is Match.FULL
    assert looks == ["/depots/north"]


@pytest.mark.parametrize("router", ROUTERS, ids=lambda router: router.routes[0].operation_id)
def test_routers_of_the_api_have_paths_of_their_own(router: Any) -> None:
    assert isinstance(router, OwnPaths)
    assert router.beginning.startswith(f"{API}/")
