"""Forged tokens of an OIDC issuer: each is refused with the same response, and nobody learns what was wrong with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from access_policy.adapters.identity.bearer import AcceptedTokens
from access_policy.adapters.identity.issuer import IssuerUnreachable, SigningKeys
from access_policy.adapters.identity.key_cache import KeyCache
from access_policy.adapters.identity.oidc import OidcTokens
from tests.support.builders import NOON
from tests.support.depot_in_memory import SettableClock
from tests.support.http_api import HttpApi, http_api
from tests.support.tokens import AUDIENCE, CLIENT, EC_KEY, RULES, claims_at, forgeries, issuers_keys, signed

FORGERIES = forgeries(NOON)
GENUINE = {
    "RS256": signed(claims_at(NOON)),
    "PS256": signed(claims_at(NOON), algorithm="PS256"),
    "ES256": signed(claims_at(NOON), key=EC_KEY, algorithm="ES256", kid="ec"),
    "at+jwt": signed(claims_at(NOON), typ="at+jwt"),
    "several audiences": signed({**claims_at(NOON), "aud": ["other", AUDIENCE]}),
    "Cognito": signed(
        {
            **{name: value for name, value in claims_at(NOON).items() if name != "aud"},
            "token_use": "access",
            "client_id": CLIENT,
        }
    ),
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async def fetch() -> SigningKeys:
        return issuers_keys()

    tokens = OidcTokens(RULES, KeyCache(fetch, lambda: 0.0), SettableClock(NOON))
    async with http_api(tmp_path, parts={"identity.accepted": AcceptedTokens([lambda: tokens])}) as api:
        yield api


async def test_forged_token_of_any_kind_gets_one_and_the_same_401(api: HttpApi) -> None:
    answers = {}
    for wrong, forge in FORGERIES.items():
        answer = await api.client.get("/v1/depots", headers={"Authorization": f"Bearer {forge()}"})
        answers[wrong] = (answer.status_code, answer.headers["WWW-Authenticate"], answer.content)

    assert len(FORGERIES) >= 40
    assert {answer[0] for answer in answers.values()} == {401}, {k: v for k, v in answers.items() if v[0] != 401}
    assert len(set(answers.values())) == 1


@pytest.mark.parametrize("token", GENUINE.values(), ids=GENUINE.keys())
async def test_genuine_token_of_each_kind_is_accepted(api: HttpApi, token: str) -> None:
    answer = await api.client.get("/v1/depots", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200


async def test_token_of_another_tenant_reads_nothing_of_this_one(api: HttpApi) -> None:
    admin = {"Authorization": f"Bearer {GENUINE['RS256']}"}
    other = {"Authorization": f"Bearer {signed({**claims_at(NOON), 'tenant_id': 'other'})}"}
    body = {"name": "North", "time_zone": "Europe/Berlin"}
    assert (await api.client.put("/v1/depots/north", json=body, headers=admin)).status_code == 201

    answers = [await api.client.get(path, headers=other) for path in ("/v1/depots/north", "/v1/depots")]

    assert answers[0].status_code == 404
    assert answers[1].json()["items"] == []


async def test_issuer_whose_keys_were_never_read_gets_503(api: HttpApi, tmp_path: Path) -> None:
    async def fetch() -> SigningKeys:
        raise IssuerUnreachable("The issuer does not answer.")

    api.replace_part(
        "identity.accepted",
        AcceptedTokens([lambda: OidcTokens(RULES, KeyCache(fetch, lambda: 0.0), SettableClock(NOON))]),
    )

    answer = await api.client.get("/v1/depots", headers={"Authorization": f"Bearer {GENUINE['RS256']}"})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "15"
