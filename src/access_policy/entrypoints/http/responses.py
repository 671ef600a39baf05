"""Build responses that FastAPI does not build by itself: status 201, ETags, and bodies too large for one iteration of
the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi.responses import Response
from pydantic import BaseModel

from access_policy.entrypoints.http.problems import ApiProblem

LOG_POSITION = "X-Log-Position"  # in a command's response; a later request that sends it reads at least that state

Responses = dict[int | str, dict[str, Any]]

NOT_FOUND: Responses = {404: {}}  # for an operation whose body, not its path, names something that may be missing
PASSED_ON: Responses = {502: {}}  # for an operation that the process with the charger's connection answers
CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


def created(model: type[BaseModel]) -> Responses:
    """Document that a PUT answers 201 with the same model if it creates something."""
    return {201: {"model": model}}


def set_etag(response: Response, version: int) -> None:
    response.headers["ETag"] = f'"{version}"'


def not_found(what: str) -> ApiProblem:
    return ApiProblem(HTTPStatus.NOT_FOUND, "not-found", f"There is no such {what}.")


async def json_in_pieces(head: BaseModel, name: str, items: Iterable[BaseModel], *, status: int = 200) -> Response:
    """Encode `head` with one more field `name`, a list of `items`, on a thread, item by item: one call of the encoder
    for all items would block the interpreter, and with it the event loop."""

    def encoded() -> bytes:
        body = bytearray(head.model_dump_json(by_alias=True).encode()[:-1])
        body += f',"{name}":['.encode()
        for item in items:
            body += item.model_dump_json(by_alias=True, exclude_unset=True).encode() + b","
        if body.endswith(b","):
            del body[-1:]
        body += b"]}"
        return bytes(body)

    return Response(await asyncio.to_thread(encoded), status, media_type="application/json")
