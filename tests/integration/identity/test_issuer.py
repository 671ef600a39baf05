"""A real OIDC issuer in a process of its own: Cognito-shaped tokens, key rotation, and an issuer that goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.identity.bearer import AcceptedTokens
from access_policy.adapters.identity.issuer import Issuer
from access_policy.adapters.identity.kept_keys import FILE, KEPT_MAX, KeptKeys
from access_policy.adapters.identity.key_cache import UNKNOWN_KID_S, KeyCache
from access_policy.adapters.identity.oidc import OidcRules, OidcTokens
from access_policy.application.ports.identity import Role
from tests.support.depot_in_memory import SettableClock
from tests.support.http_api import HttpApi, http_api
from tests.support.issuer import MockIssuer, mock_issuer
from tests.support.stores import TEST_KEY
from tests.support.tokens import RULES

COGNITO: dict[str, Any] = {
    "sub": "5f0c2f0e-anna",
    "token_use": "access",
    "client_id": "console",
    "scope": "openid",
    "version": 2,
    "username": "anna",
    "tenant_id": "acme",
    "cognito:groups": ["depot-admins"],
}


class Cognito:
    """The API with the settings of a user pool. `seconds` is the clock of the key cache, `file` keeps the keys."""

    def __init__(self, issuer: MockIssuer, api: HttpApi, file: Path) -> None:
        self.issuer, self.api, self.file, self.seconds = issuer, api, file, 0.0
        rules = OidcRules(
            issuer=issuer.url,
            audiences=frozenset(),
            clients=frozenset({"console"}),
            tenant_claim="tenant_id",
            roles_claim="cognito:groups",
            depots_claim="custom:depots",
            role_map={"depot-admins": Role.ADMIN},
            clock_skew=RULES.clock_skew,
        )
        self.rules, self.clock = rules, SettableClock(datetime.now(UTC))
        self.start()

    def start(self, issuer_url: str = "", key: bytes = TEST_KEY) -> None:
        """As a process that knows only its files. `issuer_url` and `key` are settings that have changed."""
        url = issuer_url or self.issuer.url
        kept = KeptKeys(self.file, url, key, self.clock)
        self.keys = KeyCache(Issuer(url).signing_keys, lambda: self.seconds, kept)
        tokens = OidcTokens(replace(self.rules, issuer=url), self.keys, self.clock)
        self.api.replace_part("identity.accepted", AcceptedTokens([lambda: tokens]))

    async def status(self, token: str) -> int:
        answer = await self.api.client.get("/v1/depots", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code


@pytest.fixture
async def cognito(tmp_path: Path) -> AsyncIterator[Cognito]:
    async with mock_issuer() as issuer, http_api(tmp_path) as api:
        yield Cognito(issuer, api, tmp_path / FILE)


async def test_access_token_of_cognito_is_accepted_and_its_id_token_is_not(cognito: Cognito) -> None:
    access = await cognito.issuer.token(COGNITO)
    identity = await cognito.issuer.token({**COGNITO, "token_use": "id", "aud": "console"})
    of_another_client = await cognito.issuer.token({**COGNITO, "client_id": "somebody's"})

    assert [await cognito.status(token) for token in (access, identity, of_another_client)] == [200, 401, 401]


async def test_depots_claim_of_cognito_limits_the_caller(cognito: Cognito) -> None:
    token = await cognito.issuer.token({**COGNITO, "custom:depots": "north"})
    headers = {"Authorization": f"Bearer {token}"}
    body = {"name": "A depot", "time_zone": "Europe/Berlin"}

    answers = [
        await cognito.api.client.put(f"/v1/depots/{depot}", json=body, headers=headers) for depot in ("north", "south")
    ]

    assert [each.status_code for each in answers] == [201, 404]


async def test_tokens_follow_a_rotation_of_keys(cognito: Cognito) -> None:
    before = await cognito.issuer.token(COGNITO)
    assert await cognito.status(before) == 200
    await cognito.issuer.rotate("ES256")
    after = await cognito.issuer.token(COGNITO)

    assert await cognito.status(after) == 401  # the refresh for the first token was a moment ago
    cognito.seconds += UNKNOWN_KID_S
    assert [await cognito.status(token) for token in (after, before)] == [200, 401]


async def test_tokens_are_accepted_from_the_cache_while_the_issuer_is_down(cognito: Cognito) -> None:
    token = await cognito.issuer.token(COGNITO)
    assert await cognito.status(token) == 200
    await cognito.issuer.stop()
    cognito.seconds += 3600

    await cognito.keys.refresh()

    assert await cognito.status(token) == 200


async def test_issuer_that_is_down_from_the_start_is_503(cognito: Cognito) -> None:
    token = await cognito.issuer.token(COGNITO)
    await cognito.issuer.stop()

    assert await cognito.status(token) == 503


async def test_restart_while_the_issuer_is_down_verifies_by_the_kept_keys_for_a_day(cognito: Cognito) -> None:
    token = await cognito.issuer.token(COGNITO)
    await cognito.keys.refresh()
    await cognito.issuer.stop()
    cognito.clock.forward(minutes=1)

    cognito.start()

    assert await cognito.status(token) == 200
    assert await cognito.status(f"{token[:-4]}AAAA") == 401
    statuses = []
    for clocks in (timedelta(minutes=30), KEPT_MAX - timedelta(minutes=31)):
        cognito.seconds += clocks.total_seconds()
        cognito.clock.forward(seconds=clocks.total_seconds())
        statuses.append(await cognito.status(token))
    assert statuses == [200, 503]


async def test_restart_with_kept_keys_that_are_too_old_or_changed_or_of_another_issuer_verifies_nothing(
    cognito: Cognito,
) -> None:
    token = await cognito.issuer.token(COGNITO)
    await cognito.keys.refresh()
    await cognito.issuer.stop()
    stored = cognito.file.read_bytes()

    for day, settings, content in (
        (1, {}, stored),
        (0, {"issuer_url": f"{cognito.issuer.url}/other"}, stored),
        (0, {"key": bytes(32)}, stored),
        (0, {}, stored.replace(b"RS256", b"PS256")),
        (0, {}, b"{"),
    ):
        cognito.file.write_bytes(content)
        cognito.clock.forward(days=day)
        cognito.start(**settings)
        assert await cognito.status(token) == 503, (day, settings)
        cognito.clock.forward(days=-day)
    cognito.file.write_bytes(stored)
    cognito.start()
    assert await cognito.status(token) == 200


async def test_kept_keys_follow_a_rotation(cognito: Cognito) -> None:
    before = await cognito.issuer.token(COGNITO)
    await cognito.keys.refresh()
    await cognito.issuer.rotate("ES256")
    after = await cognito.issuer.token(COGNITO)
    await cognito.keys.refresh()
    await cognito.issuer.stop()

    cognito.start()

    assert [await cognito.status(token) for token in (after, before)] == [200, 401]
