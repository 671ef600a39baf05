"""`/v1/ocpi-partners`: who may do what, what is shown once, what is refused, and what the audit and the files keep."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from access_policy.adapters.event_stores.serde import DOMAIN_SERDE
from access_policy.application.commands.receive_booking import ReceiveBooking
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.context import Context
from access_policy.domain.ids import ActorId, ChargerId, DepotId, TenantId
from access_policy.domain.reservations.events import ReservationCancelled
from access_policy.domain.reservations.reservation import PartnerRequest, Place, ReservationSource
from tests.support.builders import HOUR, NOON
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER
from tests.unit.http.test_audit_of_records import changed, values

PATH = "/v1/ocpi-partners/DE-HUB"
BODY = {"name": "Truck hub", "own_party": "DE-BTF", "own_name": "Us", "bookable": [{"depot_id": "north"}]}
DEPOT = {"name": "North", "time_zone": "Europe/Berlin"}


@pytest.fixture
async def depot(api: HttpApi) -> HttpApi:
    await api.done("PUT", "/v1/depots/north", DEPOT)
    return api


async def test_partner_put_shows_its_token_once_and_is_read_changed_and_removed(depot: HttpApi) -> None:
    made = await depot.send("PUT", PATH, BODY)
    shown = await depot.get(PATH)
    again = await depot.send("PUT", PATH, {**BODY, "name": "Hub"}, headers={"If-Match": '"1"'})
    stale = await depot.send("PUT", PATH, BODY, headers={"If-Match": '"1"'})

    assert (made.status_code, made.headers["ETag"], made.headers["Cache-Control"]) == (201, '"1"', "no-store")
    assert made.json()["token"].startswith("ocpi_")
    assert len(made.json()["token"]) <= 64
    assert "token" not in shown.json()
    assert (shown.json()["state"], shown.json()["versions_url"]) == ("invited", None)
    assert (again.status_code, again.json()["token"], again.json()["name"]) == (200, None, "Hub")
    assert stale.status_code == 412
    assert (await depot.get("/v1/ocpi-partners")).json()["items"] == [(await depot.get(PATH)).json()]
    assert (await depot.send("DELETE", PATH)).status_code == 200
    assert (await depot.get(PATH)).status_code == 404


async def test_partner_put_again_with_the_same_idempotency_key_shows_no_token_twice(depot: HttpApi) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await depot.send("PUT", PATH, BODY, headers=headers)
    second = await depot.send("PUT", PATH, BODY, headers=headers)

    assert first.json()["token"] is not None
    assert second.json() == {**first.json(), "token": None}


@pytest.mark.parametrize(
    ("path", "changes", "pointer"),
    [
        ("/v1/ocpi-partners/HUB", {}, "/partner_id"),
        ("/v1/ocpi-partners/DE-HUBS", {}, "/partner_id"),
        (PATH, {"own_party": "BTF"}, "/own_party"),
        (PATH, {"name": " "}, "/name"),
        (PATH, {"bookable": [{"depot_id": "south"}]}, "/bookable/0/depot_id"),
        (PATH, {"bookable": [{"depot_id": "north"}, {"depot_id": "north"}]}, "/bookable"),
        (PATH, {"bookable": [{"depot_id": "north", "charger_ids": ["nowhere"]}]}, "/bookable/0/charger_ids"),
        (PATH, {"bookable": [{"depot_id": "north", "group_ids": ["none"]}]}, "/bookable/0/group_ids"),
        (PATH, {"bookable": [{"depot_id": "north", "charger_ids": [""]}]}, "/charger_ids"),
        (PATH, {"terms": {"early_start_min": -1}}, "/terms/early_start_min"),
        (PATH, {"terms": {"shortest_min": 60, "longest_min": 30}}, "/terms/shortest_min"),
        (PATH, {"token": "mine"}, "/token"),
    ],
)
async def test_partner_with_a_setting_that_makes_no_sense_is_refused(
    depot: HttpApi, path: str, changes: dict[str, Any], pointer: str
) -> None:
    refused = await depot.send("PUT", path, {**BODY, **changes})

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert (await depot.get("/v1/ocpi-partners")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"versions_url": "http://hub.example/ocpi", "token": "t"}, "/versions_url"),
        ({"versions_url": "https://127.0.0.1/ocpi", "token": "t"}, "/versions_url"),
        ({"versions_url": "https://hub.example/ocpi", "token": "a b"}, "/token"),
        ({"versions_url": "https://hub.example/ocpi", "token": "x" * 65}, "/token"),
    ],
)
async def test_registration_at_an_impossible_address_or_with_an_impossible_token_is_refused(
    depot: HttpApi, body: dict[str, Any], pointer: str
) -> None:
    await depot.done("PUT", PATH, BODY)
    refused = await depot.send("POST", f"{PATH}/register", body)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_registration_at_a_server_that_is_not_there_says_so_and_leaves_the_token_valid(depot: HttpApi) -> None:
    token = (await depot.done("PUT", PATH, BODY))["token"]
    refused = await depot.send("POST", f"{PATH}/register", {"versions_url": "https://hub.invalid/ocpi", "token": "t"})
    versions = await depot.client.get("/ocpi/versions", headers={"Authorization": f"Token {token}"})

    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":ocpi-partner-not-reached")
    assert versions.status_code == 200


async def test_changes_of_a_partner_are_in_the_audit_without_a_token_or_a_hash_of_one(depot: HttpApi) -> None:
    token = (await depot.done("PUT", PATH, {**BODY, "terms": {"early_start_min": 10}}))["token"]
    await depot.done("POST", f"{PATH}/token", None)
    await depot.done("DELETE", PATH, None)
    await depot.settled()

    put, invited, removed = await changed(depot, "ocpi_partner")
    assert put["subject_id"] == "DE-HUB"
    assert values(put)["name"] == (None, "Truck hub")
    assert values(put)["own party"] == (None, "DE-BTF")
    assert values(invited)["connection"] == (None, "invited")
    assert values(removed)["name"] == ("Truck hub", None)
    log = await depot.container.stores.store().read_log(after=0, limit=1000)
    stored = b"".join(DOMAIN_SERDE.encode(each.event, each.envelope)[1] for each in log)
    assert token.encode() not in stored


async def test_files_of_the_records_contain_no_token_and_no_name_of_a_partner(depot: HttpApi) -> None:
    token = (await depot.done("PUT", PATH, {**BODY, "name": "Zqhub"}))["token"]

    for file in depot.container.settings().data.glob("ocpi*"):
        content = file.read_bytes()
        assert token.encode() not in content
        assert b"Zqhub" not in content or b"ocpi_partner_put" in content


async def booked(api: HttpApi, request_id: str, start: datetime, party: str = "DE-HUB") -> str:
    draft = ReservationDraft(
        place=Place(charger_id=ChargerId("bay-1")),
        start=start,
        end=start + HOUR,
        source=ReservationSource.OCPI,
        request=PartnerRequest(party=party, request_id=request_id, version=1),
    )
    context = Context(tenant_id=TenantId("acme"), actor=ActorId(party), correlation_id="test")
    done = await api.container.commands.receive_booking()(
        context, ReceiveBooking(depot_id=DepotId("north"), draft=draft)
    )
    return str(done.created_id)


async def test_removal_of_a_partner_cancels_its_bookings_to_come_and_keeps_those_that_have_begun(
    depot: HttpApi,
) -> None:
    await depot.done("PUT", "/v1/chargers/bay-1", CHARGER)
    await depot.done("PUT", PATH, BODY)
    begun, to_come = await booked(depot, "b-1", NOON), await booked(depot, "b-2", NOON + 2 * HOUR)
    others = await booked(depot, "b-3", NOON + 4 * HOUR, "DE-OTH")
    before = await depot.position()

    answer = await depot.send("DELETE", PATH)

    assert (answer.status_code, answer.json()) == (
        200,
        {"partner_id": "DE-HUB", "cancelled_reservations": 1, "kept_reservations": 1},
    )
    (cancelled,) = [each for each in await depot.events_after(before) if isinstance(each, ReservationCancelled)]
    assert (cancelled.reservation_id, cancelled.cancelled_by) == (to_come, "tester")
    assert cancelled.reason == "The OCPI partner DE-HUB was removed."
    shown = [(await depot.get(f"/v1/reservations/{each}")).json() for each in (begun, to_come, others)]
    assert [each["status"] for each in shown] == ["due", "cancelled", "at_risk"]  # no charger is connected
