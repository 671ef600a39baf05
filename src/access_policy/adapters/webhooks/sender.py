"""One delivery of a webhook over HTTPS."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from access_policy.adapters.outgoing.addresses import Lookup, Network
from access_policy.adapters.outgoing.checked import TIMEOUT_S, Answer, CheckedRequests, RequestFailed
from access_policy.adapters.outgoing.trust import Trust
from access_policy.application.ports.webhooks import Attempt

READ_MAX: Final = 16 * 1024  # bytes of a response's body
SHOWN_MAX: Final = 300  # characters of the body that the log shows
REDIRECTS: Final = range(300, 400)


class HttpsWebhookSender:
    """Implements `WebhookSender`."""

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        trust: Trust | None = None,
        *,
        lookup: Lookup | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._requests = CheckedRequests(allowed, trust, lookup=lookup, timeout_s=timeout_s)

    def refusal_of(self, url: str) -> str | None:
        return self._requests.refusal_of(url)

    async def send(self, url: str, headers: dict[str, str], body: bytes, *, now: datetime) -> Attempt:
        began = time.monotonic()
        status, detail, retry_after_s = None, "", 0.0
        try:
            answer = await self._requests.send("POST", url, headers, body, read_max=READ_MAX, reads_success=False)
        except RequestFailed as failed:
            detail = str(failed)
        else:
            status, detail = answer.status, _shown(answer)
            retry_after_s = _retry_after_s(answer.headers.get("Retry-After"), now)
        took_ms = round((time.monotonic() - began) * 1000)
        return Attempt(at=now, status=status, detail=detail, took_ms=took_ms, retry_after_s=retry_after_s)

    async def close(self) -> None:
        await self._requests.close()


def _shown(answer: Answer) -> str:
    if answer.status in REDIRECTS:
        return "redirects are not followed; change the webhook's URL"
    return answer.body[: 4 * SHOWN_MAX].decode(errors="replace")[:SHOWN_MAX]


def _retry_after_s(value: str | None, now: datetime) -> float:
    """Return the delay in seconds (RFC 9110, 10.2.3: seconds or a date); 0 for an invalid value."""
    if value is None:
        return 0.0
    if value.strip().isdecimal() and value.isascii():
        return float(value.strip()[:9])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - now).total_seconds())
    return 0.0
