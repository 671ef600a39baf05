"""The documentation site, built once for all workers of a test run, and the addresses that its pages load."""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "object": "data", "embed": "src"}
_IN_STYLES = re.compile(r"""(?:url\(|@import\s+)\s*["']?((?:https?:)?//[^"')\s]+)""")


def built_site(shared: Path) -> Path:
    """Return the directory of the site; the first caller of all workers builds it in the directory `shared`."""
    site = shared / "site"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (site / "index.html").exists():
            built = subprocess.run(
                [sys.executable, "-m", "tools.site", str(site)], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert built.returncode == 0, built.stderr
    return site


def loaded_from_elsewhere(site: Path) -> list[str]:
    """Return each address of another host that a page or a style sheet makes the browser load, with its file."""
    found = [
        f"{page.relative_to(site)}: {address}"
        for page in sorted(site.rglob("*.html"))
        for address in _loads(page.read_text("utf-8"))
        if re.match(r"(https?:)?//", address)
    ]
    return found + [
        f"{sheet.relative_to(site)}: {address}"
        for sheet in sorted(site.rglob("*.css"))
        for address in _IN_STYLES.findall(sheet.read_text("utf-8"))
    ]


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and given.get("rel") not in {"index", "search", "next", "prev", "canonical"}:
            self.addresses.append(given.get("href", ""))
        if address := given.get(_LOADED.get(tag, "")):
            self.addresses.append(address)
        self.addresses += _IN_STYLES.findall(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.addresses += _IN_STYLES.findall(data)
        if self.lasttag == "script":
            self.addresses += re.findall(r"""(?:import|fetch\(|from)\s*\(?["'](https?://[^"']+)""", data)


def _loads(page: str) -> Iterator[str]:
    reader = _Loads()
    reader.feed(page)
    yield from reader.addresses
