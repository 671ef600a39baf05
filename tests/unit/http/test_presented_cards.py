"""From a card or a MAC at a charger, as it comes over each protocol, to the vehicle that an operator registered, and back."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from access_policy.adapters.ocpp.incoming.v16 import Ocpp16
from access_policy.adapters.ocpp.incoming.v21 import Ocpp21
from access_policy.adapters.ocpp.incoming.v201 import Ocpp201
from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.ports.event_store import Append
from access_policy.application.streams import registry_stream
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.domain.identifiers import Identifier, IdentifierKind
from access_policy.domain.ids import ActorId, ChargerId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import (
    AccessClass,
    VehicleDescription,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleRegistered,
)
from tests.support.builders import NOON
from tests.support.connected import connected_charger
from tests.support.http_api import HttpApi

ACME = TenantId("acme")
HANDLERS = {"ocpp1.6": Ocpp16, "ocpp2.0.1": Ocpp201, "ocpp2.1": Ocpp21}
TYPES = ("ISO14443", "ISO15693", "Central", "Local")
MAC, PADDED = "A453EE033156", "0000A453EE033156"
CARDS = ("E004015012345678", "0000001012951691", "0078492321", "A453EE033156", "12345678901234567890")
LORRY = {"name": "Lorry", "access_class": "own"}


async def authorize(api: HttpApi, value: str, protocol: str = "ocpp1.6", token_type: str = "ISO14443") -> str:
    """The status that the charger is answered with."""
    charger = connected_charger((ACME, ChargerId("bay-1")), protocol, NOON)
    token: Any = {"idTag": value} if protocol == "ocpp1.6" else {"idToken": {"idToken": value, "type": token_type}}
    handlers = HANDLERS[protocol](api.container.chargers.handler_dependencies()).handlers
    answer: Any = await handlers["Authorize"](charger, token, f"m-{await api.position()}")  # type: ignore[misc]
    await api.settled()
    status: str = (answer.get("idTagInfo") or answer["idTokenInfo"])["status"]
    return status


def everywhere(value: str) -> list[tuple[str, str, str]]:
    return [(value, "ocpp1.6", "-"), *((value, v, t) for v in ("ocpp2.0.1", "ocpp2.1") for t in TYPES)]


async def register(api: HttpApi, *identifiers: tuple[str, str], vehicle_id: str = "lorry", expect: int = 201) -> Any:
    body = {**LORRY, "identifiers": [{"kind": kind, "value": value} for kind, value in identifiers]}
    answer = await api.send("PUT", f"/v1/vehicles/{vehicle_id}", body)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def plan(api: HttpApi, file: str, mode: str = "merge") -> dict[str, Any]:
    headers = {"Content-Type": "text/csv"}
    answer = await api.send("POST", f"/v1/registry/imports?mode={mode}", content=file.encode(), headers=headers)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def denied(api: HttpApi) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get("/v1/denied-identifiers")).json()["items"]
    return items


# --- cards -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rfid", "other"])
async def test_a_card_that_ocpp_2_allows_is_registered_and_admitted_over_every_protocol_and_type(
    api: HttpApi, kind: str
) -> None:
    await register(api, *((kind, card) for card in CARDS))

    statuses = {each: await authorize(api, *each) for card in CARDS for each in everywhere(card)}

    assert set(statuses.values()) == {"Accepted"}, statuses


async def test_a_value_that_is_not_a_card_is_admitted_as_other_over_every_protocol_and_type(api: HttpApi) -> None:
    await register(api, ("other", "Fob-12"))

    assert {await authorize(api, *each) for each in everywhere("Fob-12")} == {"Accepted"}


async def test_a_decimal_number_is_not_the_uid_that_it_counts(api: HttpApi) -> None:
    await register(api, ("rfid", "3C60A24B"))  # 1012966987

    assert await authorize(api, "1012966987") == "Invalid"
    assert await authorize(api, "0000001012966987") == "Invalid"


@pytest.mark.parametrize(
    ("card", "protocol"),
    [("E004015012345678", "ocpp2.0.1"), ("0000001012951691", "ocpp1.6"), (MAC, "ocpp2.1"), ("Fob-12", "ocpp2.0.1")],
)
async def test_a_card_is_enrolled_from_its_denial_and_admitted_then(api: HttpApi, card: str, protocol: str) -> None:
    assert await authorize(api, card, protocol) != "Accepted"
    (group,) = await denied(api)
    assert group["value"] == card

    await api.recorded(("POST", f"/v1/denied-identifiers/{group['denied_id']}/enrol", {**LORRY, "vehicle_id": "l"}))

    assert {await authorize(api, *each) for each in everywhere(card)} == {"Accepted"}


async def test_a_file_with_decimal_cards_is_imported_and_its_vehicles_are_admitted(api: HttpApi) -> None:
    file = "vehicle_id,name,access_class,rfid\nb1,Bus 1,own,0000001012951691\nb2,Bus 2,own,0078492321\n"

    planned = await plan(api, file)
    await api.recorded(("POST", f"/v1/registry/imports/{planned['plan_id']}/apply", {}))

    assert planned["counts"]["add"] == 2
    assert [await authorize(api, card) for card in ("0000001012951691", "0078492321")] == ["Accepted"] * 2


async def test_an_export_has_the_values_of_kind_other_and_imports_as_all_unchanged(api: HttpApi) -> None:
    values = ["=1+1", "Fob-12", "0078492321", "a;b", "\\;", "****", "…77", "-", "1E+5", "x\\y", ";", "last;\\"]
    await register(api, *(("other", value) for value in values))

    file = (await api.get("/v1/registry/export")).text

    cells = {row["vehicle_id"]: row["other"] for row in csv.DictReader(io.StringIO(file.lstrip("\ufeff")))}
    assert cells["lorry"].startswith("\\=1+1;Fob-12;\\0078492321;")
    for mode in ("merge", "replace"):
        assert (await plan(api, file, mode))["counts"]["unchanged"] == 3


async def test_the_column_other_registers_values_that_are_matched(api: HttpApi) -> None:
    planned = await plan(api, "vehicle_id,name,access_class,other\nb1,Bus 1,own,Fob-12; \\0815\n")
    await api.recorded(("POST", f"/v1/registry/imports/{planned['plan_id']}/apply", {}))

    assert [await authorize(api, value) for value in ("Fob-12", "0815")] == ["Accepted"] * 2


# --- MACs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("registered", "presented"), [(MAC, PADDED), (PADDED, MAC)])
async def test_an_evccid_of_eight_bytes_with_zeros_before_the_mac_is_that_mac(
    api: HttpApi, registered: str, presented: str
) -> None:
    await register(api, ("mac", registered))

    assert await authorize(api, f"VID:{presented}") == "Accepted"
    assert await authorize(api, presented, "ocpp2.0.1", "MacAddress") == "Accepted"
    assert await authorize(api, presented, "ocpp2.1", "EVCCID") == "Accepted"
    for spelled in (registered, presented, f"vid:{presented.lower()}"):
        found = (await api.get(f"/v1/vehicles?identifier={spelled}")).json()["items"]
        assert [each["vehicle_id"] for each in found] == ["lorry"]


async def test_a_mac_is_never_matched_by_a_part_of_an_evccid(api: HttpApi) -> None:
    await register(api, ("mac", MAC))

    others = ("0100A453EE033156", "A453EE0331560000", "FFFFA453EE033156", "0000A453EE033157")
    assert {await authorize(api, f"VID:{other}") for other in others} == {"Invalid"}


async def test_both_spellings_of_a_mac_belong_to_one_vehicle(api: HttpApi) -> None:
    await register(api, ("mac", MAC))

    await register(api, ("mac", PADDED), vehicle_id="other", expect=409)
    planned = await plan(api, f"vehicle_id,name,access_class,mac\nother,O,own,VID:{PADDED}\nlorry,,,VID:{PADDED}\n")

    assert [row["action"] for row in planned["rows"]] == ["error", "unchanged"]


async def recorded_before(api: HttpApi, vehicle_id: str, *values: Identifier) -> None:
    """The vehicle as a release wrote it in which both spellings were identifiers of their own."""
    vehicle = VehicleId(vehicle_id)
    vault, pseudonyms = api.container.records.vault(), api.container.stores.pseudonyms()
    events: list[Any] = [
        VehicleRegistered(vehicle_id=vehicle, description=VehicleDescription(name="Old", access_class=AccessClass.OWN))
    ]
    for value in values:
        sealed = await vault.seal(ACME, vehicle, value.value)
        ref = pseudonyms.ref(ACME, value)
        added = VehicleIdentifier(ref=ref, sealed=sealed)
        events.append(VehicleIdentifierAdded(vehicle_id=vehicle, identifier=added))
    stream = registry_stream(ACME)
    version = len(await api.container.stores.store().load(stream))
    context = Context(tenant_id=ACME, actor=ActorId("test"), correlation_id="test")
    await api.container.stores.store().append([Append(stream, version, enveloped(context, tuple(events), now=NOON))])
    await api.settled()


OLD_PADDED, OLD_SHORT = Identifier(IdentifierKind.MAC, PADDED), Identifier(IdentifierKind.MAC, MAC)


async def test_a_mac_that_was_stored_with_its_zeros_is_still_matched_found_and_nobody_elses(api: HttpApi) -> None:
    await recorded_before(api, "old", OLD_PADDED)

    assert await authorize(api, f"VID:{PADDED}") == await authorize(api, f"VID:{MAC}") == "Accepted"
    found = (await api.get(f"/v1/vehicles?identifier={MAC}")).json()["items"]
    assert [each["vehicle_id"] for each in found] == ["old"]
    await register(api, ("mac", MAC), vehicle_id="other", expect=409)
    planned = await plan(api, f"vehicle_id,name,access_class,mac\nother,O,own,{MAC}\n")
    assert [row["action"] for row in planned["rows"]] == ["error"]
    before = await api.position()
    await api.send("PUT", "/v1/vehicles/old", {"name": "Old", "access_class": "own", "identifiers": [
        {"kind": "mac", "value": MAC}]})  # fmt: skip
    assert await api.events_after(before) == []


async def test_a_vehicle_that_was_stored_with_both_spellings_exports_as_all_unchanged(api: HttpApi) -> None:
    await recorded_before(api, "old", OLD_PADDED, OLD_SHORT)

    file = (await api.get("/v1/registry/export")).text

    assert (await plan(api, file, "replace"))["counts"] == {
        "add": 0, "change": 0, "remove": 0, "unchanged": 3, "error": 0
    }  # fmt: skip


async def test_a_mac_that_moves_in_a_file_by_its_other_spelling_leaves_its_old_vehicle(api: HttpApi) -> None:
    await recorded_before(api, "old", OLD_PADDED)
    planned = await plan(api, f"vehicle_id,name,access_class,mac\nold,,,-\nnew,New,own,VID:{MAC}\n")

    await api.recorded(("POST", f"/v1/registry/imports/{planned['plan_id']}/apply", {}))

    asked = {"charger_id": "bay-1", "identifier": {"kind": "mac", "value": MAC}}
    assert (await api.send("POST", "/v1/access-decisions", asked)).json()["vehicle_id"] == "new"
    assert (await api.get("/v1/vehicles/old")).json()["identifiers"] == []


async def test_a_denial_that_was_kept_with_its_zeros_is_enrolled_as_the_same_mac(api: HttpApi) -> None:
    ref = api.container.stores.pseudonyms().ref(ACME, OLD_PADDED)
    api.container.records.unknown_identifiers().remember(ACME, ref, OLD_PADDED, at=NOON)

    body = {**LORRY, "vehicle_id": "l"}
    await api.recorded(("POST", f"/v1/denied-identifiers/{ref.pseudonym}/enrol", body))

    assert await authorize(api, f"VID:{MAC}") == await authorize(api, f"VID:{PADDED}") == "Accepted"


async def test_what_if_finds_attempts_of_a_mac_in_the_form_of_their_time(api: HttpApi) -> None:
    await api.container.deciding.decider().authorize(
        AccessAttempt(
            tenant_id=ACME,
            charger_id=ChargerId("bay-1"),
            connector_id=None,
            identifier=OLD_PADDED,
            protocol="ocpp1.6",
            message_id="m-1",
            signals=None,
        )
    )
    await api.settled()
    vehicle = {**LORRY, "identifiers": [{"kind": "mac", "value": MAC}]}
    body = {
        "from": "2026-11-18T00:00:00Z",
        "until": "2026-11-19T00:00:00Z",
        "changes": {"vehicles": [{"vehicle_id": "lorry", "vehicle": vehicle}]},
    }

    answer = (await api.send("POST", "/v1/what-if", body)).json()

    assert (answer["attempts"], answer["different"]) == (1, 1)


# --- digits that may be a PIN ----------------------------------------------------------------------------------------

PIN_KINDS = {"name": "North", "time_zone": "Europe/Berlin", "identifier_kinds": ["rfid", "other", "pin"]}
NO_PINS = {**PIN_KINDS, "identifier_kinds": ["rfid", "other"]}


async def everything_shown(api: HttpApi, after: int) -> str:
    paths = (
        "/v1/denied-identifiers",
        "/v1/access-events",
        "/v1/audit?limit=500",
        "/v1/chargers/bay-1/enrolment-session",
    )
    shown = [(await api.get(path)).text for path in paths]
    events = [repr(event) for event in await api.events_after(after)]
    return "\n".join([*shown, *events])


@pytest.mark.parametrize(
    ("typed", "protocol", "token_type"),
    [
        ("482915", "ocpp1.6", "-"),
        ("482", "ocpp1.6", "-"),
        ("12345678", "ocpp2.0.1", "ISO14443"),
        ("123456789012", "ocpp2.1", "Local"),
    ],
)
async def test_digits_typed_at_a_depot_that_uses_pins_are_nowhere_in_clear_and_not_to_be_enrolled(
    api: HttpApi, typed: str, protocol: str, token_type: str
) -> None:
    """The registry has the PIN 482915, and the profile reads tags as rfid."""
    await api.recorded(("POST", "/v1/chargers/bay-1/enrolment-session", {"minutes": 5}))
    before = await api.position()

    assert await authorize(api, typed, protocol, token_type) != "Accepted"

    (group,) = await denied(api)
    assert (group["masked"], group["value"]) == ("****", None)
    assert (await api.get("/v1/chargers/bay-1/enrolment-session")).json()["offered"] is None
    shown = await everything_shown(api, before)
    assert not [part for part in (f"…{typed[-1]}", f"…{typed[-4:]}", f"'{typed}'", f'"{typed}"') if part in shown]
    now = api.container.clock().now()
    assert await api.container.records.unknown_identifiers().values(ACME, [group["denied_id"]], now=now) == {}
    body = {**LORRY, "vehicle_id": "l"}
    refused = await api.send("POST", f"/v1/denied-identifiers/{group['denied_id']}/enrol", body)
    assert refused.status_code == 409
    assert "may be a PIN" in refused.json()["detail"]


async def test_a_decimal_card_that_is_too_long_for_a_pin_is_shown_also_where_pins_are_used(api: HttpApi) -> None:
    await authorize(api, "1234567890123")

    (group,) = await denied(api)
    assert group["value"] == "1234567890123"


async def test_a_registered_card_of_few_digits_is_known_and_masked_as_any_card_where_pins_are_used(
    api: HttpApi,
) -> None:
    await register(api, ("rfid", "0078492321"))

    assert await authorize(api, "0078492321") == "Accepted"

    (event,) = [e for e in await api.events_after(0) if isinstance(e, AccessAllowed | AccessDenied)]
    assert event.lineage.identifier.masked == "…2321"


async def test_digits_at_a_depot_without_pins_are_kept_to_be_enrolled(api: HttpApi) -> None:
    await api.recorded(("PUT", "/v1/depots/north", NO_PINS))

    await authorize(api, "0078492321")

    (group,) = await denied(api)
    assert (group["masked"], group["value"]) == ("…2321", "0078492321")


async def test_a_depot_that_names_pins_hides_digits_before_any_pin_is_registered(empty_api: HttpApi) -> None:
    charger = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}
    await empty_api.recorded(("PUT", "/v1/depots/north", PIN_KINDS), ("PUT", "/v1/chargers/bay-1", charger))

    await authorize(empty_api, "4711")

    (group,) = await denied(empty_api)
    assert (group["masked"], group["value"]) == ("****", None)


async def test_digits_that_were_kept_before_the_depot_used_pins_are_hidden_and_forgotten(api: HttpApi) -> None:
    await api.recorded(("PUT", "/v1/depots/north", NO_PINS))
    await authorize(api, "0078492321")
    await api.recorded(("PUT", "/v1/depots/north", PIN_KINDS))

    (group,) = await denied(api)

    assert (group["masked"], group["value"]) == ("****", None)
    now = api.container.clock().now()
    assert await api.container.records.unknown_identifiers().values(ACME, [group["denied_id"]], now=now) == {}


# --- the freevend tag ------------------------------------------------------------------------------------------------

OWN_PROFILE = {
    "title": "Ours",
    "protocols": ["ocpp1.6"],
    "mode_control": {
        "kind": "configuration_key",
        "key": "Free",
        "managed_value": "0",
        "freevend_value": "1",
        "tag_key": "FreeTag",
        "tag": "A0000000",
    },
}


@pytest.mark.parametrize(
    ("kind", "tag"),
    [("other", "freevend"), ("rfid", "a0:00:00:00")],
)
async def test_a_chargers_freevend_tag_is_not_registered_for_a_vehicle_on_any_path(
    api: HttpApi, kind: str, tag: str
) -> None:
    await api.recorded(("PUT", "/v1/profiles/ours", OWN_PROFILE))
    event = {
        "detail-type": "VehicleCommissioned",
        "source": "fleet",
        "detail": {
            "event_id": "e-1",
            "event_version": 1,
            "tenant_id": "acme",
            "occurred_at": "2026-11-18T12:00:00Z",
            "aggregate": {"id": "lorry", "version": 1},
            "data": {
                "vehicle_id": "lorry",
                **LORRY,
                "identifiers": [{"kind": kind, "value": tag}],
            },
        },
    }
    before = await api.position()

    put = await register(api, (kind, tag), expect=422)
    planned = await plan(api, f"vehicle_id,name,access_class,{kind}\nlorry,L,own,{tag}\n")
    value = Identifier(IdentifierKind(kind), tag.replace(":", "").upper() if kind == "rfid" else tag)
    ref = api.container.stores.pseudonyms().ref(ACME, value)
    api.container.records.unknown_identifiers().remember(ACME, ref, value, at=NOON)
    enrolled = await api.send("POST", f"/v1/denied-identifiers/{ref.pseudonym}/enrol", {**LORRY, "vehicle_id": "lorry"})
    response = await api.send("POST", "/v1/events", content=json.dumps(event).encode())

    assert put["type"].endswith("identifier-is-freevend-tag")
    assert put["errors"][0]["pointer"] == "/identifiers/0/value"
    assert [row["errors"][0]["column"] for row in planned["rows"]] == [kind]
    assert "freevend" in planned["rows"][0]["errors"][0]["message"]
    assert enrolled.status_code == 422, enrolled.text
    assert response.status_code == 422, response.text
    assert "freevend" in response.text
    assert await api.events_after(before) == []


async def test_a_freevend_tag_under_managed_access_is_denied_and_not_offered_even_if_a_vehicle_had_it(
    api: HttpApi,
) -> None:
    await recorded_before(api, "old", Identifier(IdentifierKind.OTHER, "FREEVEND"))
    charger = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "microocpp-1.6", "baseline_mode": "managed"}
    await api.recorded(("PUT", "/v1/chargers/bay-1", charger))

    assert await authorize(api, "FREEVEND") == "Invalid"

    assert await denied(api) == []


# --- Autocharge ------------------------------------------------------------------------------------------------------

WITHOUT = {"charge_point_id": "CP-2", "depot_id": "north", "profile": "microocpp-1.6", "baseline_mode": "managed"}


async def test_an_enrolment_session_for_a_mac_at_a_charger_without_autocharge_is_refused_with_the_reason(
    api: HttpApi,
) -> None:
    await api.recorded(("PUT", "/v1/chargers/bay-2", WITHOUT))
    before = await api.position()

    refused = await api.send("POST", "/v1/chargers/bay-2/enrolment-session", {"minutes": 5, "kind": "mac"})

    assert refused.status_code == 409
    assert refused.json()["type"].endswith("autocharge-not-supported")
    assert "microocpp-1.6" in refused.json()["detail"]
    assert await api.events_after(before) == []


@pytest.mark.parametrize(("charger", "kind"), [("bay-2", "rfid"), ("bay-2", None), ("bay-1", "mac")])
async def test_a_session_for_a_card_or_at_a_charger_that_may_support_autocharge_is_armed(
    api: HttpApi, charger: str, kind: str | None
) -> None:
    await api.recorded(("PUT", "/v1/chargers/bay-2", WITHOUT))

    armed = await api.send("POST", f"/v1/chargers/{charger}/enrolment-session", {"minutes": 5, "kind": kind})

    assert armed.status_code == 201, armed.text


async def test_what_if_names_the_chargers_that_never_present_a_proposed_mac(api: HttpApi) -> None:
    await api.recorded(("PUT", "/v1/chargers/bay-2", WITHOUT))
    vehicles = [
        {"vehicle_id": "a", "vehicle": {**LORRY, "identifiers": [{"kind": "rfid", "value": "04A1B2C3"}]}},
        {"vehicle_id": "b", "vehicle": {**LORRY, "identifiers": [{"kind": "mac", "value": MAC}]}},
    ]
    body = {"from": "2026-11-18T00:00:00Z", "until": "2026-11-19T00:00:00Z", "changes": {"vehicles": vehicles}}

    answer = (await api.send("POST", "/v1/what-if", body)).json()

    (note,) = answer["notes"]
    assert (note["code"], note["charger_ids"]) == ("autocharge-not-supported", ["bay-2"])
    assert note["pointer"] == "/changes/vehicles/1/vehicle/identifiers"
    elsewhere = await api.send("POST", "/v1/what-if", {**body, "charger_ids": ["bay-1"]})
    assert elsewhere.json()["notes"] == []


async def test_what_if_refuses_a_freevend_tag_as_registering_it_does(api: HttpApi) -> None:
    vehicle = {**LORRY, "identifiers": [{"kind": "other", "value": "FREEVEND"}]}
    changes = {"vehicles": [{"vehicle_id": "b", "vehicle": vehicle}]}
    body = {"from": "2026-11-18T00:00:00Z", "until": "2026-11-19T00:00:00Z", "changes": changes}

    answer = await api.send("POST", "/v1/what-if", body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/changes/vehicles/0/vehicle/identifiers/0/value"
