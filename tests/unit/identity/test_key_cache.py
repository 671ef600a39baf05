"""The issuer's keys in memory: requests read them, and only a bounded number of unknown kids causes a refresh."""

from __future__ import annotations

import asyncio

import pytest

from access_policy.adapters.identity.issuer import IssuerUnreachable, SigningKeys, usable_keys
from access_policy.adapters.identity.key_cache import UNKNOWN_KID_S, KeyCache, NoKeysYet
from tests.support.tokens import EC_KEY, RSA_KEY, public_jwk


class FakeIssuer:
    """Its keys by kid; `is_down` makes it unreachable. `now` is the time of the cache, in seconds."""

    def __init__(self, *kids: str) -> None:
        self.kids, self.fetched, self.is_down, self.now = kids, 0, False, 0.0
        self.answers = asyncio.Event()
        self.answers.set()
        self.cache = KeyCache(self.fetch, lambda: self.now)

    async def fetch(self) -> SigningKeys:
        self.fetched += 1
        await self.answers.wait()
        if self.is_down:
            raise IssuerUnreachable("The issuer does not answer.")
        return usable_keys({"keys": [public_jwk(RSA_KEY, kid) for kid in self.kids]})


async def test_key_of_known_kid_fetches_nothing() -> None:
    issuer = FakeIssuer("a")
    await issuer.cache.refresh()

    keys = [await issuer.cache.key("a") for _ in range(10)]

    assert all(keys)
    assert issuer.fetched == 1


async def test_key_of_a_rotated_issuer_is_found_and_the_old_one_is_gone() -> None:
    issuer = FakeIssuer("a")
    await issuer.cache.refresh()
    issuer.kids, issuer.now = ("b",), UNKNOWN_KID_S

    assert await issuer.cache.key("b") is not None
    assert await issuer.cache.key("a") is None
    assert issuer.fetched == 2


async def test_many_unknown_kids_cause_one_refresh_in_a_while() -> None:
    issuer = FakeIssuer("a")
    await issuer.cache.refresh()

    for number in range(100):
        issuer.now = UNKNOWN_KID_S + number / 100 * (UNKNOWN_KID_S - 0.1)
        assert await issuer.cache.key(f"unknown-{number}") is None

    assert issuer.fetched == 2


async def test_unknown_kids_at_once_wait_for_the_same_refresh() -> None:
    issuer = FakeIssuer("a")
    issuer.answers.clear()
    asked = [asyncio.create_task(issuer.cache.key("a")) for _ in range(50)]
    await asyncio.sleep(0)
    issuer.answers.set()

    assert all(await asyncio.gather(*asked))
    assert issuer.fetched == 1


async def test_caller_that_leaves_does_not_end_the_refresh_of_others() -> None:
    issuer = FakeIssuer("a")
    issuer.answers.clear()
    leaving, staying = (asyncio.create_task(issuer.cache.key("a")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    issuer.answers.set()

    assert await staying is not None


async def test_keys_stay_while_the_issuer_is_unreachable() -> None:
    issuer = FakeIssuer("a")
    await issuer.cache.refresh()
    issuer.is_down, issuer.now = True, 1e6

    await issuer.cache.refresh()

    assert await issuer.cache.key("a") is not None
    assert await issuer.cache.key("b") is None


async def test_key_before_any_keys_were_read_says_why() -> None:
    issuer = FakeIssuer("a")
    issuer.is_down = True

    with pytest.raises(NoKeysYet, match="does not answer"):
        await issuer.cache.key("a")


def test_usable_keys_are_public_signing_keys_of_accepted_algorithms() -> None:
    rsa, ec = public_jwk(RSA_KEY, "rsa"), public_jwk(EC_KEY, "ec")
    unusable = [
        {**rsa, "kid": "encrypts", "use": "enc"},
        {**rsa, "kid": "rs512", "alg": "RS512"},
        {**rsa, "kid": "other-kind", "alg": "ES256"},
        {**rsa, "kid": "private", "d": "AQAB"},
        {**rsa, "kid": "small", "n": "AQAB"},
        {**rsa, "kid": "broken", "n": 7},
        {**ec, "kid": "p384", "crv": "P-384"},
        {"kty": "oct", "kid": "secret", "k": "AQAB"},
        {**rsa, "kid": 7},
        {name: value for name, value in rsa.items() if name != "kid"},
        "no key",
    ]

    found = usable_keys({"keys": [*unusable, rsa, ec, {**rsa, "kid": "only-ps", "alg": "PS256"}]})

    assert {kid: set(key.algorithms) for kid, key in found.items()} == {
        "rsa": {"RS256", "PS256"},
        "ec": {"ES256"},
        "only-ps": {"PS256"},
    }
