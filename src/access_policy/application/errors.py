"""Refusals of the application: version mismatches and contention."""

from __future__ import annotations

ANY_VERSION = -1  # the aggregate must exist, at any version; 0 means that it must not exist


class VersionMismatch(Exception):
    """The caller expected a version other than the current one (0: does not exist). Read the aggregate and decide again."""

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(f"version {expected} was expected, the current one is {current}")
        self.expected = expected
        self.current = current


class TooBusy(Exception):
    """Other writers kept changing the same aggregate; the command wrote nothing. Try again."""


def check_version(expected: int | None, current: int) -> None:
    """Raise `VersionMismatch` if `current` is not as expected; None matches every version."""
    fits = current > 0 if expected == ANY_VERSION else expected in (None, current)
    if not fits:
        assert expected is not None
        raise VersionMismatch(expected, current)
