"""The streams of this process that have events in the spool and not in the store yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from access_policy.application.ports.event_store import Append, NewEvent, Recorded, StreamId, VersionConflict


@dataclass(slots=True)
class SpooledStream:
    """The spooled events of a stream whose events up to version `base` are, or should be, in the store."""

    base: int
    events: list[NewEvent] = field(default_factory=list)
    pending: int = 0  # appends that are not in the store yet

    @property
    def head(self) -> int:
        return self.base + len(self.events)

    def after(self, stored: Iterable[Recorded], stream: StreamId, *, after_version: int) -> list[Recorded]:
        """Return `stored` up to `base`, followed by the spooled events after `after_version`."""
        return [each for each in stored if each.version <= self.base] + [
            Recorded(stream, version, 0, new.event, new.envelope)
            for version, new in enumerate(self.events, self.base + 1)
            if version > after_version
        ]


class SpooledStreams(dict[StreamId, SpooledStream]):
    """Spooled streams by id. This is a dict because every attempt checks whether its stream is in it. A stream is
    removed with its last pending append."""

    @property
    def backlog(self) -> int:
        """The number of appends that are not in the store yet."""
        return sum(stream.pending for stream in self.values())

    def add(self, appends: Sequence[Append]) -> None:
        """Add all appends, or none. Raises `VersionConflict` for an append that does not follow its stream's last event."""
        for append in appends:
            known = self.get(append.stream)
            if known is not None and append.expected_version != known.head:
                raise VersionConflict(f"{append.stream} has {known.head} events, {append.expected_version} expected")
        for append in appends:
            stream = self.setdefault(append.stream, SpooledStream(append.expected_version))
            stream.events += append.events
            stream.pending += 1

    def take_back(self, appends: Sequence[Append]) -> None:
        """Drop appends that could not be spooled. Later appends of the stream that were spooled meanwhile follow a gap
        and are rebased."""
        for append in appends:
            stream = self.get(append.stream)
            if stream is not None:
                stream.events = [new for new in stream.events if new not in append.events]
                self.settled(append)

    def settled(self, append: Append) -> None:
        """Note that the append is in the store, or was taken back. Appends of an earlier process change nothing."""
        stream = self.get(append.stream)
        if stream is not None:
            stream.pending -= 1
            if stream.pending == 0:
                del self[append.stream]
