"""Credentials tokens of OCPI: how they are made, and how a header's token is read.

A token is `ocpi_` and 224 random bits in hex. The underscore belongs to no Base64 text, so that a token sent as it is and one
sent in Base64, as OCPI 2.2.1 and later want it, cannot be confused. Because it cannot be guessed, one SHA-256 of it is a
sufficient hash (NIST SP 800-63B, 5.1.1.2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from functools import partial
from typing import Final

PREFIX: Final = "ocpi_"
LENGTH_MAX: Final = 64  # characters of a token (OCPI, credentials object)
HEADER_MAX: Final = 200


def new_token() -> str:
    """61 characters; it exists nowhere else afterwards."""
    return f"{PREFIX}{secrets.token_hex(28)}"


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def digests_of(presented: str) -> tuple[str, str]:
    """The hashes of the text as it is and of the text that it spells in Base64; both the same if it spells none."""
    as_it_is = digest_of(presented)
    try:
        decoded = base64.b64decode(presented, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return as_it_is, as_it_is
    return as_it_is, digest_of(decoded)


def presented_text(presented: str, digest: str) -> str:
    """The token with this hash that the text is, or spells in Base64."""
    if hmac.compare_digest(digest_of(presented), digest):
        return presented
    return base64.b64decode(presented).decode("ascii")


def is_one_of(digest: str, presented: tuple[str, str]) -> bool:
    """Compare in constant time."""
    return any(list(map(partial(hmac.compare_digest, digest), presented)))


def in_base64(token: str) -> str:
    return base64.b64encode(token.encode()).decode()
