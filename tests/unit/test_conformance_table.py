"""docs/conformance.md says of each compliance test case what the tests say of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.octt import CASES, document, octt

ROOT = Path(__file__).parents[2]
PLAYED = {
    case
    for file in (ROOT / "tests" / "integration").rglob("test_*.py")
    for marks in re.findall(r"octt\(([^)]*)\)", file.read_text("utf-8"))
    for case in re.findall(r'"(TC_\w+)"', marks)
}


def test_every_case_that_applies_is_played_by_a_test() -> None:
    assert {case.id for case in CASES.values() if case.why_not is None} == PLAYED


def test_the_table_is_that_of_a_run_in_which_all_of_them_passed() -> None:
    assert (ROOT / "docs" / "conformance.md").read_text("utf-8") == document(dict.fromkeys(PLAYED, False)), (
        "run `make conformance`"
    )


def test_a_case_that_does_not_apply_cannot_be_played() -> None:
    with pytest.raises(AssertionError, match="does not apply"):
        octt("TC_H_19")


def test_a_failed_case_would_be_told() -> None:
    assert "| TC_001 | Cold boot | fails |" in document({"TC_001": True})
    assert "| TC_001 | Cold boot | not played |" in document({})
