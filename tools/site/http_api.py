"""The reference of the HTTP API, from the OpenAPI document: a page for each resource, and one of the shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from access_policy import __version__
from access_policy.entrypoints.http import health
from access_policy.entrypoints.http.auth import Allowed
from access_policy.entrypoints.http.openapi import DocumentedApi
from access_policy.entrypoints.http.v1.routers import ROUTERS
from tools.site import json_schema
from tools.site.json_schema import cell, escaped

DIRECTORY: Final = "reference/api"
_INTRO: Final = """\
# API reference

A running service shows the same at `/docs`, where you can try each operation. It serves the document at `/openapi.json`.
[The integration guide](../../integration-guide.md) explains tokens, versions, idempotency and problems.
"""

Operation = dict[str, Any]


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the service."""
    app = DocumentedApi(title="access_policy", version=__version__)
    app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    found = app.openapi()
    for route in app.routes:
        for dependency in getattr(route, "dependencies", ()):
            if isinstance(dependency.dependency, Allowed):
                for method in route.methods:  # type: ignore[attr-defined]
                    operation = found["paths"][route.path_format][method.lower()]  # type: ignore[attr-defined]
                    operation["x-roles"] = sorted(role.value for role in dependency.dependency.roles)
    return found


def pages() -> dict[str, str]:
    described = document()
    resources: dict[str, list[tuple[str, str, Operation]]] = {}
    for path, item in described["paths"].items():
        for method, operation in item.items():
            resources.setdefault(_resource(path), []).append((path, method, operation))
    written = {f"{DIRECTORY}/{name}.md": "\n".join(_page(name, resources[name])) for name in resources}
    shapes = described["components"]["schemas"]
    return written | {
        f"{DIRECTORY}/index.md": "\n".join(_index(resources)),
        f"{DIRECTORY}/shapes.md": "\n".join(_shapes(shapes)),
    }


def _resource(path: str) -> str:
    first, _, rest = path.removeprefix("/").partition("/")
    return rest.partition("/")[0] if first == "v1" else "health"


def _index(resources: Mapping[str, list[tuple[str, str, Operation]]]) -> Iterator[str]:
    yield _INTRO
    for name in sorted(resources):
        yield f"## {_title(name)}\n\n| request | operation |\n|---|---|"
        for path, method, operation in resources[name]:
            yield f"| `{method.upper()} {path}` | [{_summary(operation)}]({name}.md#{_anchor(operation)}) |"
        yield ""
    yield "```{toctree}\n:hidden:\n:titlesonly:\n\n" + "\n".join([*sorted(resources), "shapes"]) + "\n```"


def _page(name: str, operations: list[tuple[str, str, Operation]]) -> Iterator[str]:
    yield f"# {_title(name)}\n"
    for path, method, operation in operations:
        yield from _operation(path, method, operation)


def _operation(path: str, method: str, operation: Operation) -> Iterator[str]:
    yield f"({_label(operation)})=\n## {_summary(operation)}\n"
    yield f"```text\n{method.upper()} {path}\n```\n"
    if text := operation.get("description"):
        yield f"{escaped(text)}\n"
    if roles := operation.get("x-roles"):
        yield f"Roles: {', '.join(f'`{role}`' for role in roles)}\n"
    yield from _parameters(operation.get("parameters", []))
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body (`{media}`): {_type(content.get('schema', {}))}\n"
    yield "| response | body |\n|---|---|"
    for status, answer in sorted(operation["responses"].items()):
        if status < "400":
            shown = [_type(each.get("schema", {})) for each in answer.get("content", {}).values()]
            yield f"| {status} {answer['description']} | {' or '.join(dict.fromkeys(filter(None, shown)))} |"
    problems = [
        f"{status} {each['description']}" for status, each in sorted(operation["responses"].items()) if status >= "400"
    ]
    if problems:
        yield f"\n[Problems](shapes.md#shape-problem): {', '.join(problems)}."
    yield ""


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "| parameter | in | type | meaning |\n|---|---|---|---|"
    for each in parameters:
        required = " (required)" if each.get("required") else ""
        yield f"| `{each['name']}`{required} | {each['in']} | {_type(each['schema'])} | {cell(each.get('description', ''))} |"
    yield ""


def _shapes(shapes: Mapping[str, Any]) -> Iterator[str]:
    yield "# Shapes\n\nThe bodies of requests and responses.\n"
    yield from json_schema.shapes(shapes, _shape_anchor)


def _type(schema: Mapping[str, Any]) -> str:
    return json_schema.in_words(schema, _shape_anchor)


def _shape_anchor(name: str) -> str:
    return f"shape-{name.lower()}"


def _title(name: str) -> str:
    return name.replace("-", " ").capitalize().replace("Api", "API")


def _summary(operation: Operation) -> str:
    return str(operation.get("summary", operation["operationId"])).capitalize().replace("api key", "API key")


def _label(operation: Operation) -> str:
    return f"operation-{operation['operationId'].replace('_', '-')}"


def _anchor(operation: Operation) -> str:
    return _summary(operation).lower().replace(" ", "-")
