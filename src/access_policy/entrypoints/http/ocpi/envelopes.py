"""Makes every response below `/ocpi` an OCPI envelope with OCPI's headers, whichever part of the service it comes
from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Scope

from access_policy.adapters.ocpi.envelope import Code, enveloped
from access_policy.application.ports.clock import Clock
from access_policy.entrypoints.http.ocpi.urls import OCPI
from access_policy.entrypoints.http.problems import PROBLEM_TYPE
from access_policy.entrypoints.http.translated_problems import TranslatedProblems

ROUTING: Final = "ocpi_routing"  # in the state of a request: the headers that name both parties
SHOWN_MAX: Final = 255
_CORRELATION: Final = re.compile(r"[\x21-\x7e]{1,200}")

# By the code of a problem: the HTTP status (None: the problem's own) and the OCPI status code. A message that was
# understood is answered with 200 (OCPI, status codes).
_BY_CODE: Final[Mapping[str, tuple[int | None, Code]]] = {
    "malformed-json": (400, Code.INVALID),
    "ocpi-already-registered": (405, Code.CLIENT_ERROR),
    "ocpi-not-registered": (405, Code.CLIENT_ERROR),
    "ocpi-partner-not-reached": (200, Code.CLIENT_API_UNUSABLE),
    "ocpi-location-unknown": (None, Code.UNKNOWN_LOCATION),
    "ocpi-token-unknown": (404, Code.UNKNOWN_TOKEN),
    "body-too-large": (413, Code.INVALID),
    "store-unavailable": (503, Code.SERVER_ERROR),
}
_BY_STATUS: Final[Mapping[int, tuple[int | None, Code]]] = {
    409: (200, Code.CLIENT_ERROR),
    412: (200, Code.CLIENT_ERROR),
    422: (200, Code.INVALID),
}


class OcpiEnvelopes(TranslatedProblems):
    """Convert problem documents to envelopes, and echo the correlation id and the parties of a routed message."""

    prefix = OCPI

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        super().__init__(app)
        self._clock = clock

    def begun(self, scope: Scope, start: Message) -> None:
        _with_headers(scope, start)

    def translated(self, scope: Scope, start: Message, document: Mapping[str, Any]) -> bytes:
        status, code = _meaning(scope["method"], document["type"].removeprefix(PROBLEM_TYPE), document["status"])
        start["status"] = status
        MutableHeaders(raw=start["headers"])["content-type"] = "application/json"
        return enveloped(None, now=self._clock.now(), code=code, message=_shown(document))


def _meaning(method: str, problem: str, status: int) -> tuple[int, Code]:
    other = Code.SERVER_ERROR if status >= 500 else Code.CLIENT_ERROR
    http, code = _BY_CODE.get(problem) or _BY_STATUS.get(status) or (None, other)
    if http is None:
        http = 200 if problem == "ocpi-location-unknown" and method != "GET" else status
    return http, code


def _shown(document: Mapping[str, Any]) -> str:
    return str(document["detail"])[:SHOWN_MAX]


def _with_headers(scope: Scope, start: Message) -> None:
    headers = MutableHeaders(raw=start["headers"])
    sent = Headers(scope=scope).get("x-correlation-id", "")
    headers["X-Correlation-ID"] = sent if _CORRELATION.fullmatch(sent) else scope["state"]["request_id"]
    for name, value in scope["state"].get(ROUTING, {}).items():
        headers[name] = value
    start["headers"] = headers.raw
