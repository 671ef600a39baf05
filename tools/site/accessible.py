"""Fix what axe reports in Furo's pages: the level of the captions in the navigation, and parts that scroll only with a
pointer.
"""

from __future__ import annotations

from typing import Any, Final

from sphinx.application import Sphinx

AFTER_FURO: Final = 900


def _complete(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    if "furo_navigation_tree" in context:
        tree = context["furo_navigation_tree"]
        context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    if "body" in context:
        body = context["body"].replace("<pre>", '<pre tabindex="0">')
        context["body"] = body.replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", _complete, priority=AFTER_FURO)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
