"""Build the documentation site: `python -m tools.site [DIRECTORY]` (`make site`).

Sphinx treats warnings as errors: a link or a reference without a target ends the build with 1.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Final

from sphinx.cmd.build import build_main

from tools.site.screenshots import TOUR, missing
from tools.site.source import ROOT, assemble

CONFIGURATION: Final = Path(__file__).resolve().parent


def build(target: Path) -> int:
    """Write the site to `target`, and its assembled pages beside it. Returns Sphinx's exit status."""
    source = target.with_name(f"{target.name}-source")
    assemble(source)
    tour = Path(os.environ.setdefault(TOUR, str(ROOT / "build/tour")))
    if absent := missing(source, tour):
        sys.stdout.write(f"Built without screenshots of {', '.join(absent)}; `make tour` writes them to {tour}.\n")
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--fresh-env", "--write-all"]
    places = ["--conf-dir", str(CONFIGURATION), "--doctree-dir", f"{target}-doctrees", str(source), str(target)]
    return build_main([*options, "--builder", "html", *places])


if __name__ == "__main__":
    gc.disable()  # Sphinx keeps every page's tree to the end; searching them for garbage took a fifth of the time
    sys.exit(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/site"))
