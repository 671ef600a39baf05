"""Calls to capacity providers."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Final

from access_policy.adapters.outgoing.checked import CheckedRequests, RequestFailed
from access_policy.application.ports.oscp import OscpMessage
from access_policy.application.ports.webhooks import Attempt
from access_policy.domain.oscp_providers.provider import ProviderConnection

READ_MAX: Final = 64 * 1024  # bytes of a response's body
SHOWN_MAX: Final = 200


class HttpsOscpPeers:
    """Implements `OscpPeers`."""

    def __init__(self, requests: CheckedRequests) -> None:
        self._requests = requests

    def refusal_of(self, url: str) -> str | None:
        if not url.startswith("https://"):
            return "Providers are called over https only; write https://HOST/PATH"
        return self._requests.refusal_of(url)

    async def send(self, connection: ProviderConnection, message: OscpMessage, *, now: datetime) -> Attempt:
        began = time.monotonic()
        headers = {"Authorization": f"Token {connection.token}", "X-Request-ID": message.message_id}
        if message.correlation_id:
            headers["X-Correlation-ID"] = message.correlation_id
        url, body = f"{connection.base_url}/{message.path}", json.dumps(message.body).encode()
        status: int | None = None
        try:
            answer = await self._requests.send("POST", url, headers, body, read_max=READ_MAX)
            status = answer.status
            detail = "" if answer.is_success else answer.headers.get("X-Error-Message", "")[:SHOWN_MAX]
        except RequestFailed as failed:
            detail = str(failed)
        took_ms = round((time.monotonic() - began) * 1000)
        return Attempt(at=now, status=status, detail=detail, took_ms=took_ms)
