"""Assemble the pages of the site: the pages of docs, some from the repository's root, and pages generated from the code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Final

from tools.site import command_line, decisions, events, http_api, service_settings

ROOT: Final = Path(__file__).resolve().parents[2]
FROM_ROOT: Final = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
README_PAGE: Final = "start.md"  # shows the README's parts for newcomers; see `_README_PARTS` for the others
_README_PARTS: Final = {
    "settings": "settings.md",
    "the-command-line": "command-line.md",
    "backups-and-checks": "operations.md",
    "metrics": "running.md",
    "tenants": "running.md",
}
_LINK: Final = re.compile(r"(?<!!)\[([^][]*)\]\(([^)\s]+)\)")
_EVENT: Final = re.compile(r"docs/events/(?:consumed/)?\w+\.v\d+\.json")  # has a separate page on the site
_README: Final = re.compile(r"^<!-- README: (.+?) -->$", re.MULTILINE)


def assemble(target: Path) -> None:
    """Write all pages to `target`, which becomes the source directory of Sphinx."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target)
    written = http_api.pages() | command_line.pages() | decisions.pages(target / "adr") | service_settings.pages()
    written |= events.pages() | {events.INDEX: (target / events.INDEX).read_text("utf-8") + events.contents()}
    for name, text in written.items():
        page = target / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
    for origin, name in FROM_ROOT.items():
        (target / name).write_text((ROOT / origin).read_text("utf-8"), "utf-8")
    origins = {f"docs/{each.relative_to(target).as_posix()}": each for each in target.rglob("*.md")}
    origins |= {origin: target / name for origin, name in FROM_ROOT.items()}
    origins = {
        origin: page for origin, page in origins.items() if origin.removeprefix("docs/") not in FROM_ROOT.values()
    }
    for origin, page in origins.items():
        page.write_text(on_the_site(origin, page.read_text("utf-8")), "utf-8")


def on_the_site(origin: str, text: str) -> str:
    """Return the text of the repository's file `origin` for the site: parts of the README are inserted, and links to files that
    are not on the site become plain text.
    """
    here = FROM_ROOT.get(origin, origin.removeprefix("docs/"))
    text = _README.sub(lambda each: _links_of("README.md", here, _readme_part(each[1])), text)
    return _links_of(origin, here, text)


def _links_of(origin: str, here: str, text: str) -> str:
    def replaced(link: re.Match[str]) -> str:
        label, (path, mark, anchor) = link[1], link[2].partition("#")
        if not path or ":" in path:
            return link[0]
        target = normpath(PurePosixPath(origin).parent / path)
        page = _page_of(target, anchor)
        if page is None:
            return label if (ROOT / target).exists() else link[0]
        return f"[{label}]({relpath(page, PurePosixPath(here).parent)}{mark}{anchor})"

    return _LINK.sub(replaced, text)


def _page_of(target: str, anchor: str) -> str | None:
    """Return the path on the site of a file in the repository, or None if it is not on the site."""
    if target == "README.md":
        return _README_PARTS.get(anchor, README_PAGE)
    if target == "docs/adr":
        return "adr/index.md"
    if target == "docs/events":
        return "events/README.md"
    if _EVENT.fullmatch(target):
        return target.removeprefix("docs/").replace(".json", ".md")
    return FROM_ROOT.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)


def _readme_part(heading: str) -> str:
    """Return the part of the README under a heading of the second or third level, without the heading and deeper parts."""
    readme = (ROOT / "README.md").read_text("utf-8")
    parts: Mapping[str, str] = dict(
        re.findall(r"^#{2,3} (.+?)\n(.*?)(?=^#{2,3} |\Z)", readme, re.MULTILINE | re.DOTALL)
    )
    return parts[heading].strip()
