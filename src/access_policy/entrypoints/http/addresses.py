"""What stands in the address of a request must be understood as a whole, or the request is refused: a filter that was
misspelt must not list everything, and an id that was damaged on its way must not be looked up."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from access_policy.domain.errors import Invalid
from access_policy.domain.ids import InvalidId
from access_policy.entrypoints.http.auth import Caller

_NO_UTF8 = "\ufffd"  # what decoding puts in place of bytes that are no UTF-8


class UnknownParameter(Invalid):
    code = "unknown-parameter"


def address_must_be_understood(request: Request, _: Caller) -> None:
    """Raises `UnknownParameter` or `InvalidId`; 401 and 403 come before."""
    known = sorted(_query_parameters(request.scope["route"].dependant))
    for name in request.query_params:
        if name not in known:
            takes = f"takes {', '.join(known)}" if known else "takes no parameters"
            raise UnknownParameter(
                f"{name[:64]!r} is no parameter here; this address {takes}.", pointer=f"/{name[:64]}"
            )
    for name, value in request.path_params.items():
        if _NO_UTF8 in value:
            raise InvalidId(f"{name} holds bytes that are no UTF-8; encode it anew.", pointer=f"/{name}")


def _query_parameters(of: Dependant) -> Iterator[str]:
    yield from (each.alias for each in of.query_params)
    for each in of.dependencies:
        yield from _query_parameters(each)
