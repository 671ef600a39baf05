"""The routes that a gateway serves to its office."""

from __future__ import annotations

import inspect

from fastapi.routing import APIRoute

from access_policy.entrypoints.http import passed_on
from tests.support.operations import ROUTES


def test_each_operation_that_asks_another_process_is_served_by_the_gateway() -> None:
    asking = {name for name, route in ROUTES.items() if "process.peers" in inspect.getsource(route.endpoint)}

    served = {
        route.operation_id
        for router in passed_on.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.operation_id is not None
    }

    assert {"rotate_password", "end_session", "decide_access"} <= asking
    assert asking <= served
