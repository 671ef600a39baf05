"""The text of an API key: `ap_live_`, the key's id, and 256 random bits in hex.

Secret scanners find keys by the pattern `ap_live_[0-9a-f]{16}_[0-9a-f]{64}`. A key cannot be guessed, so a single
SHA-256 is a sufficient hash (NIST SP 800-63B, 5.1.1.2 requires a slow hash only for secrets that people choose).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

PREFIX: Final = "ap_live_"
SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(r"ap_live_([0-9a-f]{16})_[0-9a-f]{64}")


def new_api_key(key_id: str) -> str:
    """Return the text of a new key; `key_id` has 16 hex digits. The service does not keep the text."""
    return f"{PREFIX}{key_id}_{secrets.token_hex(SECRET_BYTES)}"


def id_in(text: str) -> str | None:
    """Return the key id in the text; None if the text cannot be an API key."""
    found = _TEXT.fullmatch(text)
    return None if found is None else found[1]


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def is_text_of(digest: str, text: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(digest, digest_of(text))
