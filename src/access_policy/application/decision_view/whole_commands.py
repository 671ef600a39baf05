"""Divide a batch of the log into parts that end with a command's last event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from access_policy.application.ports.event_store import Recorded

FOLDED_AT_A_TIME: Final = 100  # events, more if their command recorded more, before decisions can run


def whole_commands(batch: Sequence[Recorded]) -> Iterator[list[Recorded]]:
    """Yield parts of at least `FOLDED_AT_A_TIME` events (the last one may be shorter), so that readers never see an
    identifier in the middle of a move between vehicles."""
    part: list[Recorded] = []
    for recorded in batch:
        if len(part) >= FOLDED_AT_A_TIME and not _of_one_command(part[-1], recorded):
            yield part
            part = []
        part.append(recorded)
    if part:
        yield part


def _of_one_command(one: Recorded, other: Recorded) -> bool:
    return one.stream == other.stream and (
        (one.envelope.correlation_id, one.envelope.recorded_at)
        == (other.envelope.correlation_id, other.envelope.recorded_at)
    )
