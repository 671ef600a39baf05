"""`{screenshot}`: a page of the console as `make tour` took it, for the light and the dark theme.

A site that is built without a tour leaves the picture out.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

DIRECTORY: Final = "screenshots"
TOUR: Final = "ACCESS_POLICY_SITE_TOUR"  # where the pictures of the tour are


class Screenshot(Directive):
    """The argument names the picture; the content is its caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        environment = self.state.document.settings.env
        tour, target = Path(os.environ[TOUR]), Path(environment.srcdir) / DIRECTORY
        name, caption = self.arguments[0], " ".join(self.content)
        figure = nodes.figure(classes=["screenshot"])
        for look, theme in (("1280-light", "only-light"), ("1280-dark", "only-dark")):
            picture = tour / f"{name}-{look}.png"
            if picture.is_file():
                target.mkdir(exist_ok=True)
                shutil.copyfile(picture, target / picture.name)
                figure += nodes.image(uri=f"/{DIRECTORY}/{picture.name}", alt=caption, classes=[theme])
        if not figure.children:
            return []
        figure += nodes.caption("", caption)
        return [figure]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("screenshot", Screenshot)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
