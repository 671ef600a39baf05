"""Bounds on the amount and rate that is read from one charger, and on its silence. Without sockets, in virtual time."""

from __future__ import annotations

import asyncio
import logging

import pytest
from websockets.frames import Frame, Opcode

from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.inflow import EARLY_MAX, SLICE_BYTES, TokenBucket
from tests.support.network_in_memory import NETWORK_READ_BYTES, Network, ping, text
from tests.support.virtual_time import run_in_virtual_time

HEARTBEAT = text(b'[2,"1","Heartbeat",{}]')


def test_token_bucket_when_full_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket(per_s=10, burst=3, tokens=3, at=0.0)
    for _ in range(3):
        assert bucket.empty_for_s(100.0) == 0
        bucket.take(1, 100.0)
    assert bucket.empty_for_s(100.0) == pytest.approx(0.1)
    assert bucket.empty_for_s(100.1) == pytest.approx(0)


def test_token_bucket_after_a_long_rest_holds_no_more_than_its_burst() -> None:
    bucket = TokenBucket(per_s=10, burst=3, tokens=3, at=0.0)
    bucket.take(4, 1_000.0)
    assert bucket.empty_for_s(1_000.0) == pytest.approx(0.2)


def test_flood_of_messages_when_ten_seconds_pass_is_parsed_at_the_rate_and_in_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def flooded() -> None:
        network, counters = Network(), Counters()
        connection = network.connect(counters=counters)
        network.say(*(text(b"%06d" % number) for number in range(60_000)))
        seen: list[bytes] = []
        connection.deliver(seen.append)
        await asyncio.sleep(10)
        assert seen == [b"%06d" % number for number in range(len(seen))]
        assert 500 + 9 * 50 <= len(seen) <= 500 + 10 * 50 + SLICE_BYTES // len(text(b"%06d" % 0)) + 1
        assert network.waiting > 60_000 * len(text(b"000000")) - 2 * NETWORK_READ_BYTES
        assert counters.connections_throttled == 1

    with caplog.at_level(logging.WARNING):
        run_in_virtual_time(flooded())
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_flood_of_messages_that_nobody_handles_is_left_in_the_socket() -> None:
    async def flooded() -> None:
        network = Network()
        connection = network.connect()
        network.say(*(HEARTBEAT for _ in range(20_000)))
        await asyncio.sleep(60)
        assert connection.parsed <= EARLY_MAX + SLICE_BYTES // len(HEARTBEAT) + 1
        assert network.waiting > 0

    run_in_virtual_time(flooded())


@pytest.mark.parametrize("frame", [ping(), HEARTBEAT, text(b"")], ids=["pings", "heartbeats", "empty"])
def test_flood_of_small_frames_in_one_turn_of_the_loop_is_parsed_by_the_slice(frame: bytes) -> None:
    async def flooded() -> int:
        network = Network()
        connection = network.connect(per_s=1e9, burst=10**9)
        connection.deliver(lambda message: None)
        network.say(*(frame for _ in range(20_000)))
        await asyncio.sleep(0.001)  # by the clock that leaps: when nothing else is to be done
        assert connection.parsed == 20_000
        return connection.most_in_an_iteration

    assert run_in_virtual_time(flooded()) <= SLICE_BYTES // len(frame) + 1


def test_flood_of_pings_from_a_peer_that_reads_nothing_does_not_fill_the_memory() -> None:
    async def flooded() -> None:
        network = Network()
        connection = network.connect(per_s=1e9, burst=10**9)
        network.reads = False
        network.say(*(ping(b"x" * 125) for _ in range(20_000)))
        await asyncio.sleep(60)
        assert network.unread <= 2**15 + SLICE_BYTES
        assert connection.parsed < 400

    run_in_virtual_time(flooded())


def test_offline_queue_within_the_burst_is_read_at_once() -> None:
    async def delivered() -> None:
        network = Network()
        connection = network.connect()
        network.say(*(HEARTBEAT for _ in range(499)))
        began = asyncio.get_running_loop().time()
        seen: list[bytes] = []
        connection.deliver(seen.append)
        while len(seen) < 499:  # noqa: ASYNC110  a slice is parsed in each turn of the loop
            await asyncio.sleep(0)
        assert asyncio.get_running_loop().time() == began

    run_in_virtual_time(delivered())


# writing


