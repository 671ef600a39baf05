"""`cheap_dataclass` makes values like a frozen dataclass, but for the freezing."""

from __future__ import annotations

from access_policy.domain.values import cheap_dataclass


@cheap_dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    name: str
    number: int = 0


def test_equal_values_are_equal_and_have_one_hash() -> None:
    assert Value(name="a") == Value(name="a", number=0)
    assert len({Value(name="a"), Value(name="a"), Value(name="b")}) == 2


def test_value_has_slots() -> None:
    assert not hasattr(Value(name="a"), "__dict__")
