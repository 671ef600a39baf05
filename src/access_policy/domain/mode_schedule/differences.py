"""The differences between two timelines: the effect of a change of policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from access_policy.domain.mode_schedule.timeline import Segment, Timeline


class Difference(NamedTuple):
    """A part `[start, end)` in which the mode or the cause differs; `before` and `after` are the segments that contain it."""

    start: datetime
    end: datetime
    before: Segment
    after: Segment


def differences(before: Timeline, after: Timeline) -> Iterator[Difference]:
    """Return the differences of two timelines over the same `[start, end)`, in order."""
    olds, news = iter(before.segments), iter(after.segments)
    old, new = next(olds, None), next(news, None)
    while old is not None and new is not None:
        start, end = max(old.start, new.start), min(old.end, new.end)
        if (old.mode, old.cause) != (new.mode, new.cause):
            yield Difference(start, end, old, new)
        old, new = (next(olds, None) if old.end == end else old), (next(news, None) if new.end == end else new)
