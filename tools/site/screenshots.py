"""`{screenshot}`: a page of the console as captured by `make tour`, on a desktop in both themes and on a phone.

Each picture links to itself in full size. A site that is built without a tour omits the pictures; `missing` names them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

DIRECTORY: Final = "screenshots"
TOUR: Final = "ACCESS_POLICY_SITE_TOUR"  # where the pictures of the tour are
_LIGHT, _DARK, _PHONE = "1280-light", "1280-dark", "390-light"
_NAMED: Final = re.compile(r"^```\{screenshot\} (\S+)$", re.MULTILINE)


def pictures(tour: Path, name: str) -> Iterator[tuple[Path, list[str]]]:
    """Yield the pictures of a page that the tour has, each with its CSS classes. A single theme is shown in both."""
    found = {
        look: path for look in (_LIGHT, _DARK, _PHONE) if (path := tour / f"{name}-{look}.png").is_file()
    }  # a short tour has one look of each page
    themes = {look: [theme] for look, theme in ((_LIGHT, "only-light"), (_DARK, "only-dark"))}
    both = themes.keys() <= found.keys()
    for look, path in found.items():
        if look == _PHONE:
            yield path, ["phone" if len(found) > 1 else "any-width"]
        else:
            yield path, [*(themes[look] if both else []), "desk" if _PHONE in found else "any-width"]


def missing(source: Path, tour: Path) -> list[str]:
    """Return the names of the pictures that pages in `source` show but the tour does not have, sorted."""
    named = {name for page in source.rglob("*.md") for name in _NAMED.findall(page.read_text("utf-8"))}
    return sorted(name for name in named if not any(pictures(tour, name)))


class Screenshot(Directive):
    """The argument names the picture; the content is its caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        environment = self.state.document.settings.env
        target = Path(environment.srcdir) / DIRECTORY
        caption, up = " ".join(self.content), "../" * environment.docname.count("/")
        figure = nodes.figure(classes=["screenshot"])
        for picture, classes in pictures(Path(os.environ[TOUR]), self.arguments[0]):
            target.mkdir(exist_ok=True)
            shutil.copyfile(picture, target / picture.name)
            link = nodes.reference(refuri=f"{up}_images/{picture.name}", classes=classes, internal=True)
            link += nodes.image(uri=f"/{DIRECTORY}/{picture.name}", alt=caption)
            figure += link
        if not figure.children:
            return []
        figure += nodes.caption("", caption)
        return [figure]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("screenshot", Screenshot)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
