"""Write docs/architecture.md: the packages of the service, and the imports between them as Mermaid diagrams."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
ROOT = "access_policy"
WHOLE = frozenset({"containers", "domain", "settings"})  # shown as one box each
UNDERSTOOD = "application.ports"  # every package may import it, and the domain; their arrows would hide the others

Edge = tuple[str, str]  # the importing package, the imported one

_LAYER_LABELS = {
    "entrypoints": "entrypoints: HTTP, processes, command line",
    "containers": "containers and container.py: wiring",
    "adapters": "adapters: stores, OCPP, buses, files",
    "application": "application: use cases and ports",
    "domain": "domain: rules as values",
    "settings": "settings",
}


def document() -> str:
    edges = imports()
    parts = [
        "# Architecture",
        "",
        "`make docs` generates the diagrams from the imports of the code; a test compares them. An arrow points from the",
        "importing package to the imported one. `make arch` enforces the layers; [docs/adr](adr) records the reasons.",
        "",
        "## Layers",
        "",
        *_diagram({(_layer(a), _layer(b)) for a, b in edges if _layer(a) != _layer(b)}, _LAYER_LABELS),
        "",
        "`domain` imports only the standard library and `dateutil`. `application` defines the ports that `adapters` implement;",
        "`containers` chooses the adapters, and `entrypoints` starts the processes.",
        "",
        "## Packages of the application",
        "",
        "All of them may import `domain` and `application.ports`; those arrows are left out.",
        "",
        *_diagram(_within(edges, "application")),
        "",
        "## Packages of the adapters",
        "",
        "An adapter imports the ports that it implements, and seldom another adapter. Packages without an import of another",
        "adapter are left out.",
        "",
        *_diagram(_within(edges, "adapters")),
    ]
    return "\n".join(parts) + "\n"


def imports(source: Path = SOURCE) -> set[Edge]:
    """Between packages; modules at the top of a layer count as packages."""
    edges: set[Edge] = set()
    for file in sorted((source / ROOT).rglob("*.py")):
        module = ".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        importing = _package(module)
        for imported in map(_package, _imported(file)):
            if importing and imported and importing != imported:
                edges.add((importing, imported))
    return edges


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _package(module: str) -> str:
    """`access_policy.application.relay.relay` is `application.relay`; modules of other distributions are empty."""
    root, *parts = module.split(".")
    if root != ROOT or not parts:
        return ""
    name = {"container": "containers", "settings_values": "settings"}.get(parts[0], parts[0])
    return name if name in WHOLE or len(parts) == 1 else f"{name}.{parts[1]}"


def _layer(package: str) -> str:
    return package.partition(".")[0]


def _within(edges: Collection[Edge], layer: str) -> set[Edge]:
    return {(a, b) for a, b in edges if _layer(a) == _layer(b) == layer and b != UNDERSTOOD}


def _diagram(edges: Collection[Edge], labels: dict[str, str] | None = None) -> Iterator[str]:
    yield "```mermaid"
    yield "flowchart TD"
    for package in sorted({package for edge in edges for package in edge}):
        label = (labels or {}).get(package, package.partition(".")[2] or package)
        yield f'  {_id(package)}["{label}"]'
    for importing, imported in sorted(edges):
        yield f"  {_id(importing)} --> {_id(imported)}"
    yield "```"


def _id(package: str) -> str:
    return package.replace(".", "_")


if __name__ == "__main__":
    sys.stdout.write(document())
