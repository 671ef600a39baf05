"""Credentials tokens of OCPI: how they are made, and how a header's token is read.

The underscore of the prefix belongs to no Base64 text, so that a token sent as it is and one sent in Base64, as OCPI 2.2.1 and
later want it, cannot be confused.
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
    """61 characters; it exists nowhere else afterwards."""
    return random_token(PREFIX)


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


def in_base64(token: str) -> str:
    return base64.b64encode(token.encode()).decode()
