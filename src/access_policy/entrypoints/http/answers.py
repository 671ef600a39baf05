"""Answers: JSON with UTC instants, versions as ETags, lists with cursors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import Header, Query
from fastapi.responses import Response

from access_policy.application.commands import Done
from access_policy.application.errors import ANY_VERSION
from access_policy.application.ports.views import PAGE_MAX, Page, Row
from access_policy.entrypoints.http.problems import ApiProblem

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,15})"')

LOG_POSITION = "X-Log-Position"  # of a command's answer; sent with a later request it asks to read at least that

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of a page")]
Cursor = Annotated[str | None, Query(max_length=500, description="next_cursor of the page before")]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description='A version such as "3", from an ETag; "*": it must be there')
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description='"*": it must not be there yet')]


def answer(
    body: object, *, status: int = 200, version: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    all_headers = dict(headers or {})
    if version is not None:
        all_headers["ETag"] = f'"{version}"'
    return Response(msgspec.json.encode(body), status, all_headers, "application/json")


def done(result: Done, body: Mapping[str, Any], *, status: int = 200) -> Response:
    headers = {LOG_POSITION: str(result.position)}
    return answer({**body, "version": result.version}, status=status, version=result.version, headers=headers)


def nothing_left(result: Done) -> Response:
    return Response(status_code=204, headers={"ETag": f'"{result.version}"', LOG_POSITION: str(result.position)})


def page(found: Page, shown: Callable[[Row], Mapping[str, Any]]) -> Response:
    return answer({"items": [shown(row) for row in found.items], "next_cursor": found.next_cursor})


def expected_version(if_match: str | None, if_none_match: str | None = None) -> int | None:
    """The version in `If-Match`, `ANY_VERSION` for its `*`, 0 for `If-None-Match: *`; None where there is neither."""
    if if_none_match is not None:
        return _not_there_yet(if_match, if_none_match)
    if if_match is None:
        return None
    if if_match.strip() == "*":
        return ANY_VERSION
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise ApiProblem(HTTPStatus.BAD_REQUEST, "bad-if-match", 'If-Match takes one version such as "3".')
    return int(match[1])


def _not_there_yet(if_match: str | None, if_none_match: str) -> int:
    if if_none_match.strip() != "*":
        raise ApiProblem(
            HTTPStatus.BAD_REQUEST, "bad-if-none-match", "If-None-Match takes *: put what is not there yet."
        )
    if if_match is not None:
        detail = "Nothing can be there (If-Match) and not be there yet (If-None-Match: *); send one of them."
        raise ApiProblem(HTTPStatus.PRECONDITION_FAILED, "version-mismatch", detail)
    return 0


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with `Z`."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def not_found(what: str) -> ApiProblem:
    return ApiProblem(HTTPStatus.NOT_FOUND, "not-found", f"There is no such {what}.")
