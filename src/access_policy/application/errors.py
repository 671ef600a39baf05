"""Why the application refuses a command that the domain would take."""

from __future__ import annotations

ANY_VERSION = -1  # expected of what must be there already, at whatever version; 0 of what must not be there yet


class VersionMismatch(Exception):
    """The caller expects another version than the current one (0: not there): read again, then decide again."""

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(f"version {expected} was expected, the current one is {current}")
        self.expected = expected
        self.current = current


class TooBusy(Exception):
    """Others kept writing to the same aggregate; nothing was written. Try again."""


def check_version(expected: int | None, current: int) -> None:
    """Raises `VersionMismatch`; no expectation always fits."""
    fits = current > 0 if expected == ANY_VERSION else expected in (None, current)
    if not fits:
        assert expected is not None
        raise VersionMismatch(expected, current)
