"""Identifiers as callers type them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier


def normal_forms(
    typed: Sequence[tuple[IdentifierKind, str]], check: Callable[[Identifier], None], *, pointer: str
) -> list[Identifier]:
    """Return the identifiers in order; several spellings of one identifier count once. `pointer` is the JSON Pointer
    (RFC 6901) of the list.

    Raises `IdentifierInvalid`, or a refusal of `check`, with the pointer of the offending identifier.
    """
    values: dict[Identifier, None] = {}
    for index, (kind, text) in enumerate(typed):
        try:
            value = identifier(kind, text)
            check(value)
            values[value] = None
        except Refused as refusal:
            refusal.pointer = f"{pointer}/{index}/value"
            raise
    return list(values)
