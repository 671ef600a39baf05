"""Values of kind `other` in a cell: each comes back as it was spelled, and a mask stays a mask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.application.registry_import.other_values import (
    MASK,
    other_mask_spelled,
    other_parts,
    other_spelled,
    verbatim,
)
from access_policy.application.spreadsheets import needs_guard

TEXTS = st.text(alphabet="\\;=-1a.…*'E+, ", min_size=1, max_size=8).filter(lambda text: text == text.strip())


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_other_values_joined_in_a_cell_come_back_one_by_one(values: list[str]) -> None:
    cell = ";".join(other_spelled(value) for value in values)

    assert [verbatim(part) for part in other_parts(cell)] == values


@given(TEXTS)
def test_other_value_is_spelled_as_no_mask_and_no_formula(value: str) -> None:
    assert not MASK.fullmatch(other_spelled(value))
    assert not needs_guard(other_spelled(value))


@pytest.mark.parametrize("masked", ["****", "…12;3", "…a\\b"])
def test_other_mask_in_a_cell_is_read_as_a_mask(masked: str) -> None:
    (part,) = other_parts(other_mask_spelled(masked))

    assert MASK.fullmatch(part)
    assert verbatim(part) == masked
