"""Aggregates by their identity: loaded from their streams, recorded at the version they were loaded at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Committed:
    """`version` of the aggregate's stream; `position` in the log up to which a reader has seen it (0: nothing was new)."""

    version: int
    position: int
