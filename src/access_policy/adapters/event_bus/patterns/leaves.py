"""An event as patterns see it: its leaves by path.

An array is not a step of the path: each of its elements is a value of the field itself. A leaf keeps the array elements that
contain it, because two fields that match must not be in different elements of one array. An empty array or object has no leaf
and equals an absent field. A dot in a name equals a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Membership = tuple[tuple[int, int], ...]  # the array, by an assigned number, and the index of the element


@dataclass(frozen=True, slots=True)
class Leaf:
    value: str | int | float | bool | None
    membership: Membership = ()

    def fits(self, other: Membership) -> bool:
        """Tell whether the two are not in different elements of one array."""
        mine = dict(self.membership)
        return all(mine.get(array, index) == index for array, index in other)


def leaves_of(event: Mapping[str, Any]) -> dict[str, list[Leaf]]:
    found: dict[str, list[Leaf]] = {}
    for path, leaf in _Walk().object("", event, ()):
        found.setdefault(path, []).append(leaf)
    return found


class _Walk:
    def __init__(self) -> None:
        self._arrays = 0

    def object(self, path: str, members: Mapping[str, Any], within: Membership) -> Iterator[tuple[str, Leaf]]:
        for name, value in members.items():
            yield from self._value(f"{path}.{name}" if path else name, value, within)

    def _value(self, path: str, value: Any, within: Membership) -> Iterator[tuple[str, Leaf]]:
        match value:
            case Mapping():
                yield from self.object(path, value, within)
            case list() | tuple():
                array, self._arrays = self._arrays, self._arrays + 1
                for index, element in enumerate(value):
                    nested = isinstance(element, Mapping | list | tuple)
                    yield from self._value(path, element, (*within, (array, index)) if nested else within)
            case _:
                yield path, Leaf(value, within)
