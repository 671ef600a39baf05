"""Tokens of other servers: 224 random bits in hex after a prefix.

Such a token cannot be guessed, so a single SHA-256 is a sufficient hash (NIST SP 800-63B, 5.1.1.2).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from functools import partial


def random_token(prefix: str) -> str:
    """Return the prefix and 56 more characters. The token is not stored."""
    return f"{prefix}{secrets.token_hex(28)}"


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_one_of(digest: str, presented: Sequence[str]) -> bool:
    """Compare in constant time."""
    return any(list(map(partial(hmac.compare_digest, digest), presented)))
