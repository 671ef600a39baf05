"""The OpenAPI document is true: schemathesis asks what it describes, and what it does not, and reads each answer by it.

Each operation is asked of a service of its own that holds a depot, a charger, an agreement and vehicles, so that a run is
the same whatever ran before. Generated ids and texts are often exchanged for those that are there.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.python import asgi

from access_policy.adapters.identity.request_limits import RequestLimits
from access_policy.application.ports.identity import Role
from access_policy.container import Container
from access_policy.entrypoints.http.app import create_app
from access_policy.entrypoints.http.dependencies import ServingProcess
from tests.support.http_api import HttpApi, http_api
from tests.support.lengths import Length
from tests.support.operations import ROUTES, roles_of
from tests.support.threadless_loop import ThreadlessLoop
from tests.unit.http.conftest import GIVEN, NIGHTS, RFID

CASES = Length(ci=2, soak=100, of="cases of each operation and mode")
CHAIN_LENGTH = 10
CHAINS = Length(ci=4, soak=100, of=f"chains of {CHAIN_LENGTH} requests")
CASE_SETTINGS = settings(
    max_examples=CASES.count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
DERIVED_IN_S = 120  # the document: a second of CPU, and much longer on a busy machine
NAMED = (  # where a case names what is there
    (ParameterLocation.PATH, ParameterLocation.BODY),
    (ParameterLocation.BODY,),
    (ParameterLocation.PATH,),
    (),
)
# A body that fits its schema may still say what the domain refuses (a rule that never occurs): 422 with a pointer. Else
# every check is as it comes.
CONFIG = {
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "412", "422"]},
        "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "409", "412", "422"]},
    }
}
THERE = {
    "depot_id": "north",
    "charger_id": "bay-1",
    "agreement_id": "couriers",
    "vehicle_id": "bus-7",
    "profile": "ocpp16-central",
    "time_zone": "Europe/Berlin",
    "language": "de",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "identifier": RFID,
    "identifiers": [],
    "charger_ids": ["bay-1"],
    "depot_ids": ["north"],
    "for": "PT2H",
    "end_day_offset": None,
    "applies_from": None,
    "applies_until": None,
    "except_dates": [],
    "extra_dates": [],
    "except_calendars": [],
    "extra_calendars": ["bavaria"],
    "years": "2026-2028",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": None,
    "hours": [],
    "plate": None,
    "charge_point_id": "CP-1",
    "connectors": None,
    "connector_id": 1,
    "longest_override_days": 7,
    "date": "2026-12-25",
    "until_date": None,
    "at": None,
    "rule": NIGHTS,
    "reason": "a good one",
    "name": "a name",
    "fleet": "a fleet",
}
ONE_END = {"for": "PT2H", "until": None, "until_next_transition": False, "from": None}
MADE_FIRST = (
    (
        "PUT",
        "/v1/depots/north/calendars/bavaria",
        {"name": "Bavaria", "days": [{"date": "2026-12-25", "reason": "Christmas"}]},
        "calendar_id",
    ),
    ("POST", "/v1/chargers/bay-1/mode-rules", NIGHTS, "rule_id"),
    ("POST", "/v1/chargers/bay-1/overrides", {"mode": "freevend", "for": "PT2H", "reason": "visit"}, "override_id"),
    (
        "POST",
        "/v1/chargers/bay-1/exceptions",
        {"date": "2026-12-24", "mode": "freevend", "reason": "holiday"},
        "exception_id",
    ),
    ("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": RFID}, "attempt_id"),
)


class OnTheLoop:
    """In place of anyio's portal to a loop in another thread: schemathesis waits for each answer anyway."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async def called() -> Any:
            found = function(*arguments)
            return await found if inspect.isawaitable(found) else found

        return self._loop.run_until_complete(called())

    def start_task_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        return self._loop.create_task(function())


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = ThreadlessLoop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asgi, "_get_portal", lambda: OnTheLoop(loop))
        yield loop
        asgi.shutdown_lifespans()
    loop.close()


