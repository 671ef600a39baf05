"""Each (role, operation) pair, derived from the routes: the roles beside a route are the roles that may call it."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http.auth import Allowed
from access_policy.entrypoints.http.urls import url_must_be_understood
from access_policy.entrypoints.http.v1.routers import ROUTERS
from tests.support.http_api import HttpApi
from tests.support.operations import ROUTES, WITHOUT_TOKEN, roles_of

QUERIES = {"stream": "?follow=false"}  # a stream that follows does not end


async def test_operation_called_with_each_role_admits_exactly_the_roles_beside_its_route(empty_api: HttpApi) -> None:
    served = (await empty_api.client.get("/openapi.json")).json()["paths"]
    operations = {
        operation["operationId"]: (method.upper(), path.replace("{", "no-").replace("}", ""))
        for path, methods in served.items()
        for method, operation in methods.items()
    }

    assert operations.keys() == ROUTES.keys()
    for operation_id in ROUTES.keys() - WITHOUT_TOKEN:
        method, path = operations[operation_id]
        path += QUERIES.get(operation_id, "")
        body: Any = {} if method in ("PUT", "POST") else None
        for role in Role:
            answer = await empty_api.send(method, path, body, role=role)
            assert (answer.status_code == 403) == (role not in roles_of(operation_id)), (
                operation_id,
                role,
                answer.text,
            )
        assert (await empty_api.client.request(method, path, json=body)).status_code == 401, operation_id


@pytest.mark.parametrize("router", ROUTERS, ids=lambda router: router.routes[0].operation_id)
def test_route_of_the_api_names_its_roles_and_then_checks_its_url(router: Any) -> None:
    for route in router.routes:
        roles, url = [each.dependency for each in route.dependencies]
        assert isinstance(roles, Allowed), route.operation_id
        assert roles.roles, route.operation_id
        assert url is url_must_be_understood, route.operation_id
