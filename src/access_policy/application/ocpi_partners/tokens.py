"""Credentials tokens of OCPI: how they are created, and how a header's token is read.

The underscore of the prefix does not occur in Base64, so that a token sent as it is and one sent in Base64, as OCPI
2.2.1 and later require, cannot be confused.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

from access_policy.application.partners.tokens import digest_of, random_token

PREFIX: Final = "ocpi_"
LENGTH_MAX: Final = 64  # characters of a token (OCPI, credentials object)
HEADER_MAX: Final = 200


def new_token() -> str:
    """Return a token of 61 characters, which is not stored."""
    return random_token(PREFIX)


def digests_of(presented: str) -> tuple[str, str]:
    """Return the hashes of the string itself and of the string that it encodes in Base64; the same hash twice if it
    encodes none."""
    as_it_is = digest_of(presented)
    try:
        decoded = base64.b64decode(presented, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return as_it_is, as_it_is
    return as_it_is, digest_of(decoded)


def presented_text(presented: str, digest: str) -> str:
    """Return the token with this hash: the string itself, or the string that it encodes in Base64."""
    if hmac.compare_digest(digest_of(presented), digest):
        return presented
    return base64.b64decode(presented).decode("ascii")


def in_base64(token: str) -> str:
    return base64.b64encode(token.encode()).decode()