@pytest.fixture
def api(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[HttpApi]:
    opening = http_api(tmp_path, given=(*GIVEN, *((method, path, body) for method, path, body, _ in MADE_FIRST)))
    yield loop.run_until_complete(opening.__aenter__())
    loop.run_until_complete(opening.__aexit__(None, None, None))


@pytest.fixture
def there(api: HttpApi) -> dict[str, Any]:
    """What is there to be named in a request, by the names of parameters and fields."""
    made = zip(MADE_FIRST, api.given[len(GIVEN) :], strict=True)
    return THERE | {name: answer[name] for (*_, name), answer in made}


@pytest.mark.soak(CASES)
@pytest.mark.parametrize("operation_id", ROUTES)
def test_every_answer_is_as_documented(
    operation_id: str,
    api: HttpApi,
    there: dict[str, Any],
    record_property: Callable[[str, object], None],
):
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

    for mode in (GenerationMode.NEGATIVE, GenerationMode.POSITIVE):  # a refused request changes nothing for the others
        cases = operation.as_strategy(generation_mode=mode)
        asked = given(case=cases, named=st.sampled_from(NAMED))(answer)
        try:
            seed(1)(CASE_SETTINGS(asked))()
        except Exception as error:
            if type(error).__name__ != "Unsatisfiable":
                raise
    record_property("answers to schemathesis", dict(answered))


_schemas: dict[tuple[FastAPI, Role], schemathesis.BaseSchema] = {}


def _schema(api: HttpApi, role: Role = Role.ADMIN) -> schemathesis.BaseSchema:
    """Read once for each application, which the tests of a process share, and so do they the keys that tokens are made with."""
    if (api.app, role) not in _schemas:
        config = CONFIG | {"auth": {"openapi": {"HTTPBearer": {"bearer": api.token(role)}}}}
        config = SchemathesisConfig.from_dict(config)
        _schemas[api.app, role] = schemathesis.openapi.from_asgi(
            "/openapi.json", api.app, config=config, timeout=DERIVED_IN_S
        )
    return _schemas[api.app, role]


# The first of these that the data has is the subject's id.
IDS_OF_SUBJECTS = ("vehicle_id", "agreement_id", "booking_id", "envelope_id", "source", "depot_id")


def _name(case: schemathesis.Case, location: ParameterLocation, there: dict[str, Any]) -> None:
    """Let the case name what is there, in place of what nobody made; a part that is wrong on purpose stays so."""
    part = case.path_parameters if location is ParameterLocation.PATH else case.body
    generated = case.meta.components.get(location)
    if not isinstance(part, dict) or generated is None or generated.mode is not GenerationMode.POSITIVE:
        return
    part |= {name: there[name] for name in part if name in there}
    if case.operation.definition.raw["operationId"] == "override_mode" and location is ParameterLocation.BODY:
        part |= ONE_END
    if case.operation.definition.raw["operationId"] == "add_exception" and location is ParameterLocation.BODY:
        part["calendar_id"] = None  # it is for dates or for a calendar
    if case.operation.definition.raw["operationId"] == "take_event" and location is ParameterLocation.BODY:
        detail = part["detail"]
        detail["tenant_id"] = "acme"
        ids = (detail["data"].get(name) for name in IDS_OF_SUBJECTS)
        detail["aggregate"]["id"] = next(each for each in ids if each is not None)
    if case.meta.generation.mode is GenerationMode.POSITIVE:  # else a wrong header may be what is asked about
        for header in ("If-Match", "If-None-Match"):
            case.headers.pop(header, None)


def _is_for_the_installation_only(context: Any) -> bool:
    """An admin is refused, whose requests the chains are; the test of each operation asks these as the installation."""
    return roles_of(context.operation.definition.raw["operationId"]) == {Role.INSTALLATION}


def _end_after_the_replay(case: schemathesis.Case) -> None:
    """A `follow` that is wrong on purpose stays so."""
    if str(case.query.get("follow", True)).lower() in ("true", "1", "yes", "on", "t", "y"):
        case.query["follow"] = "false"


@pytest.mark.soak(CHAINS)
def test_what_one_answer_names_can_be_asked_about_by_the_next_request(
    api: HttpApi, there: dict[str, Any], record_property: Callable[[str, object], None]
):
    """Chains of operations by the ids they give: made, read, changed, taken back, and asked about once more."""
    answered: Counter[str] = Counter()

    of_an_admin = _schema(api).exclude(func=_is_for_the_installation_only)

    class Chain(of_an_admin.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: schemathesis.Case) -> None:
            _name(case, ParameterLocation.BODY, there)

        def after_call(self, response: schemathesis.Response, case: schemathesis.Case) -> None:
            answered[f"{response.status_code}"] += 1

    run_state_machine_as_test(
        seed(1)(Chain),
        settings=settings(
            max_examples=CHAINS.count,
            stateful_step_count=CHAIN_LENGTH,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    record_property("answers to schemathesis", dict(answered))


@pytest.mark.threads
async def test_document_requested_over_http_is_derived_on_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    container = Mock(spec=Container)
    container.identity.address_limits.return_value = RequestLimits(per_s=1, burst=1)
    app = create_app(container, Mock(spec=ServingProcess))
    derived_on: list[int] = []

    def noting_thread() -> dict[str, Any]:
        derived_on.append(threading.get_ident())
        return {"paths": {}}

    monkeypatch.setattr(app, "openapi", noting_thread)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
        answer = await client.get("/openapi.json")

    assert answer.json() == {"paths": {}}
    assert derived_on
    assert threading.get_ident() not in derived_on
