"""One connection: frames that are no messages, replacement, leaving, and slow readers."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import CloseCode

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.call_failures import (
    CallFailed,
)
from tests.support.ocpp_connection import Handling, asked, connected, ids_heard
from tests.support.ocpp_pipe import until

pytestmark = pytest.mark.any_frames


# unreadable and unsolicited frames


async def test_frames_that_are_no_messages_are_answered_by_rule_and_end_nothing() -> None:
    async with connected(version=OcppVersion.V201) as (connection, pipe):
        pipe.say(b"nonsense")
        pipe.say(b'[2,"a","Heartbeat",{"x":NaN}]')
        pipe.say([9, "b", {}])
        pipe.say([2, "c", "Heartbeat", {}])
        await until(lambda: len(pipe.heard) == 4)

        assert [frame[:3] for frame in pipe.heard[:3]] == [
            [4, "-1", "RpcFrameworkError"],
            [4, "a", "FormatViolation"],
            [4, "b", "MessageTypeNotSupported"],
        ]
        assert pipe.heard[3][:2] == [3, "c"]
        assert connection.counters.unreadable_frames == 3


async def test_unsolicited_answers_are_counted_and_forgotten() -> None:
    async with connected() as (connection, pipe):
        for number in range(2000):
            pipe.say([3, f"never asked {number}", {}])
            pipe.say([4, f"never asked {number}", "GenericError", "", {}])
        pipe.say([2, "a", "Heartbeat", {}])
        await until(lambda: pipe.heard)

        assert ids_heard(pipe) == ["a"]
        assert connection.counters.unsolicited_answers == 4000


# replacement, leaving, slow readers


async def test_late_frames_of_a_replaced_connection_change_nothing() -> None:
    handling = Handling()
    async with connected(handling) as (connection, pipe):
        pipe.say([2, "before", "Heartbeat", {}])
        pipe.say([2, "waiting", "Heartbeat", {}])
        await until(lambda: pipe.unread == 0)
        own = asyncio.create_task(connection.call("Reset", {}, timeout_s=60))
        await asked(pipe)

        connection.supersede()
        pipe.say([2, "late", "Heartbeat", {}])

        with pytest.raises(CallFailed):
            await own
        handling.finish("before")
        await until(lambda: connection.counters.calls_dropped == 2)
        assert not connection.is_current
        assert handling.begun == ["before"]


async def test_leaving_lets_what_was_received_be_answered() -> None:
    handling = Handling()
    async with connected(handling) as (connection, pipe):
        pipe.say([2, "a", "Heartbeat", {}])
        pipe.say([2, "b", "Heartbeat", {}])
        await until(lambda: pipe.unread == 0)

        leaving = asyncio.create_task(connection.leave(CloseCode.SERVICE_RESTART, "restart", within_s=5))
        await asyncio.sleep(0)
        pipe.say([2, "too late", "Heartbeat", {}])
        await until(lambda: pipe.unread == 0)
        handling.finish("a")
        handling.finish("b")
        await leaving

        assert ids_heard(pipe) == ["a", "b"]
        assert pipe.closed_with == (CloseCode.SERVICE_RESTART, "restart")


async def test_a_padded_message_id_is_answered_as_it_was_sent() -> None:
    async with connected() as (_, pipe):
        pipe.say(b'[2,"a1\\u0000\\u0000","Heartbeat",{}]')
        pipe.say(b'[2,"a2\\u0000","Nonsense",{}]')
        pipe.say(b'[2,"a3\\u0000","Heartbeat",[]]')
        await until(lambda: len(pipe.heard) == 3)

    assert [frame[1] for frame in pipe.heard] == ["a1\0\0", "a2\0", "a3\0"]
