"""docs/architecture.md shows the packages and the imports of the code."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp
import pytest

from tools.documents.architecture import PAGE, ROOT, box_of, boxes, document, imports_between, without_implied

BOXES_MAX = 18  # beyond this the picture is a tangle
LAYERS = {f"{ROOT}.{layer}" for layer in ("adapters", "application", "entrypoints")}

TWO_BOXES = """
### `outer`

Packages: `application.commands`, `application` itself.

Text.

### `inner`

Packages: `domain`.

Text.

```mermaid
```
"""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(ROOT, cache_dir=None)


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def small_graph() -> grimp.ImportGraph:
    graph = grimp.ImportGraph()
    for importing, imported in (
        ("application.commands.lift", "application.context"),
        ("application.context", "domain.ids"),
        ("adapters.clock", "domain.ids"),
    ):
        graph.add_import(importer=f"{ROOT}.{importing}", imported=f"{ROOT}.{imported}")
    return graph


def test_architecture_document_is_what_make_docs_would_write(graph: grimp.ImportGraph, page: str) -> None:
    assert page == document(page, graph), "run `make docs`"


def test_architecture_document_describes_every_package_in_one_box(graph: grimp.ImportGraph, page: str) -> None:
    described = boxes(page)
    packages = {each for layer in LAYERS for each in graph.find_children(layer) if graph.find_children(each)}

    assert sorted(packages - described.keys()) == []
    assert {module for module in graph.modules if box_of(module, described) is None} <= {ROOT, *LAYERS}
    assert sorted(described.keys() - graph.modules) == []
    assert len(set(described.values())) <= BOXES_MAX


def test_imports_between_the_boxes_have_no_cycle(graph: grimp.ImportGraph, page: str) -> None:
    order = list(TopologicalSorter(imports_between(graph, boxes(page))).static_order())

    assert order[0] == "domain"


def test_document_with_two_boxes_draws_the_import_between_them() -> None:
    written = document(TWO_BOXES, small_graph())

    assert "  outer --> inner\n" in written
    assert written.count("-->") == 1


def test_boxes_with_a_package_in_two_of_them_raises() -> None:
    with pytest.raises(ValueError, match="two boxes"):
        boxes(TWO_BOXES.replace("`domain`", "`application.commands`"))


def test_without_implied_leaves_out_an_arrow_that_a_path_implies() -> None:
    assert without_implied({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}
