"""Signatures of Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks): HMAC-SHA256, scheme `v1`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from access_policy.domain.webhooks.errors import WebhookInvalid

SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix of secrets, not one of them
SECRET_BYTES_MIN = 24
SECRET_BYTES_MAX = 64
SECRET_BYTES = 32  # of a secret that the service generates


def secret_of(random_bytes: bytes) -> str:
    return SECRET_PREFIX + base64.b64encode(random_bytes).decode()


def checked_secret(secret: str) -> str:
    """Return the secret if it is valid. Raises `WebhookInvalid`, whose message does not contain the secret."""
    try:
        size = len(_key(secret)) if secret.startswith(SECRET_PREFIX) else 0
    except (binascii.Error, ValueError):
        size = 0
    if not SECRET_BYTES_MIN <= size <= SECRET_BYTES_MAX:
        raise WebhookInvalid(
            f"A secret is {SECRET_PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes in base64; "
            "leave it out to get a new one.",
            pointer="/secret",
        )
    return secret


def signature_headers(message_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of one try at `at`, with one signature for each secret. `message_id` contains no full stop."""
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [hmac.digest(_key(secret), signed, hashlib.sha256) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
