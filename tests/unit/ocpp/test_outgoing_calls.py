"""CALLs of the service: one in flight, the others by priority, every one of them ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.frames import CloseCode

from access_policy.adapters.ocpp.errors import ErrorCode
from access_policy.adapters.ocpp.transport.answers import Answer
from access_policy.adapters.ocpp.transport.call_failures import (
    CallDisconnected,
    CallObsolete,
    CallQueueFull,
    CallRejected,
    CallTimedOut,
)
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.framing import Call
from tests.support.ocpp_connection import asked, calls_heard, connected
from tests.support.ocpp_pipe import until

pytestmark = pytest.mark.any_frames


async def test_a_call_returns_what_the_charger_answers() -> None:
    async with connected() as (connection, pipe):
        call = asyncio.create_task(connection.call("Reset", {"type": "Soft"}, timeout_s=5))
        message_id = await asked(pipe)
        pipe.say([3, message_id, {"status": "Accepted"}])

        assert await call == {"status": "Accepted"}
        assert pipe.heard == [[2, message_id, "Reset", {"type": "Soft"}]]
        assert len(message_id) <= 36


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ([4, None, "NotSupported", "no", {}], ErrorCode.NOT_SUPPORTED),
        ([4, None, "FormationViolation", "no", {}], ErrorCode.FORMAT_VIOLATION),
        ([4, None, "Hm", "no", {}], ErrorCode.GENERIC_ERROR),
        ([3, None, ["no object"]], ErrorCode.FORMAT_VIOLATION),
    ],
)
async def test_a_call_that_is_refused_raises_the_code(answer: list[Any], code: ErrorCode) -> None:
    async with connected() as (connection, pipe):
        call = asyncio.create_task(connection.call("Reset", {}, timeout_s=5))
        answer[1] = await asked(pipe)
        pipe.say(answer)

        with pytest.raises(CallRejected) as refused:
            await call
        assert refused.value.code is code


async def test_an_answer_is_read_while_a_handler_is_at_work() -> None:
    async def handler(connection: ChargerConnection, call: Call) -> Answer:
        return await connection.call("GetConfiguration", {}, timeout_s=5)

    async with connected(handler) as (_, pipe):
        pipe.say([2, "a", "Heartbeat", {}])
        message_id = await asked(pipe)
        pipe.say([3, message_id, {"x": 1}])
        await until(lambda: len(pipe.heard) == 2)

        assert pipe.heard[1] == [3, "a", {"x": 1}]


async def test_one_call_is_in_flight_and_the_others_go_by_priority() -> None:
    async with connected() as (connection, pipe):
        calls = [
            asyncio.create_task(connection.call(action, {}, timeout_s=5, priority=priority))
            for action, priority in [("Reset", 0), ("ClearCache", 5), ("GetLog", 1), ("UnlockConnector", 5)]
        ]
        for number in range(1, 5):
            message_id = await asked(pipe, number)
            await asyncio.sleep(0)
            assert len(calls_heard(pipe)) == number
            pipe.say([3, message_id, {"number": number}])

        assert [frame[2] for frame in calls_heard(pipe)] == ["Reset", "GetLog", "ClearCache", "UnlockConnector"]
        assert [(await call)["number"] for call in calls] == [1, 3, 2, 4]


async def test_an_answer_to_another_id_or_a_second_one_is_not_taken() -> None:
    async with connected() as (connection, pipe):
        first = asyncio.create_task(connection.call("Reset", {}, timeout_s=5))
        message_id = await asked(pipe)
        pipe.say([3, "other", {"wrong": True}])
        pipe.say([3, message_id, {"right": True}])
        pipe.say([3, message_id, {"again": True}])

        assert await first == {"right": True}
        await until(lambda: connection.counters.unsolicited_answers == 2)


async def test_a_late_answer_is_dropped_and_the_next_call_goes_out() -> None:
    async with connected() as (connection, pipe):
        with pytest.raises(CallTimedOut):
            await connection.call("Reset", {}, timeout_s=0.01)
        second = asyncio.create_task(connection.call("ClearCache", {}, timeout_s=5))
        second_id = await asked(pipe, 2)
        pipe.say([3, calls_heard(pipe)[0][1], {"late": True}])
        pipe.say([3, second_id, {"status": "Accepted"}])

        assert await second == {"status": "Accepted"}
        assert connection.counters.late_answers == 1


async def test_what_became_obsolete_while_waiting_is_never_sent() -> None:
    generation = 1
    async with connected() as (connection, pipe):
        first = asyncio.create_task(connection.call("Reset", {}, timeout_s=5))
        message_id = await asked(pipe)
        stale = asyncio.create_task(
            connection.call("ChangeConfiguration", {}, timeout_s=5, obsolete=lambda: generation != 1)
        )
        fresh = asyncio.create_task(
            connection.call("ChangeConfiguration", {}, timeout_s=5, obsolete=lambda: generation != 2)
        )
        await asyncio.sleep(0)
        generation = 2
        pipe.say([3, message_id, {}])

        with pytest.raises(CallObsolete):
            await stale
        pipe.say([3, await asked(pipe, 2), {}])
        assert await fresh == {}
        assert await first == {}
        assert len(calls_heard(pipe)) == 2


async def test_the_queue_of_calls_is_bounded_and_obsolete_ones_make_room() -> None:
    over = False
    async with connected(calls_waiting_max=2) as (connection, pipe):
        calls = [
            asyncio.create_task(connection.call("Reset", {}, timeout_s=5, obsolete=lambda: over)) for _ in range(3)
        ]
        await asked(pipe)

        with pytest.raises(CallQueueFull):
            await connection.call("Reset", {}, timeout_s=5)

        over = True
        late = asyncio.create_task(connection.call("ClearCache", {}, timeout_s=5))
        for call in calls[1:]:
            with pytest.raises(CallObsolete):
                await call
        pipe.say([3, await asked(pipe, 1), {}])
        pipe.say([3, await asked(pipe, 2), {}])
        assert await late == {}
        await calls[0]


async def test_a_caller_that_gives_up_leaves_the_queue_in_order() -> None:
    async with connected() as (connection, pipe):
        calls = [
            asyncio.create_task(connection.call(name, {}, timeout_s=5)) for name in ("Reset", "GetLog", "ClearCache")
        ]
        await asked(pipe)
        calls[1].cancel()
        calls[0].cancel()
        pipe.say([3, await asked(pipe, 2), {"status": "Accepted"}])

        assert await calls[2] == {"status": "Accepted"}
        assert [frame[2] for frame in calls_heard(pipe)] == ["Reset", "ClearCache"]
        assert (await asyncio.gather(*calls, return_exceptions=True))[2] == {"status": "Accepted"}


async def test_every_call_ends_when_the_connection_does() -> None:
    async with connected() as (connection, pipe):
        calls = [asyncio.create_task(connection.call("Reset", {}, timeout_s=60)) for _ in range(50)]
        await asked(pipe)
        pipe.hang_up()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

        assert all(isinstance(outcome, CallDisconnected) for outcome in outcomes)
        assert [outcome.sent for outcome in outcomes if isinstance(outcome, CallDisconnected)] == [True] + [False] * 49
        with pytest.raises(CallDisconnected):
            await connection.call("Reset", {}, timeout_s=60)


async def test_a_payload_that_is_no_json_is_the_callers_mistake_and_blocks_nobody() -> None:
    async with connected() as (connection, pipe):
        with pytest.raises(TypeError):
            await connection.call("Reset", {"x": object()}, timeout_s=5)
        call = asyncio.create_task(connection.call("Reset", {}, timeout_s=5))
        pipe.say([3, await asked(pipe), {}])

        assert await call == {}


async def test_a_charger_that_answers_no_call_any_more_is_disconnected() -> None:
    async with connected(silent_calls_max=3) as (connection, pipe):
        outcomes: list[BaseException | dict[str, Any]] = await asyncio.gather(
            *(connection.call("Reset", {}, timeout_s=0.01) for _ in range(5)), return_exceptions=True
        )
        await until(lambda: pipe.closed_with)

        assert [type(outcome) for outcome in outcomes] == [CallTimedOut] * 3 + [CallDisconnected] * 2
        assert pipe.closed_with == (CloseCode.POLICY_VIOLATION, "no answers")


async def test_one_answer_in_between_shows_that_a_charger_is_not_silent() -> None:
    async with connected(silent_calls_max=2) as (connection, pipe):
        for number in range(1, 5):
            with pytest.raises(CallTimedOut):
                await connection.call("Reset", {}, timeout_s=0.01)
            pipe.say([3, calls_heard(pipe)[number - 1][1], {}])
            await until(lambda number=number: connection.counters.late_answers == number)

        assert pipe.closed_with is None
