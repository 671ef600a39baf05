"""The operations of the HTTP API and the roles they require, read from the routes."""

from __future__ import annotations

from fastapi.routing import APIRoute

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http import health
from access_policy.entrypoints.http.auth import Allowed
from access_policy.entrypoints.http.v1.routers import ROUTERS

ROUTES = {
    route.operation_id: route
    for router in (health.router, *ROUTERS)
    for route in router.routes
    if isinstance(route, APIRoute) and route.operation_id is not None
}
WITHOUT_TOKEN = frozenset({"healthz", "readyz"})


def roles_of(operation_id: str) -> frozenset[Role]:
    """Empty for an operation that requires no token."""
    required = [each.dependency for each in ROUTES[operation_id].dependencies]
    return frozenset(role for each in required if isinstance(each, Allowed) for role in each.roles)
