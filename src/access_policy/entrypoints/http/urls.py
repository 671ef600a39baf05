"""Refuse a request unless its whole URL is understood: a misspelt filter must not list everything, and a corrupted id
must not be looked up."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from access_policy.domain.errors import Invalid
from access_policy.domain.ids import InvalidId

_REPLACEMENT = "\ufffd"  # what decoding substitutes for bytes that are not UTF-8


class UnknownParameter(Invalid):
    code = "unknown-parameter"


async def url_must_be_understood(request: Request) -> None:
    """Refuse unknown parameters and ids that are not UTF-8. Raises `UnknownParameter` or `InvalidId`."""
    known = sorted(_query_parameters(request.scope["route"].dependant))
    for name in request.query_params:
        if name not in known:
            accepts = f"accepts {', '.join(known)}" if known else "accepts no parameters"
            raise UnknownParameter(
                f"{name[:64]!r} is not a parameter of this operation, which {accepts}.", pointer=f"/{name[:64]}"
            )
    for name, value in request.path_params.items():
        if _REPLACEMENT in value:
            raise InvalidId(f"{name} contains bytes that are not UTF-8; encode it again.", pointer=f"/{name}")


def _query_parameters(of: Dependant) -> Iterator[str]:
    yield from (each.alias for each in of.query_params)
    for each in of.dependencies:
        yield from _query_parameters(each)
