"""Links of the repository's pages on the site, and what counts as loaded from another host."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.built_site import loaded_from_elsewhere
from tools.site.source import on_the_site


@pytest.mark.parametrize(
    ("origin", "written", "shown"),
    [
        ("docs/operations.md", "[settings](../README.md#settings)", "[settings](settings.md#settings)"),
        ("docs/adr/0001-x.md", "[terms](../glossary.md#sites)", "[terms](../glossary.md#sites)"),
        ("docs/adr/0001-x.md", "[the list](../../CHANGELOG.md)", "[the list](../changelog.md)"),
        ("CONTRIBUTING.md", "[testing](docs/testing.md)", "[testing](testing.md)"),
        ("docs/x.md", "[`Makefile`](../Makefile)", "`Makefile`"),
        ("docs/x.md", "[gone](../gone.md)", "[gone](../gone.md)"),
        ("docs/x.md", "[out](https://example.org/a)", "[out](https://example.org/a)"),
    ],
)
def test_on_the_site_a_link_goes_to_the_page_of_the_site(origin: str, written: str, shown: str) -> None:
    assert on_the_site(origin, written) == shown


def test_on_the_site_a_mark_is_replaced_by_the_readmes_part() -> None:
    assert "make run" in on_the_site("docs/start.md", "<!-- README: Run it -->")


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        '<style>@import "https://fonts.example/a.css"</style>',
        '<p style="background:url(https://pictures.example/a.png)">',
        '<script>import("https://cdn.example/x.mjs")</script>',
    ],
)
def test_loaded_from_elsewhere_finds_each_way_to_load(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.html").write_text(text, "utf-8")

    assert len(loaded_from_elsewhere(tmp_path)) == 1


def test_loaded_from_elsewhere_leaves_links_to_follow_alone(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<a href="https://example.org">x</a><img src="a.png">', "utf-8")

    assert loaded_from_elsewhere(tmp_path) == []
