"""Counters of all connections of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Counts peers' misbehaviour since the start. All connections of a server share it."""

    unreadable_frames: int = 0
    unsolicited_answers: int = 0
    late_answers: int = 0
    calls_dropped: int = 0  # received, but neither begun nor answered, because the connection was replaced or ended
    handlers_failed: int = 0
    slow_readers_cut: int = 0
    connections_throttled: int = 0  # sent faster than the token bucket allows, and were then read at its rate
    silent_cut: int = 0  # sent nothing, including no answer to a ping
