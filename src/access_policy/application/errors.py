"""Why the application refuses a command that the domain would take."""

from __future__ import annotations


class VersionMismatch(Exception):
    """The caller's `If-Match` names another version than the current one: read again, then decide again."""

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(f"version {expected} was expected, the current one is {current}")
        self.expected = expected
        self.current = current


class TooBusy(Exception):
    """Others kept writing to the same aggregate; nothing was written. Try again."""


def check_version(expected: int | None, current: int) -> None:
    """Raises `VersionMismatch`; no expectation always fits."""
    if expected is not None and expected != current:
        raise VersionMismatch(expected, current)
