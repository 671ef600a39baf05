"""Write the diagram of docs/architecture.md: the boxes that the page describes, and the imports between them.

The page is the source of the boxes: each has a heading with its name and a list of its packages.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import grimp

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
ROOT = "access_policy"
LAYERS = ("entrypoints", "containers", "adapters", "application", "domain")

Edges = dict[str, set[str]]  # the imported boxes by the importing one

_BOX = re.compile(r"^### `(\w+)`\n\nPackages: (.*?)\.\n\n", re.MULTILINE | re.DOTALL)
_DIAGRAM = re.compile(r"```mermaid\n.*?```", re.DOTALL)


def document(page: str, graph: grimp.ImportGraph) -> str:
    """Return the page with the diagram of the imports in `graph`."""
    packages = boxes(page)
    drawn = "\n".join(_diagram(packages, without_implied(imports_between(graph, packages))))
    return _DIAGRAM.sub(lambda _: drawn, page)


def boxes(page: str) -> dict[str, str]:
    """Return the box of each package. Raises `ValueError` for a package in two boxes."""
    found: dict[str, str] = {}
    for name, listed in _BOX.findall(page):
        for package in re.findall(r"`([\w.]+)`", listed):
            if found.setdefault(f"{ROOT}.{package}", name) != name:
                raise ValueError(
                    f"{package} is in two boxes, {found[f'{ROOT}.{package}']} and {name}; remove it from one"
                )
    return found


def box_of(module: str, packages: Mapping[str, str]) -> str | None:
    """Return the box of the module's package, or of the nearest package above it that has one."""
    parts = module.split(".")
    return next((box for end in range(len(parts), 0, -1) if (box := packages.get(".".join(parts[:end])))), None)


def imports_between(graph: grimp.ImportGraph, packages: Mapping[str, str]) -> Edges:
    edges: Edges = {box: set() for box in packages.values()}
    for module in graph.modules:
        importing = box_of(module, packages)
        for each in graph.find_modules_directly_imported_by(module):
            imported = box_of(each, packages)
            if importing is not None and imported is not None and importing != imported:
                edges[importing].add(imported)
    return edges


def without_implied(edges: Edges) -> Edges:
    """Omit each arrow whose end is also reached by a path of other arrows."""
    return {box: {end for end in ends if end not in _reached(edges, box, without=end)} for box, ends in edges.items()}


def _reached(edges: Edges, start: str, *, without: str) -> set[str]:
    found: set[str] = set()
    waiting = edges[start] - {without}
    while waiting:
        box = waiting.pop()
        found.add(box)
        waiting |= edges[box] - found
    return found


def _diagram(packages: Mapping[str, str], edges: Edges) -> Iterator[str]:
    yield "```mermaid"
    yield "flowchart TD"
    for layer in LAYERS:
        members = dict.fromkeys(box for package, box in packages.items() if package.split(".")[1] == layer)
        yield from _layer(layer, members)
    for importing in edges:
        for imported in sorted(edges[importing]):
            yield f"  {importing} --> {imported}"
    yield "```"


def _layer(name: str, members: Collection[str]) -> Iterator[str]:
    if len(members) == 1:
        yield from (f"  {member}" for member in members)
        return
    yield f"  subgraph {name}"
    yield from (f"    {member}" for member in members)
    yield "  end"


if __name__ == "__main__":
    PAGE.write_text(
        document(PAGE.read_text(encoding="utf-8"), grimp.build_graph(ROOT, cache_dir=None)), encoding="utf-8"
    )
