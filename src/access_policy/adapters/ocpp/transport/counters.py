"""Counters of all connections of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Misbehaviour of peers since the start; shared by all connections of a server."""

    unreadable_frames: int = 0
    unsolicited_answers: int = 0
    late_answers: int = 0
    calls_dropped: int = 0  # received, and neither begun nor answered: the connection was replaced or ended
    handlers_failed: int = 0
    slow_readers_cut: int = 0
    connections_throttled: int = 0  # sent faster than the token bucket allows, and were read at its rate from then on
    silent_cut: int = 0  # sent nothing, not even the answer to a ping
