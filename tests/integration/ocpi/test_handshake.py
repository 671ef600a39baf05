"""The exchange of credentials in both directions, and everything that must not get a token."""

from __future__ import annotations

from typing import Any

import pytest

from simulated_partner.partner import SimulatedPartner, in_base64
from simulated_wire.frames import Frame
from tests.support.ocpi import BODY, PARTNER, OcpiWorld


def code(frame: Frame) -> tuple[int, int]:
    return frame.status, frame.answered["status_code"]


async def state(world: OcpiWorld) -> str:
    found: str = (await world.api.get(PARTNER)).json()["state"]
    return found


async def test_partner_that_registers_reads_versions_and_exchanges_tokens(world: OcpiWorld) -> None:
    made = await world.put_partner()
    answer = await world.partner.register(world.versions_url, made["token"])

    assert code(answer) == (200, 1000), answer.text()
    credentials = answer.answered["data"]
    assert credentials["url"] == world.versions_url
    assert credentials["roles"] == [
        {"role": "CPO", "business_details": {"name": "BetterFleet Nord"}, "party_id": "BTF", "country_code": "DE"}
    ]
    assert world.partner.token_for_us not in (made["token"], "")
    assert world.partner.endpoints == {
        "credentials": f"{world.url}/ocpi/2.3.0/credentials",
        "tokens": f"{world.url}/ocpi/2.3.0/tokens",
        "Booking": f"{world.url}/ocpi/2.3.0/bookings",
    }
    assert await state(world) == "connected"
    shown = await world.partner.call("GET", world.partner.endpoints["credentials"])
    assert shown.answered["data"]["token"] == world.partner.token_for_us


async def test_operator_that_registers_at_the_partner_is_called_back_and_connected(world: OcpiWorld) -> None:
    await world.put_partner()
    body = {"versions_url": f"{world.partner.url}/ocpi/versions", "token": world.partner.invite()}

    answer = await world.admin("POST", f"{PARTNER}/register", body)

    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "connected"
    assert "Booking RECEIVER" in answer.json()["connected_modules"]
    shown = await world.partner.call("GET", world.partner.endpoints["credentials"])
    assert code(shown) == (200, 1000)
    again = await world.admin("POST", f"{PARTNER}/register", body)
    assert (again.status_code, again.json()["type"].rsplit(":", 1)[1]) == (409, "ocpi-already-registered")


async def test_registration_token_after_registration_ends_with_the_first_use_of_the_new_one(world: OcpiWorld) -> None:
    made = await world.put_partner()
    await world.partner.register(world.versions_url, made["token"])
    lost = await world.partner.call("GET", world.versions_url, token=made["token"])
    await world.partner.call("GET", world.versions_url)

    ended = await world.partner.call("GET", world.versions_url, token=made["token"])

    assert code(lost) == (200, 1000), "the answer with the new token may have been lost"
    assert code(ended) == (401, 2000)


async def test_registration_repeated_after_a_lost_answer_succeeds_and_a_later_one_is_405(world: OcpiWorld) -> None:
    made = await world.put_partner()
    await world.partner.register(world.versions_url, made["token"])
    again = await world.partner.register(world.versions_url, made["token"])
    await world.partner.call("GET", world.versions_url)

    late = await world.partner.call("POST", world.partner.endpoints["credentials"], again.sent)

    assert code(again) == (200, 1000)
    assert code(late) == (405, 2000)


async def test_credentials_renewed_replace_the_token_and_deleted_ones_end_the_connection(world: OcpiWorld) -> None:
    await world.connected()
    first = world.partner.token_for_us
    renewed = await world.partner.renew()
    await world.partner.call("GET", world.versions_url)
    old = await world.partner.call("GET", world.versions_url, token=first)
    ended = await world.partner.call("DELETE", world.partner.endpoints["credentials"])
    after = await world.partner.call("GET", world.versions_url)

    assert code(renewed) == (200, 1000)
    assert code(old) == (401, 2000)
    assert code(ended) == (200, 1000)
    assert code(after) == (401, 2000)
    assert await state(world) == "disconnected"


async def test_credentials_put_or_deleted_before_registration_are_405(world: OcpiWorld) -> None:
    token = (await world.put_partner())["token"]
    await world.partner.discover(world.versions_url, token)
    url = world.partner.endpoints["credentials"]
    credentials = world.partner._credentials()

    assert code(await world.partner.call("PUT", url, credentials, token=token)) == (405, 2000)
    assert code(await world.partner.call("DELETE", url, token=token)) == (405, 2000)


async def test_token_sent_as_it_is_by_an_old_implementation_is_accepted(world: OcpiWorld) -> None:
    world.partner.plain = True
    await world.connected()

    assert code(await world.partner.call("GET", world.versions_url)) == (200, 1000)


@pytest.mark.parametrize(
    "authorization",
    ["", "Token", "Token wrong", f"Token {in_base64('ocpi_wrong')}", "Bearer x", f"Token {'x' * 1000}", "Token ÿ"],
)
async def test_wrong_token_is_401_with_the_same_body_as_a_missing_one(world: OcpiWorld, authorization: str) -> None:
    await world.connected()
    headers = {"Authorization": authorization.encode("latin-1").decode("latin-1")}
    missing = await world.partner.call("GET", world.versions_url, headers={"Authorization": ""})
    wrong = await world.client.get(
        world.versions_url, headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    )

    assert code(missing) == (401, 2000)
    assert wrong.status_code == 401
    assert without_time(wrong.json()) == without_time(missing.answered)


def without_time(envelope: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in envelope.items() if name != "timestamp"}


