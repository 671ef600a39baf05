"""Bounds on the amount and rate that is read from one charger, and on its silence. Without sockets, in virtual time."""

from __future__ import annotations

import asyncio
import logging

import pytest

from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.inflow import SLICE_BYTES, TokenBucket
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
        seen: list[bytes | str] = []

        async def read() -> None:
            while True:
                seen.append(await connection.recv(decode=False))

        reading = asyncio.create_task(read())
        await asyncio.sleep(10)
        reading.cancel()
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
        connection = network.connect(max_queue=8)
        network.say(*(HEARTBEAT for _ in range(20_000)))
        await asyncio.sleep(60)
        assert connection.parsed <= 8 + SLICE_BYTES // len(HEARTBEAT) + 1
        assert network.waiting > 0

    run_in_virtual_time(flooded())


@pytest.mark.parametrize("frame", [ping(), HEARTBEAT, text(b"")], ids=["pings", "heartbeats", "empty"])
def test_flood_of_small_frames_in_one_turn_of_the_loop_is_parsed_by_the_slice(frame: bytes) -> None:
    async def flooded() -> int:
        network = Network()
        connection = network.connect(per_s=1e9, burst=10**9, max_queue=None)
        network.say(*(frame for _ in range(20_000)))
        await asyncio.sleep(0.001)  # by the clock that leaps: when nothing else is to be done
        assert connection.parsed == 20_000
        return connection.most_in_a_turn

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
        for _ in range(499):
            await connection.recv()
        assert asyncio.get_running_loop().time() == began

    run_in_virtual_time(delivered())


# writing


def test_send_of_a_text_message_while_the_peer_reads_writes_it_without_the_librarys_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def sent() -> None:
        network = Network()
        connection = network.connect()
        contexts: list[object] = []
        before = network.written
        monkeypatch.setattr(connection, "send_context", contexts.append)

        await connection.send(b'[3,"1",{}]', text=True)

        assert network.written == before + len(b'..[3,"1",{}]')
        assert contexts == []

    run_in_virtual_time(sent())


def test_send_of_a_text_message_while_the_peer_reads_nothing_waits_until_it_reads() -> None:
    async def sent() -> None:
        network = Network()
        connection = network.connect()
        network.reads = False

        async def send_many() -> None:
            for _ in range(2_000):
                await connection.send(b"x" * 100, text=True)

        sending = asyncio.create_task(send_many())
        await asyncio.sleep(60)
        assert not sending.done()
        assert network.unread <= 2**15 + SLICE_BYTES
        sending.cancel()

    run_in_virtual_time(sent())


# signs of life


def test_charger_that_answers_no_ping_and_sends_heartbeats_stays_connected() -> None:
    async def alive() -> None:
        network = Network()
        connection = network.connect(ping_interval=20, ping_timeout=20)
        for _ in range(60):
            await asyncio.sleep(5)
            network.say(HEARTBEAT)
            await connection.recv()
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
        connection = network.connect(ping_interval=20, ping_timeout=20)
        await asyncio.sleep(39)
        network.say(HEARTBEAT)
        await connection.recv()
        await asyncio.sleep(39.9)
        assert not network.was_aborted
        await asyncio.sleep(0.2)
        assert network.was_aborted

    run_in_virtual_time(silent())


def test_charger_that_is_not_read_while_its_messages_wait_is_not_taken_for_silent() -> None:
    async def busy() -> None:
        network = Network()
        connection = network.connect(max_queue=8, ping_interval=20, ping_timeout=20)
        network.say(*(HEARTBEAT for _ in range(100)))
        await asyncio.sleep(300)
        assert not network.was_aborted
        for _ in range(100):
            await connection.recv()

    run_in_virtual_time(busy())


def test_charger_without_keepalive_is_never_disconnected_for_its_silence() -> None:
    async def silent() -> None:
        network = Network()
        network.connect(ping_interval=None)
        await asyncio.sleep(86_400)
        assert not network.was_aborted

    run_in_virtual_time(silent())