def test_write_of_a_message_sends_it_at_once_and_says_whether_it_could() -> None:
    async def sent() -> None:
        network = Network()
        connection = network.connect()
        before = network.written

        assert connection.write(b'[3,"1",{}]')

        assert network.written == before + len(b'..[3,"1",{}]')
        network.abort()
        await asyncio.sleep(1)
        assert not connection.write(b'[3,"1",{}]')

    run_in_virtual_time(sent())


def test_peer_that_does_not_read_is_not_read_either() -> None:
    async def answered() -> None:
        network = Network()
        connection = network.connect(per_s=1e9, burst=10**9)
        network.reads = False
        connection.deliver(lambda message: connection.write(b"x" * 1_000) or None)
        network.say(*(HEARTBEAT for _ in range(20_000)))
        await asyncio.sleep(20)
        assert network.unread <= 2**15 + 1_010 * (SLICE_BYTES // len(HEARTBEAT) + 1)
        assert network.waiting > 0

    run_in_virtual_time(answered())


def test_peer_that_reads_nothing_for_the_whole_time_is_cut_and_one_that_reads_slowly_is_not() -> None:
    async def cut() -> None:
        network, counters = Network(), Counters()
        connection = network.connect(send_timeout_s=5, counters=counters)
        for _ in range(4):
            network.reads = False
            connection.write(b"x" * 40_000)
            await asyncio.sleep(4.9)
            network.read()
        assert not network.was_aborted

        network.reads = False
        connection.write(b"x" * 40_000)
        await asyncio.sleep(4.9)
        assert not network.was_aborted
        await asyncio.sleep(0.2)
        assert network.was_aborted
        assert counters.slow_readers_cut == 1

    run_in_virtual_time(cut())


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_message_in_fragments_is_delivered_whole(parts: int) -> None:
    async def delivered() -> None:
        network = Network()
        connection = network.connect()
        seen: list[bytes] = []
        connection.deliver(seen.append)
        message = b'[2,"1","Heartbeat",{}]'
        size = -(-len(message) // parts)
        pieces = [message[at : at + size] for at in range(0, len(message), size)]
        for number, piece in enumerate(pieces):
            opcode = Opcode.TEXT if number == 0 else Opcode.CONT
            network.say(Frame(opcode, piece, fin=number == len(pieces) - 1).serialize(mask=True), ping())
        network.say(HEARTBEAT)
        assert seen == [message, b'[2,"1","Heartbeat",{}]']

    run_in_virtual_time(delivered())


# signs of life


def test_charger_that_answers_no_ping_and_sends_heartbeats_stays_connected() -> None:
    async def alive() -> None:
        network = Network()
        network.connect(ping_interval=20, ping_timeout=20).deliver(lambda message: None)
        for _ in range(60):
            await asyncio.sleep(5)
            network.say(HEARTBEAT)
        assert not network.was_aborted

    run_in_virtual_time(alive())


def test_charger_that_sends_nothing_is_disconnected_after_interval_and_timeout() -> None:
    async def silent() -> None:
        network, counters = Network(), Counters()
        network.connect(ping_interval=7, ping_timeout=4, counters=counters)
        await asyncio.sleep(10.9)
        assert not network.was_aborted
        await asyncio.sleep(0.2)
        assert network.was_aborted
        assert counters.silent_cut == 1

    run_in_virtual_time(silent())


def test_charger_whose_last_message_was_late_is_given_the_whole_time_again() -> None:
    async def silent() -> None:
        network = Network()
        network.connect(ping_interval=20, ping_timeout=20).deliver(lambda message: None)
        await asyncio.sleep(39)
        network.say(HEARTBEAT)
        await asyncio.sleep(39.9)
        assert not network.was_aborted
        await asyncio.sleep(0.2)
        assert network.was_aborted

    run_in_virtual_time(silent())


def test_charger_that_is_not_read_while_its_messages_wait_is_not_taken_for_silent() -> None:
    async def busy() -> None:
        network = Network()
        connection = network.connect(ping_interval=20, ping_timeout=20)
        network.say(*(HEARTBEAT for _ in range(100)))
        await asyncio.sleep(300)
        assert not network.was_aborted
        seen: list[bytes] = []
        connection.deliver(seen.append)
        await asyncio.sleep(1)
        assert len(seen) == 100

    run_in_virtual_time(busy())


def test_charger_without_keepalive_is_never_disconnected_for_its_silence() -> None:
    async def silent() -> None:
        network = Network()
        network.connect(ping_interval=None)
        await asyncio.sleep(86_400)
        assert not network.was_aborted

    run_in_virtual_time(silent())
