"""The comparisons of a pattern, each a test of one leaf (Amazon EventBridge user guide, "Comparison operators for use in event
patterns").

String comparisons are false for values other than strings, and `numeric` is false for values other than numbers. `true` and
`false` are not numbers. Numbers are compared by value (300 equals 3.0e2) to six decimal places, and can be ordered only between
minus and plus five billion.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeGuard

Matcher = Callable[[Any], bool]

NUMBER_MAX: Final = 5e9
PLACES: Final = 6
COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equals(wanted: Any) -> Matcher:
    """Match the same JSON value. IP addresses are equal in every spelling."""
    if is_number(wanted):
        return lambda value: is_number(value) and _same_number(value, wanted)
    if isinstance(wanted, str) and (address := _address(wanted)) is not None:
        return lambda value: value == wanted or _address(value) == address
    return lambda value: type(value) is type(wanted) and value == wanted


def prefix(wanted: str, *, fold: bool = False) -> Matcher:
    return _on_strings(lambda value, start: value.startswith(start), wanted, fold)


def suffix(wanted: str, *, fold: bool = False) -> Matcher:
    return _on_strings(lambda value, end: value.endswith(end), wanted, fold)


def equals_ignore_case(wanted: str) -> Matcher:
    return _on_strings(operator.eq, wanted, fold=True)


def wildcard(wanted: str) -> Matcher:
    r"""Match a pattern in which `*` stands for any number of characters, including zero. `\*` and `\\` stand for themselves.
    Raises `ValueError`.
    """
    parts, index = [], 0
    while index < len(wanted):
        character, following = wanted[index], wanted[index + 1 : index + 2]
        if character == "\\":
            if following not in ("*", "\\"):
                raise ValueError("a backslash may precede only * or another backslash")
            parts.append(re.escape(following))
            index += 1
        elif character == "*":
            if following == "*":
                raise ValueError("two wildcards follow each other; one is enough")
            parts.append(".*")
        else:
            parts.append(re.escape(character))
        index += 1
    matches = re.compile("".join(parts), re.DOTALL).fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


def numeric(conditions: Sequence[tuple[str, int | float]]) -> Matcher:
    """Match a number that satisfies all comparisons, each an operator and a bound."""

    def fits(value: Any) -> bool:
        if not is_number(value) or abs(value) > NUMBER_MAX:
            return False
        rounded = round(value, PLACES)
        return all(COMPARISONS[sign](rounded, round(number, PLACES)) for sign, number in conditions)

    return fits


def cidr(block: str) -> Matcher:
    """Match an IPv4 or IPv6 address in the block. The block's own address need not be its first. Raises `ValueError`."""
    base, slash, bits = block.partition("/")
    address = _address(base)
    if not slash or address is None or not bits.isdecimal() or int(bits) >= address.max_prefixlen:
        raise ValueError("not a block of addresses; write 10.0.0.0/24 or 2001:db8::/32")
    # The range runs from the written address to the block's last, as in EventBridge: 10.0.0.5/24 begins at 10.0.0.5.
    last = ipaddress.ip_network(block, strict=False)[-1]

    def fits(value: Any) -> bool:
        found = _address(value)
        return found is not None and found.version == address.version and int(address) <= int(found) <= int(last)

    return fits


def none_of(excluded: Sequence[Matcher]) -> Matcher:
    """Match a leaf of any type that none of the matchers accepts."""
    return lambda value: not any(matcher(value) for matcher in excluded)


def anything(value: Any) -> bool:
    return True


def _on_strings(compare: Callable[[str, str], bool], wanted: str, fold: bool) -> Matcher:
    if fold:
        folded = wanted.lower()
        return lambda value: isinstance(value, str) and compare(value.lower(), folded)
    return lambda value: isinstance(value, str) and compare(value, wanted)


def _same_number(one: float, other: float) -> bool:
    if abs(one) > NUMBER_MAX or abs(other) > NUMBER_MAX:
        return type(one) is type(other) and one == other
    return bool(round(one, PLACES) == round(other, PLACES))


def _address(text: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not isinstance(text, str) or "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
