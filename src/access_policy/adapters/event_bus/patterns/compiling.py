"""An event pattern, read once and matched many times.

The values in a list are alternatives; the fields of an object must all match; `$or` gives alternatives of several fields. A
compiled pattern is a list of alternatives, each a set of conditions by path. The pattern matches when all conditions of one
alternative match, by leaves that are not in different elements of one array.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from access_policy.adapters.event_bus.patterns import matchers
from access_policy.adapters.event_bus.patterns.leaves import Leaf, Membership, leaves_of
from access_policy.adapters.event_bus.patterns.matchers import Matcher

ALTERNATIVES_MAX: Final = 1_000  # AWS: rule patterns whose $or make more combinations are refused
OR: Final = "$or"
RESERVED_IN_OR: Final = frozenset(
    {"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"}
    | {"=", "<", "<=", ">", ">="}
)


class PatternInvalid(ValueError):
    """EventBridge would refuse the pattern; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition on one field: one of `matchers` accepts a leaf, or the field has no leaf (`absent`)."""

    matchers: tuple[Matcher, ...]
    absent: bool = False

    def memberships(self, leaves: Sequence[Leaf]) -> list[Membership]:
        return list(
            dict.fromkeys(leaf.membership for leaf in leaves if any(matcher(leaf.value) for matcher in self.matchers))
        )


Alternative = Mapping[str, Condition]


@dataclass(frozen=True, slots=True)
class Pattern:
    alternatives: tuple[Alternative, ...]

    @classmethod
    def of(cls, document: str | Mapping[str, Any]) -> Pattern:
        """Compile a pattern from JSON text or from a parsed document. Raises `PatternInvalid`."""
        if isinstance(document, str):
            try:
                document = json.loads(document)
            except (ValueError, RecursionError) as error:
                raise PatternInvalid(f"it is not JSON: {error}") from error
        if not isinstance(document, Mapping):
            raise PatternInvalid("a pattern is a JSON object")
        return cls(tuple(_object(document, "")))

    def matches(self, event: Mapping[str, Any]) -> bool:
        leaves = leaves_of(event)
        return any(_holds(alternative, leaves) for alternative in self.alternatives)


def fault_of(document: str) -> str | None:
    """Say why EventBridge would refuse the pattern; None if it would accept it."""
    try:
        Pattern.of(document)
    except PatternInvalid as invalid:
        return str(invalid)
    return None


def _holds(alternative: Alternative, leaves: Mapping[str, Sequence[Leaf]]) -> bool:
    choices: list[list[Membership]] = []
    for path, condition in alternative.items():
        found = leaves.get(path, ())
        if condition.absent and not found:
            continue
        memberships = condition.memberships(found)
        if not memberships:
            return False
        if () not in memberships:  # otherwise it is compatible with every element
            choices.append(memberships)
    return _are_of_one_element(choices, ())


def _are_of_one_element(choices: Sequence[Sequence[Membership]], chosen: Membership) -> bool:
    if not choices:
        return True
    return any(
        _are_of_one_element(choices[1:], (*chosen, *membership))
        for membership in choices[0]
        if Leaf(None, membership).fits(chosen)
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def _object(members: Mapping[str, Any], path: str, *, in_or: bool = False) -> list[dict[str, Condition]]:
    """Return the alternatives of one object of the pattern."""
    if not members:
        raise PatternInvalid(f"{path or 'the pattern'} is an empty object")
    parts = [_member(name, value, path, in_or=in_or) for name, value in members.items()]
    count = 1
    for part in parts:
        count *= len(part)
    if count > ALTERNATIVES_MAX:
        raise PatternInvalid(f"$or makes {count} combinations; at most {ALTERNATIVES_MAX} are allowed")
    return [
        {name: condition for alternative in chosen for name, condition in alternative.items()}
        for chosen in itertools.product(*parts)
    ]


def _member(name: str, value: Any, path: str, *, in_or: bool) -> list[dict[str, Condition]]:
    if name == OR:
        if not isinstance(value, list) or len(value) < 2 or not all(isinstance(each, Mapping) for each in value):
            raise PatternInvalid(f"{path or 'the pattern'}: $or takes an array of at least two objects")
        return [each for branch in value for each in _object(branch, path, in_or=True)]
    if in_or and name in RESERVED_IN_OR:
        raise PatternInvalid(f"{name!r} is an operator and cannot be a field in $or")
    where = f"{path}.{name}" if path else name
    if isinstance(value, Mapping):
        return _object(value, where, in_or=in_or)
    if isinstance(value, list):
        return [{where: _condition(value, where)}]
    raise PatternInvalid(f"{where} must be an object or an array")


def _condition(alternatives: Sequence[Any], where: str) -> Condition:
    if not alternatives:
        raise PatternInvalid(f"{where} is an empty array")
    tests: list[Matcher] = []
    absent = False
    for each in alternatives:
        if isinstance(each, Mapping) and each.get("exists") is False and len(each) == 1:
            absent = True
        else:
            tests.append(_matcher(each, where))
    return Condition(tuple(tests), absent)


def _matcher(wanted: Any, where: str) -> Matcher:
    if isinstance(wanted, list):
        raise PatternInvalid(f"{where} takes strings, numbers, true, false, null and comparisons, but not arrays")
    if not isinstance(wanted, Mapping):
        return matchers.equals(wanted)
    if len(wanted) != 1:
        raise PatternInvalid(f"{where}: a comparison has exactly one operator")
    ((name, operand),) = wanted.items()
    read = _OPERATORS.get(name)
    if read is None:
        raise PatternInvalid(f"{where}: unknown operator {name!r}")
    try:
        return read(operand)
    except ValueError as error:
        raise PatternInvalid(f"{where}: {name}: {error}") from error


def _text(operand: Any) -> str:
    if not isinstance(operand, str):
        raise ValueError("takes a string")
    return operand


def _maybe_folded(make: Callable[..., Matcher]) -> Callable[[Any], Matcher]:
    def read(operand: Any) -> Matcher:
        if isinstance(operand, Mapping) and operand.keys() == {"equals-ignore-case"}:
            return make(_text(operand["equals-ignore-case"]), fold=True)
        return make(_text(operand))

    return read


def _numeric(operand: Any) -> Matcher:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise ValueError("takes an operator and a number, or a lower and an upper bound")
    conditions = list(zip(operand[::2], operand[1::2], strict=True))
    for sign, number in conditions:
        if sign not in matchers.COMPARISONS:
            raise ValueError(f"unknown comparison {sign!r}")
        if not matchers.is_number(number) or abs(number) > matchers.NUMBER_MAX:
            raise ValueError("numbers must be between -5e9 and 5e9")
    if len(conditions) == 2 and not (conditions[0][0] in (">", ">=") and conditions[1][0] in ("<", "<=")):
        raise ValueError("a range must start with its lower bound")
    if len(conditions) == 2 and conditions[0][1] >= conditions[1][1]:
        raise ValueError("the lower bound is not below the upper one")
    return matchers.numeric(conditions)


def _exists(operand: Any) -> Matcher:
    if operand is not True:
        raise ValueError("takes true or false")
    return matchers.anything


def _anything_but(operand: Any) -> Matcher:
    if isinstance(operand, Mapping):
        if len(operand) != 1 or not operand.keys() <= _EXCLUSIONS.keys():
            raise ValueError(f"takes values or one of {', '.join(_EXCLUSIONS)}")
        ((name, excluded),) = operand.items()
        texts = [_text(each) for each in _listed(excluded)]
        if name in ("prefix", "suffix") and "" in texts:
            raise ValueError(f"an empty {name} would exclude everything")
        return matchers.none_of([_EXCLUSIONS[name](each) for each in texts])
    values = _listed(operand)
    if not (all(isinstance(each, str) for each in values) or all(matchers.is_number(each) for each in values)):
        raise ValueError("takes either strings or numbers")
    return matchers.none_of([matchers.equals(each) for each in values])


def _listed(operand: Any) -> list[Any]:
    values = operand if isinstance(operand, list) else [operand]
    if not values:
        raise ValueError("takes at least one value")
    return values


_EXCLUSIONS: Final[Mapping[str, Callable[[str], Matcher]]] = {
    "prefix": matchers.prefix,
    "suffix": matchers.suffix,
    "equals-ignore-case": matchers.equals_ignore_case,
    "wildcard": matchers.wildcard,
}
_OPERATORS: Final[Mapping[str, Callable[[Any], Matcher]]] = {
    "exactly": lambda operand: matchers.equals(_text(operand)),
    "prefix": _maybe_folded(matchers.prefix),
    "suffix": _maybe_folded(matchers.suffix),
    "equals-ignore-case": lambda operand: matchers.equals_ignore_case(_text(operand)),
    "wildcard": lambda operand: matchers.wildcard(_text(operand)),
    "numeric": _numeric,
    "cidr": lambda operand: matchers.cidr(_text(operand)),
    "exists": _exists,
    "anything-but": _anything_but,
}
