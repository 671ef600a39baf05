"""A change of a field, as people read it."""

from __future__ import annotations

import pytest

from access_policy.application.changes_in_words import change_in_words


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (None, "North", "name North"),
        ("North", "South", "name North becomes South"),
        ("North", None, "name North removed"),
        ("", "", "name unchanged"),
    ],
)
def test_change_says_what_was_there_and_what_is(old: str | None, new: str | None, words: str) -> None:
    assert change_in_words("name", old, new) == words
