"""Answers of the API made up from its OpenAPI document: every name, text and id is long."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

ID = "019a9f3e-7c1b-7d2e-8f00-3b1c5a9d2e4f"
INSTANT = "2026-11-18T12:00:00Z"
NAME = "A name that is much longer than any column of a terminal has room for, and has an ünusual letter"
WORD = "w" * 60
REPORT_ROW = {
    "day": "2026-11-18",
    "charger": ID,
    "agreement": NAME,
    "reason": "unknown_identifier",
    "attempts": 1234567,
}

Schema = Mapping[str, Any]


class MadeUpAnswers(httpx.BaseTransport):
    def __init__(self, openapi: Mapping[str, Any]) -> None:
        self._openapi = openapi
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), operations)
            for path, operations in sorted(openapi["paths"].items(), key=lambda item: item[0].count("{"))
        ]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        operation = next(
            operations[request.method.lower()]
            for path, operations in self._paths
            if path.fullmatch(request.url.path) and request.method.lower() in operations
        )
        good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        schema = good["content"]["application/json"]["schema"]
        made = self._value(schema, "")
        if "/reports/" in request.url.path:
            made["rows"] = [REPORT_ROW] * 2
        return httpx.Response(200, json=made)

    def _value(self, schema: Schema, name: str) -> Any:
        if (reference := schema.get("$ref")) is not None:
            return self._value(self._openapi["components"]["schemas"][reference.rpartition("/")[2]], name)
        for among in ("anyOf", "oneOf", "allOf"):
            if among in schema:
                return self._value(next(each for each in schema[among] if each.get("type") != "null"), name)
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[-1])
        match schema.get("type"):
            case "object":
                fields = {field: self._value(each, field) for field, each in schema.get("properties", {}).items()}
                return fields or {"a": NAME}
            case "array":
                return [self._value(schema.get("items", {}), name.removesuffix("s"))] * 3
            case "integer" | "number":
                return 1_234_567
            case "boolean":
                return True
            case _:
                return _text(schema, name)


def _text(schema: Schema, name: str) -> str | None:
    if name == "next_cursor":
        return None
    if name == "time_zone":
        return "Europe/Berlin"
    if schema.get("format") == "date-time":
        return INSTANT
    if name.endswith("_id") or name == "id":
        return ID
    return WORD if name in ("masked", "url", "value", "address") else NAME
