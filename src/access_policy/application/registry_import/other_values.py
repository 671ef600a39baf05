"""Values of kind `other` in a cell, which may contain any characters.

Their column has an escape character, the backslash. Before a semicolon or a backslash within a value, it makes that
character part of the value. At the beginning of a value it says that the rest is verbatim, even if it looks like a
number, a formula or a mask.
"""

from __future__ import annotations

import re

from access_policy.application.spreadsheets import needs_guard

MASK = re.compile(r"[*•]+|….{0,16}")

_NUMBER_LIKE = re.compile(r"[0-9.,]+([Ee][+-]?[0-9]+)?")
_ESCAPED = re.compile(r"\\([;\\])")
_PART = re.compile(r"(?:\\[;\\]|[^;])+")


def other_spelled(value: str) -> str:
    """Return a value of kind `other` as an export writes it: spreadsheets keep it intact, and reading returns the same
    value."""
    escaped = other_mask_spelled(value)
    looks_otherwise = MASK.fullmatch(value) or _NUMBER_LIKE.fullmatch(value) or needs_guard(value)
    return f"\\{escaped}" if looks_otherwise or escaped.startswith("\\") else escaped


def other_mask_spelled(masked: str) -> str:
    """Like `other_spelled`, for a masked form that must be read as a mask."""
    return masked.replace("\\", "\\\\").replace(";", "\\;")


def other_parts(content: str) -> list[str]:
    """Return the values in a cell, still escaped."""
    parts, begin = [], 0
    while begin < len(content):
        marked = len(content[begin:]) - len(content[begin:].lstrip())
        skipped = begin + marked + content.startswith("\\", begin + marked)  # the mark escapes nothing
        found = _PART.match(content, skipped)
        end = found.end() if found else skipped
        parts.append(content[begin:end])
        begin = end + 1
    return parts


def verbatim(part: str) -> str:
    """Return the value of an escaped part."""
    return _ESCAPED.sub(r"\1", part.removeprefix("\\"))