async def test_registration_token_opens_no_functional_module(world: OcpiWorld) -> None:
    token = (await world.put_partner())["token"]
    await world.partner.discover(world.versions_url, token)

    refused = await world.partner.call("GET", f"{world.partner.endpoints['tokens']}/DE/HUB/04A1B2C3", token=token)

    assert code(refused) == (401, 2000)


async def test_credentials_of_another_party_are_refused_and_change_nothing(world: OcpiWorld) -> None:
    token = (await world.put_partner())["token"]
    stranger = world.another("NL-XYZ")

    answer = await stranger.register(world.versions_url, token)

    assert code(answer) == (200, 2001)
    assert await state(world) == "invited"


async def test_partner_whose_server_cannot_be_used_is_answered_3001(world: OcpiWorld) -> None:
    token = (await world.put_partner())["token"]
    world.partner.modules = ("credentials", "tokens")

    answer = await world.partner.register(world.versions_url, token)

    assert code(answer) == (200, 3001)
    assert "Booking RECEIVER" in answer.answered["status_message"]
    assert await state(world) == "invited"


@pytest.mark.parametrize("url", ["http://127.0.0.1/ocpi/versions", "https://10.0.0.1/ocpi/versions"])
async def test_credentials_with_an_address_that_may_not_be_called_are_refused(world: OcpiWorld, url: str) -> None:
    token = (await world.put_partner())["token"]
    await world.partner.discover(world.versions_url, token)
    credentials = {**world.partner._credentials(), "url": url}

    answer = await world.partner.call("POST", world.partner.endpoints["credentials"], credentials, token=token)

    assert code(answer) == (200, 2001)


async def test_partner_switched_off_or_removed_is_401_and_told_of_the_removal(world: OcpiWorld) -> None:
    await world.connected()
    await world.api.done("PUT", PARTNER, {**BODY, "enabled": False})
    off = await world.partner.call("GET", world.versions_url)
    await world.api.done("PUT", PARTNER, BODY)
    on = await world.partner.call("GET", world.versions_url)
    await world.api.done("DELETE", PARTNER, None)
    removed = await world.partner.call("GET", world.versions_url)

    assert [each.status for each in (off, on, removed)] == [401, 200, 401]
    assert any(each.method == "DELETE" and each.by == "DE-BTF" for each in world.partner.frames.all)


async def test_new_registration_token_ends_the_connection_and_every_token(world: OcpiWorld) -> None:
    await world.connected()
    issued = (await world.api.send("POST", f"{PARTNER}/token")).json()

    assert code(await world.partner.call("GET", world.versions_url)) == (401, 2000)
    assert await state(world) == "invited"
    assert code(await world.partner.register(world.versions_url, issued["token"])) == (200, 1000)


async def test_every_answer_echoes_the_ids_of_the_request_and_names_both_parties(world: OcpiWorld) -> None:
    await world.connected()
    ids = {"X-Request-ID": "req-1", "X-Correlation-ID": "corr-1"}
    token = f"{world.partner.endpoints['tokens']}/DE/HUB/04A1B2C3"
    routed = await world.partner.call("GET", token, headers=ids)
    plain = await world.partner.call("GET", world.versions_url, headers=ids)

    for each in (routed, plain):
        assert (each.response_headers["x-request-id"], each.response_headers["x-correlation-id"]) == ("req-1", "corr-1")
    named = {name: value for name, value in routed.response_headers.items() if name.startswith("ocpi-")}
    assert named == {
        "ocpi-to-country-code": "DE",
        "ocpi-to-party-id": "HUB",
        "ocpi-from-country-code": "DE",
        "ocpi-from-party-id": "BTF",
    }
    assert not [name for name in plain.response_headers if name.startswith("ocpi-")], "versions are not routed"


async def test_message_routed_to_another_party_is_refused(world: OcpiWorld) -> None:
    await world.connected()
    url = f"{world.partner.endpoints['tokens']}/DE/HUB/04A1B2C3"
    to = {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "XYZ"}

    assert code(await world.partner.call("GET", url, headers=to)) == (200, 2001)


async def test_errors_of_the_transport_are_envelopes_too(world: OcpiWorld) -> None:
    await world.connected()
    url = world.partner.endpoints["credentials"]
    malformed = await world.partner.call("PUT", url, content=b"{")
    incomplete = await world.partner.call("PUT", url, {"token": "x"})
    oversized = await world.partner.call("PUT", url, content=b"[" + b" " * 2**20 + b"]")
    nowhere = await world.partner.call("GET", f"{world.url}/ocpi/2.2.1/cdrs")
    method = await world.partner.call("PATCH", url, {})

    assert code(malformed) == (400, 2001)
    assert code(incomplete) == (200, 2001)
    assert code(oversized) == (413, 2001)
    assert code(nowhere) == (404, 2000)
    assert code(method) == (405, 2000)
    for each in (malformed, incomplete, oversized, nowhere, method):
        assert each.response_headers["content-type"] == "application/json"
        assert set(each.answered) == {"status_code", "status_message", "timestamp"}


async def test_partner_of_another_tenant_with_the_same_party_has_a_token_of_its_own(world: OcpiWorld) -> None:
    await world.connected()
    rival = {"name": "South", "time_zone": "Europe/Berlin"}
    assert (await world.api.send("PUT", "/v1/depots/south", rival, tenant="rival")).is_success
    body = {**BODY, "bookable": [{"depot_id": "south"}]}
    made = (await world.api.send("PUT", PARTNER, body, tenant="rival")).json()
    other = SimulatedPartner(world.partner.url, world.client)
    other.tokens_for_them = world.partner.tokens_for_them

    assert code(await other.register(world.versions_url, made["token"])) == (200, 1000)
    await world.api.send("DELETE", PARTNER, tenant="rival")
    assert code(await world.partner.call("GET", world.versions_url)) == (200, 1000)
    assert code(await other.call("GET", world.versions_url)) == (401, 2000)
