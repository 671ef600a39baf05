"""Distribute entries over calls of the bus."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from access_policy.application.ports.event_bus import BYTES_MAX, ENTRIES_MAX, Entry
from access_policy.application.ports.event_store import Recorded, StreamId


@dataclass(slots=True)
class Waiting:
    """An event to publish; `tries` counts failed tries."""

    recorded: Recorded
    entry: Entry
    tries: int = 0


def next_calls(queues: Mapping[StreamId, deque[Waiting]], calls_max: int) -> list[list[Waiting]]:
    """Return at most `calls_max` calls within the bus's limits, built from the first entry of each queue.

    Entries of a call succeed or fail individually, so a call never has two entries of one stream.
    """
    calls: list[list[Waiting]] = []
    size = 0
    for queue in queues.values():
        first = queue[0]
        if not calls or len(calls[-1]) == ENTRIES_MAX or size + first.entry.size >= BYTES_MAX:
            if len(calls) == calls_max:
                break
            calls.append([])
            size = 0
        calls[-1].append(first)
        size += first.entry.size
    return calls
