"""Make the content of a frame storable: remove padding, and refuse values that no store accepts."""

from __future__ import annotations

import re
from typing import Any, Final

NESTING_MAX: Final = 32
IDENTITIES: Final = frozenset({"idTag", "parentIdTag", "idToken"})
"""Names of fields that identify a person, vehicle or object."""
_INTEGER_MAX: Final = 2**63
_BLANKS: Final = " \t\r\n"

_LONG_NUMBER: Final = re.compile(rb"[0-9]{19}")


class NotStorable(ValueError):
    """Well-formed JSON with a value that cannot be stored."""


def is_plain_frame(raw: str | bytes) -> bool:
    """Tell from the frame's bytes whether `without_nuls` and `make_storable` would accept it unchanged. True for nearly
    every frame that has no blanks between its elements.
    """
    return (
        type(raw) is bytes
        and b"\0" not in raw
        and b"\\" not in raw
        and b' "' not in raw
        and raw.count(b"[") + raw.count(b"{") <= NESTING_MAX
        and _LONG_NUMBER.search(raw) is None
    )


def without_nuls(raw: str | bytes) -> str | bytes:
    """Return the frame without NULs around it. A NUL inside it is written as a JSON escape, which is valid in strings only."""
    if isinstance(raw, str):
        return raw.strip("\0" + _BLANKS).replace("\0", "\\u0000") if "\0" in raw else raw
    return raw.strip(b"\0" + _BLANKS.encode()).replace(b"\0", b"\\u0000") if b"\0" in raw else raw


def make_storable(frame: list[Any]) -> None:
    """Remove the padding, in place. Raises `NotStorable` for integers beyond 64 bits, which databases refuse, and for deep
    nesting. The decoder has already refused lone surrogates, NaN, infinities and integers of thousands of digits.
    """
    level: list[Any] = [frame]
    depth = 0
    while level:
        if depth > NESTING_MAX:
            raise NotStorable("nested too deep")
        depth += 1
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                _unpad_names(container)
                values: Any = container.items()
            else:
                values = enumerate(container)
            for name, value in values:
                kind = type(value)
                if kind is str:
                    if "\0" in value or value[-1:] in _BLANKS:
                        container[name] = _unpadded(value, is_identity=name in IDENTITIES)
                elif kind is dict or kind is list:
                    below.append(value)
                elif kind is int and not -_INTEGER_MAX <= value < _INTEGER_MAX:
                    raise NotStorable("an integer beyond 64 bits")
        level = below


def _unpad_names(container: dict[str, Any]) -> None:
    for name in [name for name in container if "\0" in name or name[-1:] in _BLANKS]:
        container[_unpadded(name, is_identity=False)] = container.pop(name)


def _unpadded(text: str, *, is_identity: bool) -> str:
    ended = text.rstrip("\0" + _BLANKS).lstrip("\0")
    return ended if is_identity else ended.replace("\0", "")
