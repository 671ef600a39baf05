"""API keys: created, shown once, used as bearer tokens within their scope, expired and revoked."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.adapters.identity.api_keys import ApiKeyTokens, ApiKeyUses
from access_policy.adapters.identity.bearer import AcceptedTokens
from access_policy.adapters.records.api_keys import SqlApiKeys
from access_policy.application.api_key_secrets import new_api_key
from access_policy.application.commands.create_api_key import CreateApiKey
from access_policy.application.context import Context
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Role
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ActorId, DepotId, TenantId
from tests.support.builders import NOON
from tests.support.http_api import HttpApi, http_api

KEYS = "/v1/api-keys"
DISPLAY = {"name": "Yard display", "role": "viewer"}


async def created(api: HttpApi, **changes: Any) -> Any:
    answer = await api.send("POST", KEYS, {**DISPLAY, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def asked(api: HttpApi, token: str, method: str = "GET", path: str = "/v1/depots", body: Any = None) -> Any:
    return await api.client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})


async def test_created_key_has_the_pattern_for_scanners_and_opens_the_tenant_with_its_role(api: HttpApi) -> None:
    made = await created(api)

    assert re.fullmatch("ap_live_[0-9a-f]{16}_[0-9a-f]{64}", made["key"])
    assert made["key"].startswith(f"ap_live_{made['key_id']}_")
    assert (await asked(api, made["key"])).json() == (await api.get("/v1/depots")).json()
    assert (await asked(api, made["key"], "POST", KEYS, DISPLAY)).status_code == 403


async def test_key_acts_under_its_own_name(api: HttpApi) -> None:
    made = await created(api, role="operator")
    override = {"mode": "freevend", "for": "PT1H", "reason": "visit"}

    answer = await asked(api, made["key"], "POST", "/v1/chargers/bay-1/overrides", override)

    assert answer.status_code == 201
    last = (await api.container.stores.store().read_log(after=0, limit=10_000))[-1]
    assert last.envelope.actor == f"api-key:{made['key_id']}"


async def test_list_shows_every_key_of_the_tenant_without_the_key_itself(api: HttpApi) -> None:
    made = await created(api, depot_ids=["north"])

    (shown,) = (await api.get(KEYS)).json()["items"]

    assert shown == {name: value for name, value in made.items() if name != "key"}
    assert (shown["state"], shown["depot_ids"], shown["created_by"]) == ("valid", ["north"], "tester")
    assert (await api.get(KEYS, tenant="rival")).json()["items"] == []
    assert (await api.get(KEYS, role=Role.AUDITOR)).status_code == 200


async def test_creation_repeated_with_its_idempotency_key_creates_nothing_and_shows_no_key(api: HttpApi) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await api.send("POST", KEYS, DISPLAY, headers=headers)
    again = await api.send("POST", KEYS, DISPLAY, headers=headers)

    assert first.headers["Cache-Control"] == "no-store"
    assert again.status_code == 201
    assert again.json() == {**first.json(), "key": None}
    assert len((await api.get(KEYS)).json()["items"]) == 1


async def test_revoked_key_is_refused_from_the_next_request_and_stays_listed(api: HttpApi) -> None:
    made = await created(api)
    path = f"{KEYS}/{made['key_id']}"

    assert (await api.send("DELETE", path, tenant="rival")).status_code == 404
    assert (await asked(api, made["key"])).status_code == 200
    assert (await api.send("DELETE", path)).status_code == 204
    assert (await asked(api, made["key"])).status_code == 401
    assert (await api.send("DELETE", path)).status_code == 204

    (shown,) = (await api.get(KEYS)).json()["items"]
    assert (shown["state"], shown["revoked_by"]) == ("revoked", "tester")


async def test_revocation_in_one_process_counts_in_another_at_once(tmp_path: Path) -> None:
    file = tmp_path / "api_keys.sqlite"
    here, there = SqlApiKeys(file), SqlApiKeys(file)
    async with http_api(tmp_path / "here", parts={"records.api_keys": here}) as first:
        made = await created(first)
        async with http_api(tmp_path / "there", parts={"records.api_keys": there}) as second:
            assert (await asked(second, made["key"])).status_code == 200
            assert (await first.send("DELETE", f"{KEYS}/{made['key_id']}")).status_code == 204
            assert (await asked(second, made["key"])).status_code == 401
    for each in (here, there):
        await each.close()


async def test_key_is_valid_until_just_before_it_expires(api: HttpApi) -> None:
    made = await created(api, expires_at=(NOON + timedelta(hours=1)).isoformat())

    api.container.clock().forward(seconds=3599.9)
    assert (await asked(api, made["key"])).status_code == 200
    api.container.clock().forward(seconds=0.1)
    assert (await asked(api, made["key"])).status_code == 401
    (shown,) = (await api.get(KEYS)).json()["items"]
    assert shown["state"] == "expired"


@pytest.mark.parametrize(
    "forge",
    [
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: key + "0",
        lambda key: key.upper(),
        lambda key: new_api_key("0" * 16),
        lambda key: "ap_live_",
        lambda key: key.replace("ap_live_", "ap_test_"),
    ],
)
async def test_forged_key_gets_the_same_answer_as_any_invalid_token(api: HttpApi, forge: Any) -> None:
    made = await created(api)

    answer = await asked(api, forge(made["key"]))

    assert answer.status_code == 401
    assert answer.content == (await asked(api, "nonsense")).content


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"role": "installation"}, "/role"),
        ({"depot_ids": []}, "/depot_ids"),
        ({"depot_ids": ["nowhere"]}, "/depot_ids"),
        ({"expires_at": NOON.isoformat()}, "/expires_at"),
        ({"expires_at": (NOON + timedelta(days=367)).isoformat()}, "/expires_at"),
        ({"name": " "}, "/name"),
    ],
)
async def test_key_that_makes_no_sense_is_refused_with_the_field(
    api: HttpApi, changes: dict[str, Any], pointer: str
) -> None:
    answer = await api.send("POST", KEYS, {**DISPLAY, **changes})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await api.get(KEYS)).json()["items"] == []


@pytest.mark.parametrize("depots", [None, frozenset({DepotId("north"), DepotId("south")})])
async def test_creator_limited_to_a_depot_cannot_create_a_key_that_opens_others(api: HttpApi, depots: Any) -> None:
    context = Context(tenant_id=TenantId("acme"), actor=ActorId("anna"), correlation_id="request")
    limited = CreateApiKey(name="Display", role=Role.VIEWER, depots=depots, caller_depots=frozenset({DepotId("north")}))

    with pytest.raises(Refused, match="depots that you may not use"):
        await api.container.commands.create_api_key()(context, limited)


async def test_last_use_is_recorded_beside_the_requests(api: HttpApi) -> None:
    made = await created(api)
    await asked(api, made["key"])
    (before,) = (await api.get(KEYS)).json()["items"]

    await api.container.identity.api_key_uses().record()

    (after,) = (await api.get(KEYS)).json()["items"]
    assert (before["last_used_at"], after["last_used_at"]) == (None, "2026-11-18T12:00:00Z")


async def test_last_uses_wait_while_the_store_is_down() -> None:
    class Down:
        is_down = True
        recorded: dict[str, Any] | None = None

        async def used(self, last_uses: Any) -> None:
            if self.is_down:
                raise StoreUnavailable("down")
            self.recorded = last_uses

    store = Down()
    uses = ApiKeyUses(store)  # type: ignore[arg-type]
    uses.used("a", NOON)
    await uses.record()
    uses.used("b", NOON)
    store.is_down = False
    await uses.record()

    assert store.recorded == {"a": NOON, "b": NOON}


async def test_key_presented_while_the_records_are_down_gets_503(api: HttpApi) -> None:
    class Down:
        async def find(self, key_id: str) -> Any:
            raise StoreUnavailable("down")

    made = await created(api)
    tokens = ApiKeyTokens(Down(), api.container.clock(), lambda key_id, at: None)  # type: ignore[arg-type]
    api.replace_part("identity.accepted", AcceptedTokens([lambda: tokens]))

    answer: httpx.Response = await asked(api, made["key"])

    assert answer.status_code == 503
    assert json.loads(answer.content)["type"].endswith("store-unavailable")
