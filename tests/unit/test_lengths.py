"""docs/testing.md lists every test that CI runs in a short form, with both of its lengths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.lengths import CI_EXAMPLES, SOAK_EXAMPLES, Length, document_row, lengths_of

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "testing.md").read_text("utf-8")
LISTED = {row[1]: row[0] for row in re.finditer(r"^\| `(tests/[^`]+)` \|.*$", DOCUMENT, re.MULTILINE)}


def marked(items: list[pytest.Item]) -> dict[str, str]:
    """The row of each collected test that has lengths."""
    rows = {}
    for item in items:
        if lengths := lengths_of(item):
            test = item.nodeid.split("[")[0]
            rows[test] = document_row(test, lengths)
    return rows


def test_every_marked_test_of_this_run_is_listed_with_its_lengths(request: pytest.FixtureRequest) -> None:
    """`make test` collects all tests; a run of a part compares that part."""
    rows = marked(request.session.items)

    assert {test: LISTED.get(test) for test in rows} == rows


@pytest.mark.parametrize("test", LISTED)
def test_a_listed_test_exists_and_its_file_names_the_mark(test: str) -> None:
    file, name = test.split("::")
    source = (ROOT / file).read_text("utf-8")

    assert re.search(
        rf"^@pytest\.mark\.soak\([^)]+\)\n(?:@.*\n|    .*\n|\)\n)*(?:async )?def {name}\(", source, re.MULTILINE
    )


def test_the_counts_of_the_hypothesis_profiles_are_listed() -> None:
    assert f"{CI_EXAMPLES:,} examples in CI, {SOAK_EXAMPLES:,} in a soak" in DOCUMENT


def test_a_length_counts_by_the_run_and_is_shown_for_both() -> None:
    length = Length(ci=3, soak=1_000, of="kills")

    assert length.count in (3, 1_000)
    assert document_row("tests/x.py::test_x", [length]) == "| `tests/x.py::test_x` | 3 kills | 1,000 kills |"


def test_a_list_of_cases_has_as_many_as_a_soak_plays() -> None:
    with pytest.raises(AssertionError, match="2 cases, and a soak plays 3"):
        Length(ci=1, soak=3, of="stores").first(["sqlite", "postgres"])
