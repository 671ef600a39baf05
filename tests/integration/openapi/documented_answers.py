"""Schemathesis's requests to the API and their checks. Only tests import this module, inside their functions, because importing
schemathesis takes half a CPU second."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.python import asgi

from access_policy.application.ports.identity import Role
from tests.support.http_api import HttpApi
from tests.support.operations import roles_of

DERIVED_IN_S = 120  # the document takes a second of CPU time, and much longer by the clock on a busy machine
NAMED = (  # the parts of a case in which existing ids are inserted
    (ParameterLocation.PATH, ParameterLocation.BODY),
    (ParameterLocation.BODY,),
    (ParameterLocation.PATH,),
    (),
)
# The domain may refuse a body that fits its schema (a rule that never occurs), with 422 and a pointer. All other checks are
# schemathesis's defaults.
CONFIG = {
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "412", "422"]},
        "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "409", "412", "422"]},
    }
}
ONE_END = {"for": "PT2H", "until": None, "until_next_transition": False, "from": None}


class OnTheLoop:
    """Replaces anyio's portal to a loop in another thread, because schemathesis waits for each response anyway."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async def called() -> Any:
            found = function(*arguments)
            return await found if inspect.isawaitable(found) else found

        return self._loop.run_until_complete(called())

    def start_task_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        return self._loop.create_task(function())


@contextmanager
def asked_on(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let schemathesis call applications on this loop until the block ends."""
    with patch.object(asgi, "_get_portal", lambda: OnTheLoop(loop)):
        yield
        asgi.shutdown_lifespans()


def answers_to_cases(operation_id: str, api: HttpApi, there: Mapping[str, Any], cases_max: int) -> Counter[str]:
    """Check the responses to so many cases of each mode, and return the number of responses by status."""
    role = Role.INSTALLATION if roles_of(operation_id) == {Role.INSTALLATION} else Role.ADMIN
    operation = _schema(api, role).find_operation_by_id(operation_id)
    answered: Counter[str] = Counter()

    def answer(case: schemathesis.Case, named: tuple[ParameterLocation, ...]) -> None:
        for location in named:
            _name(case, location, there)
        if operation_id == "stream":
            _end_after_the_replay(case)
        response = case.call_and_validate()
        answered[f"{response.status_code}"] += 1

    for mode in (
        GenerationMode.NEGATIVE,
        GenerationMode.POSITIVE,
    ):  # refused requests first, because they change nothing for the others
        cases = operation.as_strategy(generation_mode=mode)
        asked = given(case=cases, named=st.sampled_from(NAMED))(answer)
        try:
            seed(1)(settings(_unhurried(), max_examples=cases_max)(asked))()
        except Exception as error:
            if type(error).__name__ != "Unsatisfiable":
                raise
    return answered


def answers_to_chains(api: HttpApi, there: Mapping[str, Any], chains_max: int, length: int) -> Counter[str]:
    """Check the responses to so many chains of requests, and return the number of responses by status."""
    answered: Counter[str] = Counter()
    of_an_admin = _schema(api).exclude(func=_is_for_the_installation_only)

    class Chain(of_an_admin.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: schemathesis.Case) -> None:
            _name(case, ParameterLocation.BODY, there)

        def after_call(self, response: schemathesis.Response, case: schemathesis.Case) -> None:
            answered[f"{response.status_code}"] += 1

    run_state_machine_as_test(
        seed(1)(Chain), settings=settings(_unhurried(), max_examples=chains_max, stateful_step_count=length)
    )
    return answered


def _unhurried() -> settings:
    return settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


_schemas: dict[tuple[FastAPI, Role], schemathesis.BaseSchema] = {}


def _schema(api: HttpApi, role: Role = Role.ADMIN) -> schemathesis.BaseSchema:
    """Read the schema once per application. The tests of a process share applications, and the keys that sign tokens."""
    if (api.app, role) not in _schemas:
        config = CONFIG | {"auth": {"openapi": {"HTTPBearer": {"bearer": api.token(role)}}}}
        config = SchemathesisConfig.from_dict(config)
        _schemas[api.app, role] = schemathesis.openapi.from_asgi(
            "/openapi.json", api.app, config=config, timeout=DERIVED_IN_S
        )
    return _schemas[api.app, role]


# The first of these keys that the data has is the subject's id.
IDS_OF_SUBJECTS = ("vehicle_id", "agreement_id", "booking_id", "envelope_id", "source", "depot_id")


def _name(case: schemathesis.Case, location: ParameterLocation, there: Mapping[str, Any]) -> None:
    """Insert existing ids in the case. A part that is deliberately wrong stays unchanged."""
    part = case.path_parameters if location is ParameterLocation.PATH else case.body
    generated = case.meta.components.get(location)
    if not isinstance(part, dict) or generated is None or generated.mode is not GenerationMode.POSITIVE:
        return
    part |= {name: there[name] for name in part if name in there}
    if case.operation.definition.raw["operationId"] == "override_mode" and location is ParameterLocation.BODY:
        part |= ONE_END
    if case.operation.definition.raw["operationId"] == "add_exception" and location is ParameterLocation.BODY:
        part["calendar_id"] = None  # a body has either dates or a calendar
    if case.operation.definition.raw["operationId"] == "take_event" and location is ParameterLocation.BODY:
        detail = part["detail"]
        detail["tenant_id"] = "acme"
        ids = (detail["data"].get(name) for name in IDS_OF_SUBJECTS)
        detail["aggregate"]["id"] = next(each for each in ids if each is not None)
    if case.meta.generation.mode is GenerationMode.POSITIVE:  # in negative cases, a wrong header may be what is tested
        for header in ("If-Match", "If-None-Match"):
            case.headers.pop(header, None)


def _is_for_the_installation_only(context: Any) -> bool:
    """Return whether the operation refuses an admin, who sends the chains. The test of single operations sends them as the
    installation."""
    return roles_of(context.operation.definition.raw["operationId"]) == {Role.INSTALLATION}


def _end_after_the_replay(case: schemathesis.Case) -> None:
    """Insert existing ids in `follow`, unless it is deliberately wrong."""
    if str(case.query.get("follow", True)).lower() in ("true", "1", "yes", "on", "t", "y"):
        case.query["follow"] = "false"
