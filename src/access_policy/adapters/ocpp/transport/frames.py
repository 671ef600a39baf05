"""The latest frames of a charger, as sent and received. They are not decoded until someone asks for them."""

from __future__ import annotations

from collections import deque
from time import time
from typing import Final, NamedTuple

FRAMES_KEPT: Final = 40
BYTES_KEPT: Final = 64 * 1024  # per charger
FRAME_MAX: Final = 16 * 1024  # bytes; of a longer frame, only the size is kept


class RawFrame(NamedTuple):
    """A frame. `at` is in seconds since 1970; `raw` is None for a frame that was too long."""

    at: float
    is_sent: bool
    raw: bytes | None
    size: int


class FrameRing:
    """Keeps a charger's latest frames. Every message passes through `note`, so it only keeps a reference."""

    __slots__ = ("_bytes", "_frames")

    def __init__(self) -> None:
        self._frames: deque[tuple[float, bool, bytes | None, int]] = deque()
        self._bytes = 0

    def note(self, raw: bytes, is_sent: bool) -> None:
        size = len(raw)
        frames = self._frames
        if size <= FRAME_MAX:
            frames.append((time(), is_sent, raw, size))
            self._bytes += size
        else:
            frames.append((time(), is_sent, None, size))
        while len(frames) > FRAMES_KEPT or self._bytes > BYTES_KEPT:
            gone = frames.popleft()[2]
            if gone is not None:
                self._bytes -= len(gone)

    def latest(self) -> list[RawFrame]:
        """Return the frames, oldest first."""
        return [RawFrame(*each) for each in self._frames]
