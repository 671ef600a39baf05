"""Shared pieces of the live stream: any sequence of them is a whole compressed stream."""

from __future__ import annotations

import random
import zlib

from access_policy.application.live.pieces import Deflated, Piece, joined


def test_pieces_in_any_sequence_are_a_complete_stream_for_every_client() -> None:
    order = random.Random(7)
    pieces = [Piece(order.randbytes(order.choice((0, 1, 100, 70_000)))) for _ in range(12)]

    for _ in range(20):
        mine = order.choices(pieces, k=order.randrange(1, 15))
        client = Deflated()
        cut = order.randrange(len(mine))
        body = client.of(mine[:cut]) + client.of(mine[cut:]) + client.end()

        assert zlib.decompress(body) == b"".join(each.plain for each in mine)


def test_piece_is_readable_before_the_next_one_comes() -> None:
    client, reading = Deflated(), zlib.decompressobj()

    for text in (b"id: 1\n\n", b"id: 2\n\n"):
        assert reading.decompress(client.of([Piece(text)])) == text


def test_checksums_joined_are_that_of_the_whole() -> None:
    first, second = b"\xff" * 70_000, b"a" * 65_521

    assert joined(zlib.adler32(first), zlib.adler32(second), len(second)) == zlib.adler32(first + second)
