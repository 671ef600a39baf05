"""The OpenAPI document: of each operation the answers it can give, statuses and shapes, and no others.

`ANSWERS` is the table; problems follow from what an operation is. What is documented is held against what is answered in
the tests. Encoding an answer does not pass through the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from access_policy.domain.ids import ID_LENGTH_MAX
from access_policy.entrypoints.http import shapes
from access_policy.entrypoints.http.middleware import KEY_MAX
from access_policy.entrypoints.http.problems import MEDIA_TYPE

REF = "#/components/schemas/{model}"
COMMANDS = frozenset({"post", "put", "delete"})

ANSWERS: dict[str, Mapping[int, type[BaseModel] | None]] = {
    "healthz": {200: shapes.Health},
    "readyz": {200: shapes.Readiness, 503: shapes.Readiness},
    "metrics": {200: None},
    "put_depot": {200: shapes.Depot, 201: shapes.Depot},
    "get_depot": {200: shapes.Depot},
    "list_depots": {200: shapes.Page[shapes.Depot]},
    "put_calendar": {200: shapes.CalendarPut, 201: shapes.CalendarPut},
    "get_calendar": {200: shapes.Calendar},
    "list_calendars": {200: shapes.Page[shapes.CalendarSummary]},
    "remove_calendar": {204: None},
    "put_charger": {200: shapes.Charger, 201: shapes.Charger},
    "get_charger": {200: shapes.ChargerNowOrThen},
    "list_chargers": {200: shapes.Page[shapes.ChargerStatus]},
    "retire_charger": {204: None},
    "rotate_password": {204: None},
    "get_timeline": {200: shapes.Timeline},
    "schedule_mode": {201: shapes.Rule},
    "amend_mode_rule": {200: shapes.Rule},
    "withdraw_mode_rule": {204: None},
    "schedule_mode_for_many": {200: shapes.RulesForMany},
    "copy_policy": {200: shapes.PolicyCopied},
    "add_exception": {201: shapes.ModeExceptionMade},
    "remove_exception": {204: None},
    "override_mode": {201: shapes.OverrideMade},
    "lift_override": {204: None},
    "put_agreement": {200: shapes.Agreement, 201: shapes.Agreement},
    "get_agreement": {200: shapes.Agreement},
    "list_agreements": {200: shapes.Page[shapes.Agreement]},
    "end_agreement": {204: None},
    "put_vehicle": {200: shapes.VehiclePut, 201: shapes.VehiclePut},
    "get_vehicle": {200: shapes.Vehicle},
    "list_vehicles": {200: shapes.VehiclesFound},
    "remove_vehicle": {204: None},
    "plan_registry_import": {201: shapes.RegistryImportPlan},
    "get_registry_import": {200: shapes.RegistryImportPlan},
    "apply_registry_import": {200: shapes.RegistryImport, 202: shapes.RegistryImport},
    "export_registry": {200: None},
    "suspend_vehicle": {200: shapes.Vehicle},
    "reinstate_vehicle": {200: shapes.Vehicle},
    "decide_access": {200: shapes.Decision},
    "end_session": {200: shapes.SessionEnded},
    "list_access_events": {200: shapes.Page[shapes.AccessEvent]},
    "get_access_event": {200: shapes.AccessEventInFull},
    "list_pin_lockouts": {200: shapes.Page[shapes.PinLockout]},
    "list_denied_identifiers": {200: shapes.Page[shapes.DeniedIdentifier]},
    "enrol_identifier": {201: shapes.Vehicle},
    "arm_enrolment": {201: shapes.EnrolmentSession},
    "get_enrolment_session": {200: shapes.EnrolmentSession},
    "cancel_enrolment": {204: None},
    "ask_what_if": {200: shapes.WhatIf},
    "report_access": {200: shapes.AccessReport},
    "report_mode_compliance": {200: shapes.ComplianceReport},
    "list_mode_changes": {200: shapes.Page[shapes.ModeChange]},
    "list_faults": {200: shapes.Page[shapes.Fault]},
    "list_profiles": {200: shapes.Page[shapes.Profile]},
    "get_profile": {200: shapes.Profile},
    "put_profile": {200: shapes.ProfilePut, 201: shapes.ProfilePut},
    "remove_profile": {204: None},
    "probe_charger": {200: shapes.ProbedCharger},
    "take_event": {200: shapes.EventTaken},
}

_ALSO_NOT_FOUND = frozenset({"decide_access", "ask_what_if"})  # what they name in the body need not be there
# To the process that holds the charger's connection:
_PASSED_ON = frozenset({"rotate_password", "probe_charger", "end_session"})
_CSV = frozenset({"report_access", "report_mode_compliance", "export_registry"})  # reports with `Accept: text/csv`
_TEXTS = {**dict.fromkeys(_CSV, ("text/csv",)), "metrics": ("text/plain",)}
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
    "description": "The same key and request within a day give the same answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MAX, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}


def document(app: FastAPI) -> None:
    """Let `app` describe itself like this."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    described = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    refs, shown = _shapes()
    schemas.update(shown)
    for path, item in described["paths"].items():
        for method, operation in item.items():
            _describe(path, method, operation, refs)
    return described


