"""Signatures and secrets of Standard Webhooks; what they are is what its own package verifies."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from access_policy.domain.webhooks.errors import WebhookInvalid
from access_policy.domain.webhooks.signing import checked_secret, secret_of, signature_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_signature_headers_given_the_example_of_the_standard_are_its_signature() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)

    headers = signature_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [SECRET])

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_signature_headers_given_two_secrets_verify_with_either_and_no_other() -> None:
    old, new, other = SECRET, secret_of(b"n" * 32), secret_of(b"o" * 32)
    body = '{"name":"Nächte"}'.encode()
    headers = signature_headers("e-1", datetime.now(UTC), body, [new, old])

    for secret in (old, new):
        assert Webhook(secret).verify(body, headers) == {"name": "Nächte"}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body + b" ", headers)


@pytest.mark.parametrize("size", [24, 64])
def test_checked_secret_with_the_fewest_and_the_most_bytes_is_accepted(size: int) -> None:
    assert checked_secret(secret_of(b"x" * size)) == secret_of(b"x" * size)


@pytest.mark.parametrize("secret", [secret_of(b"x" * 23), secret_of(b"x" * 65), "whsec_", "whsec_ä", SECRET[6:]])
def test_checked_secret_that_is_none_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(WebhookInvalid) as refused:
        checked_secret(secret)

    assert secret[6:] == "" or secret[6:] not in refused.value.detail
