"""Aggregates by identity: loaded from their streams, recorded at the version at which they were loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Committed:
    """`version` is the version of the aggregate's stream; `position` is the log position that contains it (0: nothing
    new)."""

    version: int
    position: int
