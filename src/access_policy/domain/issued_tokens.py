"""Tokens that authenticate another server here: only their hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """The SHA-256 in hex of a token that authenticates a partner here. `registers`: valid only for registration."""

    digest: str = field(repr=False)
    registers: bool


def issued_of(digest: str, *held: IssuedToken | None) -> IssuedToken | None:
    """Return the token in `held` with this hash."""
    return next((each for each in held if each is not None and each.digest == digest), None)
