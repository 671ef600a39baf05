"""Pictures of the console's pages, which people look at and no test reads: `--no-pictures` leaves them out."""

from __future__ import annotations

_taken = True


def choose(*, taken: bool) -> None:
    """Called once, before tests run."""
    global _taken
    _taken = taken


def are_taken() -> bool:
    return _taken
