"""What stands in an address is understood as a whole, or the request is refused."""

from __future__ import annotations

import pytest

from access_policy.application.ports.identity import Role
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import BUS, STRANGER


@pytest.mark.parametrize(
    ("path", "takes"),
    [
        ("/v1/vehicles?identifer=04A1B2C3", "access_class, agreement_id, cursor, identifier, limit, name"),
        (
            "/v1/access-events?charger=bay-1",
            "charger_id, cursor, decision, depot_id, entrance_id, from, limit, reason, until",
        ),
        ("/v1/depots/north?verbose=1", "no parameters"),
    ],
)
async def test_a_parameter_that_is_not_known_is_refused_with_those_that_are(api: HttpApi, path: str, takes: str):
    answer = await api.get(path)

    assert answer.status_code == 422
    assert takes in answer.json()["detail"]


async def test_a_command_takes_no_unknown_parameter_either(api: HttpApi):
    before = await api.position()

    answer = await api.send("PUT", "/v1/vehicles/bus-9?dry_run=true", {**BUS, "identifiers": []})

    assert answer.status_code == 422
    assert await api.position() == before


async def test_who_may_not_ask_hears_of_that_first(api: HttpApi):
    answer = await api.send("PUT", "/v1/vehicles/bus-9?dry_run=true", BUS, role=Role.VIEWER)

    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_id_in_bytes_that_are_no_utf8_is_refused(api: HttpApi, method: str):
    body = {**BUS, "identifiers": []} if method == "PUT" else None

    answer = await api.send(method, "/v1/vehicles/bus-%FF%FE", body)

    assert answer.status_code == 422
    assert "UTF-8" in answer.json()["detail"]


@pytest.mark.parametrize(("connector_id", "status"), [(None, 200), (1, 200), (2, 422)])
async def test_a_question_about_a_connector_that_the_charger_does_not_have_is_refused(
    api: HttpApi, connector_id: int | None, status: int
):
    question = {"charger_id": "bay-1", "connector_id": connector_id, "identifier": STRANGER}

    answer = await api.send("POST", "/v1/access-decisions", question)

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["pointer"] == "/connector_id"
