"""Each token goes to the kind that recognises it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from access_policy.adapters.identity.bearer import AcceptedTokens
from access_policy.application.ports.identity import BearerTokens, Identity, Role, TokenRefused
from access_policy.domain.ids import ActorId, TenantId


@dataclass
class Prefixed:
    prefix: str
    seen: list[str] = field(default_factory=list)

    def recognises(self, token: str) -> bool:
        return token.startswith(self.prefix)

    async def verify(self, token: str, *, is_use: bool = True) -> Identity:
        self.seen.append(token)
        return Identity(tenant_id=TenantId("acme"), role=Role.VIEWER, subject=ActorId(self.prefix))


async def test_verify_token_of_the_second_kind_asks_only_the_second() -> None:
    first, second = Prefixed("a-"), Prefixed("b-")

    caller = await AcceptedTokens([lambda: first, lambda: second]).verify("b-1")

    assert caller.subject == "b-"
    assert (first.seen, second.seen) == ([], ["b-1"])


async def test_verify_token_of_no_kind_is_refused() -> None:
    with pytest.raises(TokenRefused):
        await AcceptedTokens([lambda: Prefixed("a-")]).verify("c-1")


async def test_kinds_after_the_one_that_recognises_a_token_are_not_made() -> None:
    def not_needed() -> BearerTokens:
        raise AssertionError("made")

    caller = await AcceptedTokens([lambda: Prefixed("a-"), not_needed]).verify("a-1")

    assert caller.subject == "a-"
