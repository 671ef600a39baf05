"""The OpenAPI document: what FastAPI derives from the routes, completed with the problems, headers and parameters that
each kind of operation implies. The tests compare the document with actual responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from access_policy.domain.ids import ID_LENGTH_MAX
from access_policy.entrypoints.http.fields import ResponseModel
from access_policy.entrypoints.http.idempotency_keys import KEY_MAX
from access_policy.entrypoints.http.openapi_answer import DocumentAnswer
from access_policy.entrypoints.http.problems import MEDIA_TYPE

COMMANDS = frozenset({"post", "put", "delete"})

_REQUEST_ID = {
    "X-Request-Id": {"description": "The caller's, or a new one", "required": True, "schema": {"type": "string"}}
}
_ETAG = {"ETag": {"description": 'The version, such as "3"', "schema": {"type": "string"}}}
_PRECONDITIONS: dict[str, dict[str, Any]] = {
    "If-Match": {"type": "string", "pattern": r'^(\*|(W/)?"[0-9]{1,15}")$'},
    "If-None-Match": {"type": "string", "enum": ["*"]},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request within a day get the same response",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MAX, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}


class ProblemPointer(ResponseModel):
    """An invalid part of a request. `line` and `vehicle_id`, `charger_id` or `reservation_id` identify a row of an
    imported file."""

    pointer: str
    message: str
    line: int | None = None
    vehicle_id: str | None = None


class Problem(BaseModel):
    """RFC 9457. `errors` points to the invalid parts of the request; `conflicting` are the ids of the reservations in
    conflict with the request."""

    type: str
    title: str
    status: int
    detail: str
    errors: Annotated[list[ProblemPointer], Field(default_factory=list)]
    conflicting: Annotated[list[str], Field(default_factory=list)]


class DocumentedApi(FastAPI):
    """FastAPI that completes its document."""

    def setup(self) -> None:
        answer = DocumentAnswer(lambda: self.openapi())

        async def document(request: Request) -> Response:
            return await answer(request)

        self.add_route("/openapi.json", document, include_in_schema=False)  # before FastAPI's own, which it replaces
        super().setup()

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = _completed(self)
        return self.openapi_schema


def _completed(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    references, definitions = models_json_schema(
        [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas.update(definitions["$defs"])
    problem = dict(references[Problem, "serialization"])
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _complete(path, method, operation, problem)
    return document


def _complete(path: str, method: str, operation: dict[str, Any], problem: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        parameter["schema"] = _PRECONDITIONS.get(parameter["name"]) or _without_null(parameter["schema"])
        if parameter["in"] == "path":
            parameter["schema"] |= {"minLength": 1, "maxLength": ID_LENGTH_MAX}
    if method in COMMANDS:
        parameters.append(_IDEMPOTENCY_KEY)
    declared = operation["responses"]
    answers = {status: each for status, each in declared.items() if status < "400" or status == "503"}
    problems = {*_problems(path, method, operation), *map(int, declared.keys() - answers.keys())}
    if not path.startswith("/v1"):
        problems.discard(422)
    for status, answer in answers.items():
        answer |= {"description": HTTPStatus(int(status)).phrase, "headers": {**_REQUEST_ID, **_ETAG}}
    operation["responses"] = answers | {str(status): _problem(status, problem) for status in sorted(problems)}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Remove null from a parameter's schema: a URL or a header cannot express it, so a parameter without a value is
    left out."""
    alternatives = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    return {**schema, "anyOf": alternatives} if len(alternatives) > 1 else (alternatives[0] if alternatives else schema)


def _problems(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    """Return the problems that the kind of operation implies; a route declares other problems in `responses`."""
    if not path.startswith("/v1"):
        return {401, 403, 429, 500} if "security" in operation else set()
    statuses = {401, 403, 422, 429, 500, 503}
    if method in COMMANDS:
        statuses |= {400, 409, 413}
    if "{" in path:
        statuses |= {404}
    if any(parameter["name"] == "If-Match" for parameter in operation["parameters"]):
        statuses |= {412}
    return statuses


def _problem(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _REQUEST_ID,
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
