"""The response format of OCPI, and its status codes (OCPI 2.3.0, transport and format; status codes)."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Any

import msgspec

from access_policy.adapters.ocpi.fields import text_of


class Code(IntEnum):
    OK = 1000
    CLIENT_ERROR = 2000
    INVALID = 2001
    NOT_ENOUGH = 2002
    UNKNOWN_LOCATION = 2003
    UNKNOWN_TOKEN = 2004
    SERVER_ERROR = 3000
    CLIENT_API_UNUSABLE = 3001
    UNSUPPORTED_VERSION = 3002
    ENDPOINTS_MISSING = 3003


def enveloped(data: Any, *, now: datetime, code: int = Code.OK, message: str = "") -> bytes:
    """Encode a response. `data` is plain JSON; None is omitted."""
    envelope: dict[str, Any] = {} if data is None else {"data": data}
    envelope["status_code"] = int(code)
    if message:
        envelope["status_message"] = message
    envelope["timestamp"] = text_of(now.replace(microsecond=0))
    return msgspec.json.encode(envelope)
