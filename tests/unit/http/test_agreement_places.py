"""The depots and chargers that an agreement names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from access_policy.adapters.event_intake.messages import read
from access_policy.application.ports.event_intake import IntakeStatus
from tests.support.http_api import HttpApi
from tests.support.incoming import agreement_changed
from tests.unit.http.conftest import DEPOT, SECOND_CHARGER

GUESTS = {"name": "Guests", "fleet": "City", "valid_from": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("places", "code", "pointer"),
    [
        ({"depot_ids": ["north", "nroth"]}, "agreement-depot-unknown", "/depot_ids"),
        ({"charger_ids": ["bay-1", "nroth"]}, "agreement-charger-unknown", "/charger_ids"),
    ],
)
async def test_agreement_that_names_an_unknown_place_is_refused_and_nothing_is_recorded(
    api: HttpApi, places: dict[str, Any], code: str, pointer: str
) -> None:
    before = await api.position()

    refused = await api.send("PUT", "/v1/agreements/guests", {**GUESTS, **places})

    problem = refused.json()
    assert (refused.status_code, problem["type"].rpartition(":")[2]) == (422, code)
    assert [each["pointer"] for each in problem["errors"]] == [pointer]
    assert "nroth" in problem["detail"]
    assert await api.events_after(before) == []


async def test_agreement_may_name_a_retired_charger(api: HttpApi) -> None:
    await api.done("DELETE", "/v1/chargers/bay-1", None)

    assert (await api.send("PUT", "/v1/agreements/guests", {**GUESTS, "charger_ids": ["bay-1"]})).status_code == 201


@pytest.mark.parametrize(
    ("places", "code", "registered"),
    [
        ({"depot_ids": ["later"]}, "agreement-depot-unknown", ("PUT", "/v1/depots/later", DEPOT)),
        ({"charger_ids": ["bay-2"]}, "agreement-charger-unknown", SECOND_CHARGER),
    ],
)
async def test_agreement_of_another_service_fits_once_its_place_is_registered(
    api: HttpApi, places: dict[str, Any], code: str, registered: tuple[str, str, Any]
) -> None:
    message = read(json.dumps(agreement_changed("couriers", 1, **places)))
    receiver = api.container.intake.receiver()

    early = await receiver.receive(message)
    await api.done(*registered)
    late = await receiver.receive(message)

    assert (early.status, early.code) == (IntakeStatus.NOT_YET, code)
    assert late.status is IntakeStatus.APPLIED
