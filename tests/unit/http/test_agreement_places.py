"""The depots that an agreement names."""

from __future__ import annotations

import json

from access_policy.adapters.event_intake.messages import read
from access_policy.application.ports.event_intake import IntakeStatus
from tests.support.http_api import HttpApi
from tests.support.incoming import agreement_changed
from tests.unit.http.conftest import DEPOT

GUESTS = {"name": "Guests", "fleet": "City", "valid_from": "2026-01-01T00:00:00Z"}


async def test_agreement_that_names_an_unknown_depot_is_refused_and_nothing_is_recorded(api: HttpApi) -> None:
    before = await api.position()

    refused = await api.send("PUT", "/v1/agreements/guests", {**GUESTS, "depot_ids": ["north", "nroth"]})

    problem = refused.json()
    assert (refused.status_code, problem["type"].rpartition(":")[2]) == (422, "agreement-depot-unknown")
    assert [each["pointer"] for each in problem["errors"]] == ["/depot_ids"]
    assert "nroth" in problem["detail"]
    assert await api.events_after(before) == []


async def test_agreement_of_another_service_fits_once_its_depot_is_registered(api: HttpApi) -> None:
    message = read(json.dumps(agreement_changed("couriers", 1, depot_ids=["later"])))
    receiver = api.container.intake.receiver()

    early = await receiver.receive(message)
    await api.done("PUT", "/v1/depots/later", DEPOT)
    late = await receiver.receive(message)

    assert (early.status, early.code) == (IntakeStatus.NOT_YET, "agreement-depot-unknown")
    assert late.status is IntakeStatus.APPLIED
