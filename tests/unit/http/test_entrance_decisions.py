"""Decisions at an entrance over HTTP: who may enter, what is recorded, and where it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.decision_view.reloading import reload
from access_policy.application.ports.identity import Role
from access_policy.domain.ids import TenantId
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER, RFID, STRANGER
from tests.unit.http.test_entrances import problem, put

PLATE = {"kind": "plate", "value": "B AB 1234"}
UNKNOWN_PLATE = {"kind": "plate", "value": "HH XY 99"}
CODE = {"kind": "pin", "value": "7391"}
SOON = {"start": "2026-11-18T12:30:00Z", "end": "2026-11-18T14:00:00Z"}  # the clock stands at noon of that day


async def enter(api: HttpApi, identifier: dict[str, str] = RFID, **body: Any) -> dict[str, Any]:
    answer = await api.send("POST", "/v1/access-decisions", {"entrance_id": "gate", "identifier": identifier, **body})
    assert answer.status_code == 200, answer.text
    decided: dict[str, Any] = answer.json()
    return decided


async def outcome(api: HttpApi, identifier: dict[str, str] = RFID, **body: Any) -> tuple[Any, ...]:
    decided = await enter(api, identifier, **body)
    return decided["decision"], decided["reason"]


async def reserve(api: HttpApi, **changes: Any) -> dict[str, Any]:
    body = {"depot_id": "north", "charger_id": "bay-1", "holder": {"identifiers": [UNKNOWN_PLATE, CODE]}, **SOON}
    answer = await api.send("POST", "/v1/reservations", {**body, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def listed(api: HttpApi, query: str = "entrance_id=gate") -> list[Any]:
    await api.settled()
    return list((await api.get(f"/v1/access-events?{query}")).json()["items"])


@pytest.fixture
async def gate(two: HttpApi) -> HttpApi:
    """Two chargers under managed access, and an entrance to both."""
    await put(two)
    return two


# --- who may enter -------------------------------------------------------------------------------------------------------


async def test_own_vehicle_enters_by_its_card_and_a_vehicle_of_an_agreement_by_its_plate(gate: HttpApi) -> None:
    decided = await enter(gate)

    assert (decided["decision"], decided["reason"], decided["vehicle_id"]) == ("allowed", "own_vehicle", "bus-7")
    assert (decided["entrance_id"], decided["deciding_charger_id"], decided["driver_text"]) == ("gate", "bay-1", None)
    assert decided["valid_until"] == "2026-11-19T12:00:00Z"
    assert await outcome(gate, PLATE) == ("allowed", "agreement_vehicle")


async def test_unknown_plate_is_denied_with_the_text_of_the_depot_s_language(gate: HttpApi) -> None:
    await gate.send("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin", "language": "de"})

    decided = await enter(gate, UNKNOWN_PLATE)

    assert (decided["decision"], decided["reason"]) == ("denied", "unknown_identifier")
    assert decided["driver_text"]["language"] == "de"
    assert decided["driver_text"]["text"].startswith("Dieses Fahrzeug ist hier nicht")


async def test_holder_enters_by_plate_or_code_within_the_early_margin_and_not_before(gate: HttpApi) -> None:
    made = await reserve(gate)

    early = await enter(gate, UNKNOWN_PLATE)
    assert (early["decision"], early["reason"]) == ("denied", "reservation_not_started")
    assert "13:30" in early["driver_text"]["text"]  # the window's start on the depot's clock

    await put(gate, early_entry_min=30)
    admitted = await enter(gate, UNKNOWN_PLATE)
    assert (admitted["reason"], admitted["reservation_id"]) == ("reservation", made["reservation_id"])
    assert admitted["valid_until"] == "2026-11-18T14:00:00Z"
    assert await outcome(gate, CODE) == ("allowed", "reservation")


async def test_holder_of_a_group_enters_although_its_chargers_are_taken_now(gate: HttpApi) -> None:
    await put(gate, early_entry_min=30)
    await gate.send("PUT", "/v1/depots/north/reservation-groups/fast", {"name": "Fast", "charger_ids": ["bay-1"]})
    until_the_window = {"start": "2026-11-18T12:00:00Z", "end": "2026-11-18T12:30:00Z"}
    await reserve(gate, holder={"vehicle_id": "bus-7"}, **until_the_window)
    await reserve(gate, charger_id=None, group_id="fast")

    assert await outcome(gate, UNKNOWN_PLATE) == ("allowed", "reservation")


async def test_reservation_behind_another_entrance_does_not_admit(gate: HttpApi) -> None:
    await put(gate, charger_ids=["bay-2"], early_entry_min=30)
    await reserve(gate)

    assert await outcome(gate, UNKNOWN_PLATE) == ("denied", "unknown_identifier")


async def test_own_vehicle_is_refused_only_where_all_chargers_behind_are_reserved_for_others(gate: HttpApi) -> None:
    now = {"start": "2026-11-18T12:00:00Z", "end": "2026-11-18T13:00:00Z"}
    await reserve(gate, **now)
    assert await outcome(gate) == ("allowed", "own_vehicle")

    await reserve(gate, charger_id="bay-2", holder={"vehicle_id": "van-2"}, **now)
    assert await outcome(gate) == ("denied", "reserved_for_other")


async def test_suspended_and_ended_are_denied_as_at_a_charger(gate: HttpApi) -> None:
    await gate.send("POST", "/v1/vehicles/bus-7/suspend", {"reason": "damaged"})
    await gate.send("DELETE", "/v1/agreements/couriers")

    assert await outcome(gate) == ("denied", "vehicle_suspended")
    assert await outcome(gate, PLATE) == ("denied", "agreement_ended")


async def test_agreement_of_one_charger_admits_at_the_entrance_that_leads_to_it(gate: HttpApi) -> None:
    agreement = {"name": "Couriers", "fleet": "City Couriers", "valid_from": "2026-01-01T00:00:00Z"}
    await gate.send("PUT", "/v1/agreements/couriers", {**agreement, "charger_ids": ["bay-2"]})
    await put(gate, "/v1/depots/north/entrances/side", charger_ids=["bay-1"])

    decided = await enter(gate, PLATE)
    assert (decided["reason"], decided["deciding_charger_id"]) == ("agreement_vehicle", "bay-2")
    assert await outcome(gate, PLATE, entrance_id="side") == ("denied", "agreement_not_here")


async def test_anyone_enters_while_a_charger_behind_is_open_to_anyone(gate: HttpApi) -> None:
    override = {"mode": "freevend", "for": "PT2H", "reason": "visitors"}
    await gate.send("POST", "/v1/chargers/bay-2/overrides", override)

    decided = await enter(gate, UNKNOWN_PLATE)

    assert (decided["decision"], decided["reason"], decided["deciding_charger_id"]) == ("allowed", "freevend", "bay-2")
    assert decided["valid_until"] == "2026-11-18T14:00:00Z"


async def test_wrong_codes_lock_codes_out_at_this_entrance_and_not_at_the_chargers_behind(gate: HttpApi) -> None:
    await put(gate, "/v1/depots/north/entrances/side")
    right = {"kind": "pin", "value": "482915"}
    for number in range(5):
        assert await outcome(gate, {"kind": "pin", "value": f"111{number}"}) == ("denied", "unknown_identifier")

    assert await outcome(gate, right) == ("denied", "pin_locked_out")
    assert await outcome(gate, right, entrance_id="side") == ("allowed", "agreement_vehicle")
    at_charger = await gate.send("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": right})
    assert at_charger.json()["reason"] == "agreement_vehicle"
    await gate.settled()
    (lockout,) = (await gate.get("/v1/pin-lockouts?entrance_id=gate")).json()["items"]
    assert (lockout["entrance_id"], lockout["charger_id"], lockout["depot_id"]) == ("gate", None, "north")
    gate.container.clock().forward(minutes=10)
    assert await outcome(gate, right) == ("allowed", "agreement_vehicle")


async def test_lock_out_at_an_entrance_is_known_again_after_a_restart(gate: HttpApi) -> None:
    for number in range(5):
        await enter(gate, {"kind": "pin", "value": f"111{number}"})
    await gate.settled()
    live, read_side = type(gate.container.deciding.recent_activity())(), gate.container.read_side.views()

    now = gate.container.clock().now()
    await reload(live, read_side, gate.container.stores.store(), now=now)

    source = (TenantId("acme"), "north", "gate")
    (actor,) = {each["source"] for each in (await gate.get("/v1/pin-lockouts")).json()["items"]}
    assert live.pins_are_locked_out((source, actor), now)  # type: ignore[arg-type]


# --- requests that cannot be decided -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"charger_id": "bay-1"}, (422, "charger-or-entrance", "/charger_id")),
        ({"entrance_id": None}, (422, "charger-or-entrance", "/charger_id")),
        ({"connector_id": 1}, (422, "charger-or-entrance", "/connector_id")),
        ({"entrance_id": "side"}, (404, "entrance-not-found")),
        ({"at": "2026-11-18T12:00:00Z"}, (422, "only-with-dry-run", "/at")),
    ],
)
async def test_request_that_cannot_be_decided_is_refused_and_nothing_is_recorded(
    gate: HttpApi, body: dict[str, Any], refusal: tuple[Any, ...]
) -> None:
    before = await gate.position()

    answer = await gate.send("POST", "/v1/access-decisions", {"entrance_id": "gate", "identifier": RFID, **body})

    assert problem(answer) == refusal
    assert await gate.position() == before


async def test_entrance_that_leads_to_no_charger_in_service_denies_nobody(gate: HttpApi) -> None:
    await put(gate, charger_ids=["bay-2"])
    await gate.send("DELETE", "/v1/chargers/bay-2")

    answer = await gate.send("POST", "/v1/access-decisions", {"entrance_id": "gate", "identifier": RFID})

    assert problem(answer) == (409, "entrance-without-chargers", "/entrance_id")


# --- recorded once, and shown --------------------------------------------------------------------------------------------


async def test_attempt_delivered_again_is_decided_once(gate: HttpApi) -> None:
    first = await enter(gate, UNKNOWN_PLATE, attempt_id="a-1")
    await gate.send("PUT", "/v1/vehicles/guest", {"name": "Guest", "access_class": "own", "plate": "HH XY 99"})
    before = await gate.position()

    again = await enter(gate, UNKNOWN_PLATE, attempt_id="a-1")

    assert again == first
    assert await gate.position() == before


async def test_id_of_another_attempt_is_refused_at_an_entrance_and_at_a_charger(gate: HttpApi) -> None:
    await enter(gate, attempt_id="a-1")
    at_charger = {"charger_id": "bay-1", "identifier": RFID}
    await gate.send("POST", "/v1/access-decisions", {**at_charger, "attempt_id": "a-2"})

    for body in (
        {"entrance_id": "gate", "identifier": STRANGER, "attempt_id": "a-1"},
        {"entrance_id": "gate", "identifier": RFID, "attempt_id": "a-2"},
        {**at_charger, "attempt_id": "a-1"},
    ):
        assert problem(await gate.send("POST", "/v1/access-decisions", body))[:2] == (409, "attempt-id-taken")


async def test_dry_run_explains_and_records_nothing(gate: HttpApi) -> None:
    before = await gate.position()

    decided = await enter(gate, UNKNOWN_PLATE, dry_run=True, at="2026-11-19T00:00:00Z")

    assert (decided["attempt_id"], decided["decided_for"]) == (None, "2026-11-19T00:00:00Z")
    assert [each["decided"] for each in decided["explanation"]] == [False, False, False, True]
    assert await gate.position() == before


async def test_attempt_at_an_entrance_is_listed_without_a_charger_and_explained(gate: HttpApi) -> None:
    decided = await enter(gate, UNKNOWN_PLATE)
    await gate.send("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": RFID})

    (row,) = await listed(gate)

    assert (row["entrance_id"], row["charger_id"], row["connector_id"]) == ("gate", None, None)
    assert (row["depot_id"], row["decision"], row["reason"]) == ("north", "denied", "unknown_identifier")
    assert row["denial_signal"]["message"] == decided["driver_text"]["text"]
    (at_charger,) = await listed(gate, "charger_id=bay-1")
    assert at_charger["entrance_id"] is None
    shown = (await gate.get(f"/v1/access-events/{decided['attempt_id']}")).json()
    assert shown["explanation"] == decided["explanation"]
    assert shown["decisions"][0]["charger_id"] == decided["deciding_charger_id"]


async def test_denials_at_an_entrance_count_in_the_reports(gate: HttpApi) -> None:
    await enter(gate, UNKNOWN_PLATE)
    await enter(gate, RFID)
    await gate.settled()
    span = "from=2026-11-18T00:00:00Z&until=2026-11-19T00:00:00Z"

    rows = (await gate.get(f"/v1/reports/access?{span}&group_by=entrance,reason")).json()["rows"]

    counted = [(row["entrance_id"], row["reason"], row["attempts"], row["denied"]) for row in rows]
    assert counted == [("gate", "own_vehicle", 1, 0), ("gate", "unknown_identifier", 1, 1)]


async def test_unknown_plate_at_an_entrance_can_be_enrolled_and_then_enters(gate: HttpApi) -> None:
    await enter(gate, UNKNOWN_PLATE)
    await gate.settled()
    (denied,) = (await gate.get("/v1/denied-identifiers")).json()["items"]
    assert (denied["charger_ids"], denied["entrance_ids"]) == ([], ["gate"])

    path = f"/v1/denied-identifiers/{denied['denied_id']}/enrol"
    enrolled = await gate.send("POST", path, {"vehicle_id": "guest", "name": "Guest", "access_class": "own"})

    assert enrolled.status_code == 201, enrolled.text
    assert await outcome(gate, UNKNOWN_PLATE) == ("allowed", "own_vehicle")
    await gate.settled()
    assert (await gate.get("/v1/denied-identifiers")).json()["items"] == []


async def test_refused_attempt_at_an_entrance_is_allowed_for_a_while(gate: HttpApi) -> None:
    refused = await enter(gate, UNKNOWN_PLATE)

    permission = {"reason": "a visitor", "until": "2026-11-18T15:00:00Z"}
    await gate.send("POST", f"/v1/access-events/{refused['attempt_id']}/allow", permission)

    allowed = await enter(gate, UNKNOWN_PLATE)
    assert (allowed["reason"], allowed["valid_until"]) == ("ad_hoc", "2026-11-18T15:00:00Z")


async def test_caller_of_another_depot_finds_no_entrance_and_an_operator_only_tries(gate: HttpApi) -> None:
    body = {"entrance_id": "gate", "identifier": RFID}

    elsewhere = await gate.send("POST", "/v1/access-decisions", body, role=Role.SERVICE, depots=("south",))
    operator = await gate.send("POST", "/v1/access-decisions", body, role=Role.OPERATOR)

    assert problem(elsewhere)[:2] == (404, "entrance-not-found")
    assert operator.status_code == 403
    there = await gate.send("POST", "/v1/access-decisions", body, role=Role.SERVICE, depots=("north",))
    assert there.status_code == 200


async def test_retired_charger_behind_the_entrance_no_longer_admits(gate: HttpApi) -> None:
    await gate.send("PUT", "/v1/chargers/bay-2", {**CHARGER, "charge_point_id": "CP-2", "baseline_mode": "freevend"})
    assert await outcome(gate, UNKNOWN_PLATE) == ("allowed", "freevend")

    await gate.send("DELETE", "/v1/chargers/bay-2")

    assert await outcome(gate, UNKNOWN_PLATE) == ("denied", "unknown_identifier")


async def test_entrance_of_another_tenant_is_not_found(gate: HttpApi) -> None:
    body = {"entrance_id": "gate", "identifier": RFID}

    assert problem(await gate.send("POST", "/v1/access-decisions", body, tenant="rival")) == (404, "entrance-not-found")
