"""Pieces of the live stream that many clients receive: each is encoded once and compressed once.

A compressed stream is one zlib stream (RFC 1950; HTTP's `deflate`, RFC 9110, 8.4.1.2). Each piece starts without a
history and ends at a byte boundary (RFC 1951, an empty stored block), so that its compressed bytes can follow any
others. Unlike gzip's checksum, zlib's can be computed from those of the pieces, without reading each byte again for
each client.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import Final

LEVEL: Final = 1
RAW: Final = -zlib.MAX_WBITS  # deflate without a header
HEADER: Final = b"\x78\x01"
LAST_BLOCK: Final = b"\x03\x00"
ADLER_BASE: Final = 65_521
ADLER_START: Final = 1


class Piece:
    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    def __len__(self) -> int:
        """Return the number of bytes before compression."""
        return len(self.plain)

    @cached_property
    def checksum(self) -> int:
        return zlib.adler32(self.plain)

    @cached_property
    def compressed(self) -> bytes:
        packing = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW)
        return packing.compress(self.plain) + packing.flush(zlib.Z_SYNC_FLUSH)


class Plain:
    """Encodes the stream of one client that accepts no compression."""

    def of(self, pieces: Sequence[Piece]) -> bytes:
        return pieces[0].plain if len(pieces) == 1 else b"".join(each.plain for each in pieces)

    def end(self) -> bytes:
        return b""


class Deflated:
    """Encodes the stream of one client that accepts `deflate`."""

    def __init__(self) -> None:
        self._checksum = ADLER_START
        self._has_begun = False

    def of(self, pieces: Sequence[Piece]) -> bytes:
        found = [] if self._has_begun else [HEADER]
        self._has_begun = True
        for piece in pieces:
            self._checksum = joined(self._checksum, piece.checksum, len(piece))
            found.append(piece.compressed)
        return b"".join(found)

    def end(self) -> bytes:
        return LAST_BLOCK + struct.pack(">I", self._checksum)


def joined(first: int, second: int, length: int) -> int:
    """Return the Adler-32 checksum of two concatenated parts, from their checksums; `length` is the length of the
    second in bytes."""
    low, high = first & 0xFFFF, first >> 16
    low_2, high_2 = second & 0xFFFF, second >> 16
    sums = (high + high_2 + length * (low - 1)) % ADLER_BASE, (low + low_2 - 1) % ADLER_BASE
    return sums[0] << 16 | sums[1]