def _shapes() -> tuple[dict[type[BaseModel], dict[str, Any]], dict[str, Any]]:
    """A reference to each shape, and all definitions by name."""
    wanted: list[type[BaseModel]] = [shapes.Problem]
    wanted += [shape for answers in ANSWERS.values() for shape in answers.values() if shape is not None]
    references, definitions = models_json_schema(
        [(shape, "serialization") for shape in dict.fromkeys(wanted)], by_alias=True, ref_template=REF
    )
    return {shape: dict(references[shape, "serialization"]) for shape in wanted}, definitions["$defs"]


def _describe(path: str, method: str, operation: dict[str, Any], refs: dict[type[BaseModel], dict[str, Any]]) -> None:
    answers = ANSWERS.get(operation["operationId"]) or {int(s): None for s in operation["responses"] if s < "300"}
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        parameter["schema"] = _PRECONDITIONS.get(parameter["name"]) or _without_null(parameter["schema"])
        if parameter["in"] == "path":
            parameter["schema"] |= {"minLength": 1, "maxLength": ID_LENGTH_MAX}
    if method in COMMANDS:
        parameters.append(_IDEMPOTENCY_KEY)
    problems = _problems(path, method, operation) - answers.keys()
    if operation["operationId"] in _CSV:
        operation["parameters"] = [each for each in parameters if each["name"] != "accept"]
    operation["responses"] = {str(status): _answer(status, shape, refs) for status, shape in answers.items()} | {
        str(status): _problem(status, refs) for status in sorted(problems)
    }
    for media_type in _TEXTS.get(operation["operationId"], ()):
        operation["responses"]["200"].setdefault("content", {})[media_type] = {"schema": {"type": "string"}}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null: neither an address nor a header can say so."""
    alternatives = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    return {**schema, "anyOf": alternatives} if len(alternatives) > 1 else (alternatives[0] if alternatives else schema)


def _problems(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    """What an operation of this kind can be refused with, or fail with."""
    if operation["operationId"] == "metrics":
        return {401, 403, 500}
    if not path.startswith("/v1"):
        return set()
    statuses = {401, 403, 422, 500, 503}
    if method in COMMANDS:
        statuses |= {400, 409, 413}
    if operation["operationId"] in _PASSED_ON:
        statuses |= {502}
    if "{" in path or operation["operationId"] in _ALSO_NOT_FOUND:
        statuses |= {404}
    if any(parameter["name"] == "If-Match" for parameter in operation["parameters"]):
        statuses |= {412}
    return statuses


def _answer(status: int, shape: type[BaseModel] | None, refs: dict[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": {**_REQUEST_ID, **_ETAG}}
    if shape is not None:
        described["content"] = {"application/json": {"schema": refs[shape]}}
    return described


def _problem(status: int, refs: dict[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _REQUEST_ID,
        "content": {MEDIA_TYPE: {"schema": refs[shapes.Problem]}},
    }
