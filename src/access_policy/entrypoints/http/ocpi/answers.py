"""Responses in envelopes, and pages of lists (OCPI, transport and format)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response

from access_policy.adapters.ocpi.envelope import Code, enveloped
from access_policy.adapters.ocpi.fields import DateTime, OcpiObject, text_of
from access_policy.entrypoints.http.dependencies import container_of

PAGE_MAX: Final = 100

Offset = Annotated[int, Query(ge=0, le=10_000_000)]
PageSize = Annotated[int, Query(ge=1)]
Since = Annotated[DateTime | None, Query()]


def answer(
    request: Request,
    data: Any,
    *,
    status: int = 200,
    message: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response; `data` is an object of OCPI, or JSON."""
    body = data.as_json() if isinstance(data, OcpiObject) else data
    now = container_of(request).clock().now()
    content = enveloped(body, now=now, code=Code.OK, message=message)
    return Response(content, status, dict(headers or {}), "application/json")


def page(
    request: Request,
    url: str,
    items: Sequence[Any],
    *,
    total: int,
    offset: int,
    limit: int,
    filters: Mapping[str, datetime | None],
) -> Response:
    """Return one page of a list. `items` are the items from `offset` on, as JSON; `url` is the URL of the list. The
    link to the next page has the same filters."""
    headers = {"X-Total-Count": str(total), "X-Limit": str(PAGE_MAX)}
    if offset + len(items) < total:
        kept = {name: text_of(at) for name, at in filters.items() if at is not None}
        following = urlencode({**kept, "offset": offset + len(items), "limit": limit})
        headers["Link"] = f'<{url}?{following}>; rel="next"'
    return answer(request, items, headers=headers)
