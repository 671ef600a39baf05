"""What a genuine token says about its caller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from access_policy.adapters.identity.issuer import SigningKeys
from access_policy.adapters.identity.key_cache import KeyCache
from access_policy.adapters.identity.oidc import OidcRules, OidcTokens
from access_policy.application.ports.identity import NO_TENANT, Identity, Role, TokenRefused
from access_policy.domain.ids import ActorId, DepotId, TenantId
from tests.support.builders import NOON
from tests.support.depot_in_memory import SettableClock
from tests.support.tokens import CLIENT, RULES, claims_at, issuers_keys, signed


async def caller_of(rules: OidcRules = RULES, **claims: Any) -> Identity:
    async def fetch() -> SigningKeys:
        return issuers_keys()

    tokens = OidcTokens(rules, KeyCache(fetch, lambda: 0.0), SettableClock(NOON))
    return await tokens.verify(signed({**claims_at(NOON), **claims}))


async def test_verify_names_tenant_role_subject_and_client() -> None:
    assert await caller_of(client_id=CLIENT) == Identity(
        tenant_id=TenantId("acme"), role=Role.ADMIN, subject=ActorId("anna"), depots=None, credential=CLIENT
    )


async def test_verify_groups_by_the_role_map_counts_the_strongest() -> None:
    rules = replace(
        RULES, roles_claim="cognito:groups", role_map={"watchers": Role.VIEWER, "night-shift": Role.OPERATOR}
    )

    caller = await caller_of(rules, **{"cognito:groups": ["watchers", "night-shift", "admin"]})

    assert caller.role is Role.OPERATOR


async def test_verify_group_named_like_a_role_gives_none_beside_a_map() -> None:
    with pytest.raises(TokenRefused):
        await caller_of(replace(RULES, role_map={"watchers": Role.VIEWER}), roles=["admin"])


@pytest.mark.parametrize(
    ("claim", "depots"),
    [
        (["north", "south"], {"north", "south"}),
        ("north south", {"north", "south"}),
        ([], set()),
        ("", set()),
        (None, None),
    ],
)
async def test_verify_depots_claim_limits_the_caller(claim: object, depots: set[str] | None) -> None:
    caller = await caller_of(depots=claim)

    assert caller.depots == (None if depots is None else frozenset(map(DepotId, depots)))


async def test_verify_role_installation_has_no_tenant() -> None:
    assert (await caller_of(roles="installation")).tenant_id == NO_TENANT


@pytest.mark.parametrize(("claim", "by_s"), [("exp", -29), ("nbf", 29), ("iat", 29)])
async def test_verify_within_the_clock_skew_accepts(claim: str, by_s: int) -> None:
    assert await caller_of(**{claim: int(NOON.timestamp()) + by_s})
