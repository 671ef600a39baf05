"""`/v1/depots/{depot_id}/oscp-providers`: what is shown once, what is refused, and what the audit and the files keep."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.adapters.event_stores.serde import DOMAIN_SERDE
from access_policy.application.ports.identity import Role
from access_policy.domain.oscp_providers.provider import ProviderConnection
from tests.support.http_api import HttpApi
from tests.support.oscp import BODY, GROUP, PROVIDER, with_site
from tests.unit.http.test_audit_of_records import changed, values
from tests.unit.http.test_metrics import measured

LIST = "/v1/depots/north/oscp-providers"


@pytest.fixture
async def depot(api: HttpApi) -> HttpApi:
    await api.done("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
    await with_site(api)
    return api


async def test_provider_put_shows_its_token_once_and_is_read_changed_and_removed(depot: HttpApi) -> None:
    made = await depot.send("PUT", PROVIDER, BODY)
    shown = await depot.get(PROVIDER)
    again = await depot.send("PUT", PROVIDER, {**BODY, "name": "DSO"}, headers={"If-Match": '"1"'})
    stale = await depot.send("PUT", PROVIDER, BODY, headers={"If-Match": '"1"'})

    assert (made.status_code, made.headers["ETag"], made.headers["Cache-Control"]) == (201, '"1"', "no-store")
    assert made.json()["token"].startswith("oscp_")
    assert "token" not in shown.json()
    assert (shown.json()["state"], shown.json()["base_url"]) == ("invited", None)
    assert {name: shown.json()["groups"][0][name] for name in GROUP} == GROUP
    assert (again.status_code, again.json()["token"], again.json()["name"]) == (200, None, "DSO")
    assert stale.status_code == 412
    assert (await depot.get(LIST)).json()["items"] == [(await depot.get(PROVIDER)).json()]
    assert (await depot.send("DELETE", PROVIDER)).status_code == 204
    assert (await depot.get(PROVIDER)).status_code == 404


async def test_request_repeated_with_its_idempotency_key_shows_no_token_twice(depot: HttpApi) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await depot.send("PUT", PROVIDER, BODY, headers=headers)
    second = await depot.send("PUT", PROVIDER, BODY, headers=headers)

    assert first.json()["token"] is not None
    assert second.json() == {**first.json(), "token": None}


@pytest.mark.parametrize(
    ("path", "changes", "pointer"),
    [
        (f"{LIST}/{'x' * 60}", {}, "/provider_id"),
        (PROVIDER, {"name": " "}, "/name"),
        (PROVIDER, {"groups": [{**GROUP, "node_id": "nowhere"}]}, "/groups/0/node_id"),
        (PROVIDER, {"groups": [GROUP, GROUP]}, "/groups"),
        (PROVIDER, {"groups": [GROUP, {**GROUP, "group_id": "EAN-2"}]}, "/groups"),
        (PROVIDER, {"groups": [{**GROUP, "phases": None}]}, "/groups/0/voltage_v"),
        (PROVIDER, {"groups": [{**GROUP, "phases": 4}]}, "/groups/0/phases"),
        (PROVIDER, {"groups": [{**GROUP, "voltage_v": 0}]}, "/groups/0/voltage_v"),
        (PROVIDER, {"groups": [{**GROUP, "group_id": ""}]}, "/groups/0/group_id"),
        (PROVIDER, {"heartbeat_interval_s": 1}, "/heartbeat_interval_s"),
        (PROVIDER, {"token": "mine"}, "/token"),
    ],
)
async def test_provider_with_a_setting_that_makes_no_sense_is_refused(
    depot: HttpApi, path: str, changes: dict[str, Any], pointer: str
) -> None:
    refused = await depot.send("PUT", path, {**BODY, **changes})

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert (await depot.get(LIST)).json()["items"] == []


async def test_provider_of_an_unknown_depot_is_not_found(depot: HttpApi) -> None:
    assert (await depot.send("PUT", "/v1/depots/nowhere/oscp-providers/dso", BODY)).status_code == 404
    assert (await depot.get("/v1/depots/nowhere/oscp-providers")).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.SERVICE, Role.AUDITOR])
async def test_only_admins_manage_providers(depot: HttpApi, role: Role) -> None:
    assert (await depot.send("PUT", PROVIDER, BODY, role=role)).status_code == 403
    assert (await depot.get(LIST, role=role)).status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"base_url": "http://grid.example/2.0", "token": "t"}, "/base_url"),
        ({"base_url": "https://127.0.0.1/2.0", "token": "t"}, "/base_url"),
        ({"base_url": "https://grid.example/2.0", "token": "a b"}, "/token"),
        ({"base_url": "https://grid.example/2.0", "token": "x" * 256}, "/token"),
    ],
)
async def test_registration_at_an_impossible_address_or_with_an_impossible_token_is_refused(
    depot: HttpApi, body: dict[str, Any], pointer: str
) -> None:
    await depot.done("PUT", PROVIDER, BODY)
    refused = await depot.send("POST", f"{PROVIDER}/register", body)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_registration_at_a_server_that_is_not_there_says_so_and_leaves_the_token_valid(depot: HttpApi) -> None:
    token = (await depot.done("PUT", PROVIDER, BODY))["token"]
    body = {"base_url": "https://grid.invalid/2.0", "token": "t"}
    refused = await depot.send("POST", f"{PROVIDER}/register", body)
    headers = {"Authorization": f"Token {token}"}
    unsupported = {"token": "b", "version_url": [{"version": "1.0", "base_url": "https://grid.example"}]}
    answer = await depot.client.post("/oscp/2.0/register", headers=headers, json=unsupported)

    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":oscp-provider-not-reached")
    assert answer.status_code == 501, "the token is known"


async def test_changes_of_a_provider_are_in_the_audit_without_a_token_or_a_group(depot: HttpApi) -> None:
    token = (await depot.done("PUT", PROVIDER, BODY))["token"]
    await depot.done("POST", f"{PROVIDER}/token", None)
    await depot.done("DELETE", PROVIDER, None)
    await depot.settled()

    put, invited, removed = await changed(depot, "oscp_provider")
    assert put["subject_id"] == "dso"
    assert values(put)["name"] == (None, "Grid operator")
    assert values(put)["depot"] == (None, "north")
    assert values(invited)["connection"] == (None, "invited")
    assert values(removed)["name"] == ("Grid operator", None)
    log = await depot.container.stores.store().read_log(after=0, limit=1000)
    stored = b"".join(DOMAIN_SERDE.encode(each.event, each.envelope)[1] for each in log)
    assert token.encode() not in stored
    assert b"EAN-1" not in stored


async def test_messages_to_providers_are_counted_with_the_age_of_the_oldest(depot: HttpApi) -> None:
    await depot.done("PUT", PROVIDER, BODY)
    providers, clock = depot.container.records.oscp_providers(), depot.container.clock()
    (provider,) = await providers.all()
    connection = ProviderConnection(base_url="https://grid.example/2.0", own_url="https://us/oscp/2.0", token="t")
    connected = provider.registering(connection, "digest", now=clock.now())
    await providers.put(connected, expected=provider.version, event=None)
    idle = await measured(depot)
    for number in range(3):
        await depot.container.oscp.queueing().add(connected, "update_group_measurements", {"number": number})
    clock.forward(seconds=10)
    shown = await measured(depot)

    states = ("queued", "waiting", "dead_letter")
    assert [idle[f"access_policy_oscp_pushes/{state}"] for state in states] == [0, 0, 0]
    assert [shown[f"access_policy_oscp_pushes/{state}"] for state in states] == [1, 2, 0]
    assert shown["access_policy_oscp_push_oldest_undelivered_seconds"] == 10
    assert shown["access_policy_oscp_push_tries_total/failed"] == 0
