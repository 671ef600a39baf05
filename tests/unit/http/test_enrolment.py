"""From a refusal to a registered vehicle: plug in once, be refused, be enrolled, be verified at the next start."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.charging_sessions.reports import StartReport
from access_policy.application.ports.identity import Role
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ChargerId, TenantId
from tests.support.builders import NOON
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import GIVEN, RFID, STRANGER

LORRY = {"vehicle_id": "lorry-1", "name": "Lorry 1", "access_class": "own"}


async def attempt(api: HttpApi, presented: Any) -> dict[str, Any]:
    body = {"charger_id": "bay-1", "identifier": presented}
    return (await api.send("POST", "/v1/access-decisions", body)).json()


async def denied(api: HttpApi, **how: Any) -> list[dict[str, Any]]:
    return (await api.get("/v1/denied-identifiers", **how)).json()["items"]


async def enrolled(api: HttpApi, body: dict[str, Any]) -> Any:
    (group,) = await denied(api, role=Role.VIEWER)  # shows no values, and so records no reading
    return await api.send("POST", f"/v1/denied-identifiers/{group['denied_id']}/enrol", body)


async def started(api: HttpApi, value: str, kind: IdentifierKind = IdentifierKind.RFID) -> None:
    report = StartReport(
        tenant_id=TenantId("acme"),
        charger_id=ChargerId("bay-1"),
        connector_id=1,
        identifier=identifier(kind, value),
        anonymous=False,
        transaction_ids=("tx-1",),
        started_at=NOON,
        meter_start_wh=0,
        offline=False,
        protocol="ocpp1.6",
        message_id="m-1",
        signals=None,
    )
    await api.container.deciding.sessions().start(report)
    await api.settled()


async def test_refused_identifiers_are_grouped_with_their_value_for_those_who_may_enrol_them(api: HttpApi) -> None:
    for _ in range(3):
        await attempt(api, STRANGER)
    await attempt(api, RFID)  # known: not among them
    api.container.clock().forward(minutes=5)
    await attempt(api, {**STRANGER, "value": "04:ff:ff:ff:ff:ff:ff"})

    (group,) = await denied(api, role=Role.OPERATOR)
    (masked,) = await denied(api, role=Role.VIEWER)

    assert (group["kind"], group["value"], group["attempts"]) == ("rfid", "04FFFFFFFFFFFF", 4)
    assert (group["first_seen"], group["last_seen"]) == ("2026-11-18T12:00:00Z", "2026-11-18T12:05:00Z")
    assert group["charger_ids"] == ["bay-1"]
    assert "value" not in masked
    assert masked["masked"] == "…FFFF"
    assert await denied(api, tenant="rival") == []


async def test_a_refused_identifier_becomes_that_of_a_new_vehicle_and_may_charge(api: HttpApi) -> None:
    await attempt(api, STRANGER)

    answer = await enrolled(api, LORRY)

    assert answer.status_code == 201, answer.text
    assert "value" not in answer.json()["identifiers"][0]
    (shown,) = (await api.get("/v1/vehicles/lorry-1")).json()["identifiers"]
    assert (shown["value"], shown["verified_at"]) == ("04FFFFFFFFFFFF", None)
    assert (await attempt(api, STRANGER))["reason"] == "own_vehicle"
    assert await denied(api) == []


async def test_it_is_verified_by_the_next_accepted_start_and_by_that_one_only(api: HttpApi) -> None:
    await attempt(api, STRANGER)
    await enrolled(api, LORRY)

    await started(api, STRANGER["value"])

    (shown,) = (await api.get("/v1/vehicles/lorry-1")).json()["identifiers"]
    assert shown["verified_at"] == "2026-11-18T12:00:00Z"
    (bus,) = (await api.get("/v1/vehicles/bus-7")).json()["identifiers"]
    assert bus["verified_at"] is None


async def test_a_vehicle_that_is_there_stays_what_it_is_and_keeps_its_identifiers(api: HttpApi) -> None:
    await attempt(api, STRANGER)

    answer = await enrolled(api, {"vehicle_id": "bus-7"})

    assert answer.status_code == 201, answer.text
    vehicle = (await api.get("/v1/vehicles/bus-7")).json()
    assert vehicle["name"] == "Bus 7"
    assert [each["value"] for each in vehicle["identifiers"]] == ["04A1B2C3D4E5F6", "04FFFFFFFFFFFF"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"vehicle_id": "bus-7", "access_class": "agreement", "agreement_id": "couriers"}, 409, "leave access_class"),
        ({"vehicle_id": "new"}, 422, "needs its access_class"),
        ({"vehicle_id": "new", "access_class": "agreement", "agreement_id": "nobodys"}, 422, "no agreement"),
        ({"vehicle_id": "a/b", "access_class": "own"}, 422, "vehicle_id"),
        ({}, 422, "is missing"),
    ],
)
async def test_an_enrolment_that_makes_no_sense_is_refused_and_the_identifier_stays(
    api: HttpApi, body: dict[str, Any], status: int, says: str
) -> None:
    await attempt(api, STRANGER)
    before = await api.position()

    answer = await enrolled(api, body)

    assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text
    assert await api.position() == before
    assert len(await denied(api)) == 1


async def test_a_value_that_is_not_kept_any_more_has_to_be_presented_again(api: HttpApi) -> None:
    await attempt(api, STRANGER)
    (group,) = await denied(api)
    api.container.clock().forward(days=31)

    answer = await api.send("POST", f"/v1/denied-identifiers/{group['denied_id']}/enrol", LORRY)

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:access-policy:problem:identifier-not-kept")
    assert await denied(api) == []


@pytest.mark.parametrize("tenant", ["acme", "rival"])
async def test_an_enrolment_of_an_unknown_or_foreign_denied_identifier_is_not_found(api: HttpApi, tenant: str) -> None:
    await attempt(api, STRANGER)
    (group,) = await denied(api)
    denied_id = group["denied_id"] if tenant == "rival" else "none"

    answer = await api.send("POST", f"/v1/denied-identifiers/{denied_id}/enrol", LORRY, tenant=tenant)

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:access-policy:problem:denied-identifier-not-found")


async def test_an_identifier_that_is_enrolled_again_changes_nothing_and_names_its_vehicle(api: HttpApi) -> None:
    await attempt(api, STRANGER)
    (group,) = await denied(api)
    path = f"/v1/denied-identifiers/{group['denied_id']}/enrol"
    await api.send("POST", path, LORRY)
    before = await api.position()

    again = await api.send("POST", path, LORRY)
    for_another = await api.send("POST", path, {**LORRY, "vehicle_id": "lorry-2"})

    assert (again.status_code, again.json()["vehicle_id"]) == (201, "lorry-1")
    assert (for_another.status_code, "lorry-1" in for_another.json()["detail"]) == (409, True)
    assert await api.position() == before


async def test_a_wrong_pin_is_nobodys_to_enrol(api: HttpApi) -> None:
    await attempt(api, {"kind": "pin", "value": "000000"})

    assert await denied(api) == []


async def test_a_card_read_in_the_other_byte_order_is_pointed_out_and_never_matched(api: HttpApi) -> None:
    reversed_card = {"kind": "rfid", "value": "F6E5D4C3B2A104"}
    assert (await attempt(api, reversed_card))["reason"] == "unknown_identifier"

    (group,) = await denied(api)
    found = (await api.get("/v1/vehicles?identifier=F6:E5:D4:C3:B2:A1:04")).json()
    put = (await api.send("PUT", "/v1/vehicles/twin", {**LORRY_BODY, "identifiers": [reversed_card]})).json()

    assert group["byte_reversed_vehicle_id"] == "bus-7"
    assert (found["items"], found["hints"][0]["vehicle_id"]) == ([], "bus-7")
    assert "bus-7" in put["hints"][0]["message"]
    assert put["hints"][0]["pointer"] == "/identifiers/0/value"


LORRY_BODY = {"name": "Lorry 1", "access_class": "own"}


# --- sessions on a charger --------------------------------------------------------------------------------------------

SESSION = "/v1/chargers/bay-1/enrolment-session"


async def state(api: HttpApi) -> str:
    return (await api.get(SESSION)).json()["state"]


async def test_the_next_unknown_identifier_at_an_armed_charger_is_offered(api: HttpApi) -> None:
    await attempt(api, {"kind": "rfid", "value": "04EEEEEEEEEEEE"})  # before
    armed = await api.send("POST", SESSION, {"minutes": 5})
    assert (armed.status_code, armed.json()["state"]) == (201, "armed")
    await attempt(api, RFID)  # known
    assert await state(api) == "armed"
    await attempt(api, STRANGER)
    await attempt(api, {"kind": "rfid", "value": "04DDDDDDDDDDDD"})  # after

    session = (await api.get(SESSION)).json()
    answer = await api.send("POST", f"/v1/denied-identifiers/{session['denied_id']}/enrol", LORRY)

    assert (session["state"], session["offered"]["masked"]) == ("offered", "…FFFF")
    assert answer.json()["identifiers"][0]["masked"] == "…FFFF"
    done = (await api.get(SESSION)).json()
    assert (done["state"], done["vehicle_id"]) == ("enrolled", "lorry-1")


async def test_a_session_ends_by_itself(api: HttpApi) -> None:
    await api.send("POST", SESSION, {"minutes": 5})
    api.container.clock().forward(minutes=5)
    await attempt(api, STRANGER)

    assert await state(api) == "expired"


async def test_a_session_can_be_cancelled_and_begun_anew(api: HttpApi) -> None:
    await api.send("POST", SESSION, {"minutes": 5})
    assert (await api.send("DELETE", SESSION)).status_code == 204
    assert await state(api) == "cancelled"
    await attempt(api, STRANGER)
    assert await state(api) == "cancelled"

    await api.send("POST", SESSION, {})

    assert await state(api) == "armed"


async def test_sessions_of_chargers_that_are_not_there_are_not_there(api: HttpApi) -> None:
    assert (await api.get(SESSION)).status_code == 404
    assert (await api.send("DELETE", SESSION)).status_code == 404
    assert (await api.send("POST", "/v1/chargers/none/enrolment-session", {})).status_code == 404
    assert (await api.send("POST", SESSION, {"minutes": 0})).status_code == 422
    assert (await api.send("POST", SESSION, {}, role=Role.VIEWER)).status_code == 403
    await api.send("DELETE", "/v1/chargers/bay-1")
    assert (await api.send("POST", SESSION, {})).status_code == 409


# --- a vehicle that changes its MAC at each connection ----------------------------------------------------------------

CAR_MAC = {"kind": "mac", "value": "VID:020000000001"}
NEXT_MAC = {"kind": "mac", "value": "VID:020000000002"}


async def enrolled_by_mac(api: HttpApi, presented: dict[str, str] = CAR_MAC) -> None:
    await api.send("POST", SESSION, {"minutes": 5})
    await attempt(api, presented)
    denied_id = (await api.get(SESSION)).json()["denied_id"]
    await api.send("POST", f"/v1/denied-identifiers/{denied_id}/enrol", LORRY)


async def other_mac(api: HttpApi, **how: Any) -> Any:
    session = (await api.get(SESSION, **how)).json()
    assert session["state"] == "enrolled"
    return session["other_mac"]


@pytest.mark.parametrize("minutes", [1, 30])
async def test_another_mac_after_an_enrolled_one_hints_at_a_vehicle_that_changes_its_mac(
    api: HttpApi, minutes: int
) -> None:
    await enrolled_by_mac(api)
    assert await other_mac(api) is None
    api.container.clock().forward(minutes=minutes)
    await attempt(api, NEXT_MAC)

    hint = await other_mac(api)

    assert (hint["kind"], hint["masked"][-4:]) == ("mac", "0002")
    assert hint["denied_id"] == (await denied(api))[0]["denied_id"]


async def test_the_console_says_at_the_enrolment_of_the_other_mac_that_the_vehicle_changes_it(api: HttpApi) -> None:
    await attempt(api, NEXT_MAC)
    (group,) = await denied(api)
    before = await api.get(f"/console/denied-identifiers/{group['denied_id']}/enrol")
    await enrolled_by_mac(api)
    api.container.clock().forward(minutes=1)
    await attempt(api, {**NEXT_MAC, "value": "VID:020000000003"})
    other = await other_mac(api)

    after = await api.get(f"/console/denied-identifiers/{other['denied_id']}/enrol")

    assert (before.status_code, after.status_code) == (200, 200)
    assert "changes its MAC" not in before.text
    assert "Vehicle lorry-1 was enrolled at this charger by another MAC" in after.text


async def test_another_mac_after_more_than_30_minutes_is_no_hint(api: HttpApi) -> None:
    await enrolled_by_mac(api)
    api.container.clock().forward(minutes=30, seconds=1)
    await attempt(api, NEXT_MAC)

    assert await other_mac(api) is None


async def test_another_mac_that_was_denied_before_belongs_to_another_vehicle(api: HttpApi) -> None:
    await attempt(api, NEXT_MAC)
    api.container.clock().forward(minutes=1)
    await enrolled_by_mac(api)
    api.container.clock().forward(minutes=1)
    await attempt(api, NEXT_MAC)

    assert await other_mac(api) is None


@pytest.mark.parametrize(
    ("enrolled_with", "then"), [(STRANGER, NEXT_MAC), (CAR_MAC, STRANGER)], ids=["card-then-mac", "mac-then-card"]
)
async def test_only_macs_hint_at_a_changing_mac(
    api: HttpApi, enrolled_with: dict[str, str], then: dict[str, str]
) -> None:
    await enrolled_by_mac(api, enrolled_with)
    api.container.clock().forward(minutes=1)
    await attempt(api, then)

    assert await other_mac(api) is None


async def test_a_verified_mac_does_not_change(api: HttpApi) -> None:
    await enrolled_by_mac(api)
    api.container.clock().forward(minutes=1)
    await attempt(api, NEXT_MAC)
    assert await other_mac(api) is not None

    await started(api, CAR_MAC["value"], IdentifierKind.MAC)

    assert await other_mac(api) is None


async def test_a_mac_at_another_charger_is_no_hint(two: HttpApi) -> None:
    await enrolled_by_mac(two)
    two.container.clock().forward(minutes=1)

    elsewhere = await two.send("POST", "/v1/access-decisions", {"charger_id": "bay-2", "identifier": NEXT_MAC})

    assert elsewhere.json()["reason"] == "unknown_identifier"
    assert await other_mac(two) is None


async def test_a_mac_of_another_tenant_is_no_hint(api: HttpApi) -> None:
    for method, path, body in GIVEN[:2]:
        await api.send(method, path, {**body, "charge_point_id": "CP-9"} if "profile" in body else body, tenant="rival")
    await enrolled_by_mac(api)
    api.container.clock().forward(minutes=1)

    foreign = await api.send(
        "POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": NEXT_MAC}, tenant="rival"
    )

    assert foreign.json()["reason"] == "unknown_identifier"
    assert await other_mac(api) is None
