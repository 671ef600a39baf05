"""Identifiers as callers type them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier


def normal_forms(
    typed: Sequence[tuple[IdentifierKind, str]], check: Callable[[Identifier], None], *, pointer: str
) -> list[Identifier]:
    """The identifiers in their order; several spellings of one count as one. `pointer` is that of the list (RFC 6901).

    Raises `IdentifierInvalid`, or a refusal of `check`, with the pointer of the wrong one.
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
