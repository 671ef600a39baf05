"""Convert errors to problem documents (RFC 9457), so that routes need no `try`."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from access_policy.application.errors import TooBusy, VersionMismatch
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.registry_import.errors import ImportRowsRefused
from access_policy.domain.errors import Conflict, Invalid, Refused, Unknown
from access_policy.domain.reservations.errors import PromisedAlready

log = logging.getLogger(__name__)

PROBLEM_TYPE = "urn:access-policy:problem:"
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
# set in the request's state if the request was refused because it names an unknown thing
NAMES_UNKNOWN = "names_unknown"
_BRANCH = re.compile(r"(list|literal|constrained-str|function-[a-z]+)(\[|$)")


class ApiProblem(Exception):
    """A request that the HTTP layer itself refuses."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
    conflicting: Sequence[str] = (),
) -> Response:
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        document["errors"] = errors
    if conflicting:
        document["conflicting"] = list(conflicting)
    return Response(msgspec.json.encode(document), status, dict(headers or {}), MEDIA_TYPE)


def register_problems(app: FastAPI) -> None:
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def problem_for(request: Request, error: Exception) -> Response:
    """Return the problem document with which the API answers when a route raises `error`."""
    kind = next(each for each in type(error).__mro__ if each in _HANDLERS)
    return await _HANDLERS[kind](request, error)


async def _api_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiProblem)
    return problem(error.status, error.code, error.detail, headers=error.headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    status = {Invalid: 422, Conflict: 409, Unknown: 404}[_kind(error)]
    setattr(request.state, NAMES_UNKNOWN, error.names_unknown)
    errors = None if error.pointer is None else [{"pointer": error.pointer, "message": error.detail}]
    conflicting = error.conflicting if isinstance(error, PromisedAlready) else ()
    return problem(status, error.code, error.detail, errors=errors, conflicting=conflicting)


async def _rows_refused(request: Request, error: Exception) -> Response:
    """Answer with the refused rows. `line` and the id of a vehicle, charger or reservation identify a row of the file,
    because this request does not contain the file."""
    assert isinstance(error, ImportRowsRefused)
    errors = [
        {"pointer": "", "message": row.message, "line": row.line, error.names: row.vehicle_id} for row in error.rows
    ]
    return problem(409, error.code, error.detail, errors=errors)


def _kind(error: Refused) -> type[Refused]:
    return next(kind for kind in (Invalid, Conflict, Unknown) if isinstance(error, kind))


async def _version_mismatch(request: Request, error: Exception) -> Response:
    assert isinstance(error, VersionMismatch)
    if error.current == 0:
        return problem(
            412,
            "version-mismatch",
            "If-Match requires that it exists, and it does not; leave If-Match out to create it.",
        )
    expected = "that it does not exist" if error.expected == 0 else f"version {error.expected}"
    detail = f"The request expects {expected}, but the current version is {error.current}; read it again first."
    return problem(412, "version-mismatch", detail, headers={"ETag": f'"{error.current}"'})


async def _unavailable(request: Request, error: Exception) -> Response:
    return unavailable(request, error)


def unavailable(request: Request, error: Exception) -> Response:
    """Answer 503. The outcome of the command may be unknown; with an Idempotency-Key it is safe to send it again."""
    log.error("%s %s failed because the store is unavailable: %s", request.method, request.url.path, error)
    detail = "The store is unavailable; send the request again in a moment."
    return problem(503, "store-unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def not_caught_up(detail: str) -> Response:
    return problem(503, "not-caught-up", detail, headers={"Retry-After": "1"})


def found_in(error: RequestValidationError) -> list[tuple[str, str]]:
    """Return the name of each invalid field, such as `identifier/kind`, and what to enter instead."""
    return [(_pointer(each).removeprefix("/"), _message(each)) for each in error.errors()]


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return _malformed_json()
    errors = [{"pointer": _pointer(each), "message": _message(each)} for each in found[:50]]
    first = errors[0]
    return problem(422, "invalid-request", f"{first['pointer'] or 'The body'}: {first['message']}", errors=errors)


def _malformed_json() -> Response:
    return problem(400, "malformed-json", "The body is not valid JSON in UTF-8, or is nested too deeply; correct it.")


def _message(found: Mapping[str, Any]) -> str:
    """Return the validator's message, or one that says what to send instead."""
    if found["loc"] == ("body",) and found["type"] in _NOT_AN_OBJECT:
        return "must be a JSON object, sent with 'Content-Type: application/json'"
    return (_MESSAGES.get(found["type"]) or str(found["msg"]).removeprefix("Value error, "))[:300]


_NOT_AN_OBJECT = frozenset({"missing", "model_attributes_type", "model_type", "dict_type"})
_INSTANT = "must be an instant such as 2026-11-20T06:00:00Z; in a URL, write + as %2B"
_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this request; check its spelling or leave it out",
    "string_unicode": "contains half of a surrogate pair; send text that can be encoded in UTF-8",
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
}


def _pointer(found: Mapping[str, Any]) -> str:
    """Return an RFC 6901 pointer, or the name of a query parameter or header. The branches of a union are left out,
    because only the validator knows them."""
    location = found["loc"]
    parts = location[1:] if location and location[0] in ("body", "query", "path", "header") else location
    if found["type"] != "extra_forbidden":
        parts = tuple(part for part in parts if not (isinstance(part, str) and _BRANCH.match(part)))
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the only one that the framework raises: it cannot read the body
        return _malformed_json()
    details = {
        404: "There is no resource at this URL; check its path.",
        405: "This URL does not support the method; see /docs.",
    }
    detail = details.get(error.status_code, str(error.detail))
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return problem(error.status_code, code, detail, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "The service failed. Your request is not the cause; report it with the request id."
    return problem(500, "internal-error", detail)


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    ApiProblem: _api_problem,
    Refused: _refused,
    ImportRowsRefused: _rows_refused,
    VersionMismatch: _version_mismatch,
    TooBusy: _unavailable,
    StoreUnavailable: _unavailable,
    RequestValidationError: _invalid_request,
    HTTPException: _http,
    Exception: _unexpected,
}
