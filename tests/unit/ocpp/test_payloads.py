"""Payloads as real chargers write them: numbers as text, and many spellings of "no error"."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.adapters.ocpp.incoming.payloads import error_code, number


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1, 1),
        (1.0, 1),
        ("1", 1),
        (" 2 ", 2),
        ("-1", -1),
        ("", None),
        ("1.5", None),
        ("one", None),
        ("\u0661", None),  # a digit, though not one that OCPP means
        ("9" * 16, None),
        ("9" * 400, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        ([1], None),
        (None, None),
    ],
)
def test_number_is_read_also_from_text_and_anything_else_is_none(value: Any, read: int | None) -> None:
    assert number({"connectorId": value}, "connectorId") == read


@pytest.mark.parametrize("written", ["", " ", "NoError", "noError", "No Error", "NO_ERROR", "None", None, 0, {}])
def test_error_code_in_every_spelling_of_no_error_is_none(written: Any) -> None:
    assert error_code({"errorCode": written}) is None
    assert error_code({}) is None


@pytest.mark.parametrize("written", ["GroundFailure", "OtherError", "0x0301", "17", "0", "NoErrorButHot"])
def test_error_code_of_an_error_is_kept_as_the_charger_writes_it(written: str) -> None:
    assert error_code({"errorCode": written}) == written
