"""One connection: order, correlation, bounds, and what a peer cannot do to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.frames import CloseCode

from access_policy.adapters.ocpp.errors import ErrorCode, OcppError, OcppVersion, SecurityError
from access_policy.adapters.ocpp.transport.answers import Answer, Later
from access_policy.adapters.ocpp.transport.call_failures import (
    CallDisconnected,
    CallFailed,
    CallObsolete,
    CallQueueFull,
    CallRejected,
    CallTimedOut,
)
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, ConnectionLimits, ErrorOf, a_bug
from access_policy.adapters.ocpp.transport.framing import Call
from tests.support.ocpp_pipe import Pipe, until

pytestmark = pytest.mark.any_frames

Handler = Callable[[ChargerConnection, Call], Any]


def heartbeat(_: ChargerConnection, __: Call) -> Answer:
    return {"currentTime": "2026-01-01T00:00:00Z"}


class Handling:
    """A handler that answers when it is told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._may_finish: dict[str, asyncio.Future[Answer]] = {}

    def __call__(self, _: ChargerConnection, call: Call) -> Awaitable[Answer]:
        self.begun.append(call.message_id)
        return self._may_finish.setdefault(call.message_id, asyncio.get_running_loop().create_future())

    def finish(self, message_id: str) -> None:
        self._may_finish.setdefault(message_id, asyncio.get_running_loop().create_future()).set_result({})


@asynccontextmanager
async def connected(
    handler: Handler = heartbeat,
    version: OcppVersion = OcppVersion.V16,
    error_of: ErrorOf = a_bug,
    **limits: Any,
) -> AsyncIterator[tuple[ChargerConnection, Pipe]]:
    pipe = Pipe()
    connection = ChargerConnection(
        pipe,  # type: ignore[arg-type]
        charge_point_id="CP1",
        version=version,
        epoch=1,
        remote="127.0.0.1",
        error_of=error_of,
        limits=ConnectionLimits(**limits),
    )
    running = asyncio.create_task(connection.run(handler))
    try:
        yield connection, pipe
        assert pipe.is_closed or not running.done()
    finally:
        pipe.hang_up()
        await asyncio.wait_for(running, 5)


def ids_heard(pipe: Pipe) -> list[str]:
    return [frame[1] for frame in pipe.heard]


# answering


async def test_an_answer_that_is_there_at_once_costs_no_task() -> None:
    async with connected() as (_, pipe):
        tasks = len(asyncio.all_tasks())
        pipe.say([2, "a", "Heartbeat", {}])
        await until(lambda: pipe.heard)

        assert pipe.heard == [[3, "a", {"currentTime": "2026-01-01T00:00:00Z"}]]
        assert len(asyncio.all_tasks()) == tasks


async def test_an_answer_made_later_costs_no_task_and_keeps_the_order() -> None:
    futures: dict[str, asyncio.Future[int]] = {}

    def later(_: ChargerConnection, call: Call) -> Later:
        future = futures[call.message_id] = asyncio.get_running_loop().create_future()
        return Later(future, lambda number: {"number": number})

    async with connected(later) as (_, pipe):
        tasks = len(asyncio.all_tasks())
        pipe.say([2, "a", "Heartbeat", {}])
        pipe.say([2, "b", "Heartbeat", {}])
        await until(lambda: pipe.unread == 0)
        assert list(futures) == ["a"]
        assert len(asyncio.all_tasks()) == tasks

        futures["a"].set_result(1)
        await until(lambda: list(futures) == ["a", "b"])
        futures["b"].set_result(2)
        await until(lambda: len(pipe.heard) == 2)

    assert pipe.heard == [[3, "a", {"number": 1}], [3, "b", {"number": 2}]]


async def test_an_answer_made_later_that_fails_costs_one_answer_and_not_the_connection() -> None:
    failures = {"raised": RuntimeError("secret"), "ours": LookupError("busy"), "ocpp": SecurityError("boot first")}

    def later(_: ChargerConnection, call: Call) -> Later:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if call.message_id == "cancelled":
            future.cancel()
        elif call.message_id in failures:
            future.set_exception(failures[call.message_id])
        else:
            future.set_result(1)
        return Later(future, lambda number: {} if call.message_id == "good" else 1 / 0)  # type: ignore[arg-type, return-value]

    def error_of(failure: Exception) -> OcppError | None:
        return SecurityError("not now") if isinstance(failure, LookupError) else None

    async with connected(later, error_of=error_of) as (connection, pipe):
        for message_id in (*failures, "cancelled", "answer fails", "good"):
            pipe.say([2, message_id, "Heartbeat", {}])
        await until(lambda: len(pipe.heard) == 6)

    codes = {frame[1]: frame[2] for frame in pipe.heard}
    assert codes == {
        "raised": "InternalError",
        "ours": "SecurityError",
        "ocpp": "SecurityError",
        "cancelled": "InternalError",
        "answer fails": "InternalError",
        "good": {},
    }
    assert "secret" not in str(pipe.heard)
    assert connection.counters.handlers_failed == 3


async def test_leaving_waits_for_an_answer_made_later() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with connected(lambda _, __: Later(future, lambda number: {"number": number})) as (connection, pipe):
        pipe.say([2, "a", "Heartbeat", {}])
        leaving = asyncio.create_task(connection.leave(CloseCode.SERVICE_RESTART, "restart", within_s=5))
        await asyncio.sleep(0)
        assert pipe.closed_with is None

        future.set_result(1)
        await leaving

    assert pipe.heard == [[3, "a", {"number": 1}]]


async def test_an_idle_connection_has_no_task_but_the_one_that_runs_it() -> None:
    handling = Handling()
    handling.finish("a")
    before = len(asyncio.all_tasks())
    async with connected(handling) as (_, pipe):
        pipe.say([2, "a", "Heartbeat", {}])
        await until(lambda: pipe.heard)
        await until(lambda: len(asyncio.all_tasks()) == before + 1)


async def test_calls_are_handled_in_order_and_one_at_a_time() -> None:
    handling = Handling()
    async with connected(handling) as (_, pipe):
        for message_id in "abc":
            pipe.say([2, message_id, "Heartbeat", {}])
        handling.finish("b")
        await until(lambda: pipe.unread == 0)

        assert handling.begun == ["a"]

        handling.finish("a")
        await until(lambda: handling.begun == ["a", "b", "c"])
        handling.finish("c")
        await until(lambda: len(pipe.heard) == 3)

        assert ids_heard(pipe) == ["a", "b", "c"]


async def test_an_answer_at_once_does_not_overtake_one_that_takes_time() -> None:
    handling = Handling()

    def handler(connection: ChargerConnection, call: Call) -> Any:
        return handling(connection, call) if call.message_id == "slow" else {}

    async with connected(handler) as (_, pipe):
        for message_id in ("slow", "quick", "quick too"):
            pipe.say([2, message_id, "Heartbeat", {}])
        await until(lambda: pipe.unread == 0)

        assert pipe.heard == []

        handling.finish("slow")
        await until(lambda: len(pipe.heard) == 3)

        assert ids_heard(pipe) == ["slow", "quick", "quick too"]


async def test_reading_stops_when_the_inbox_is_full_and_goes_on_when_it_is_not() -> None:
    handling = Handling()
    async with connected(handling, inbox_max=2) as (_, pipe):
        ids = [f"m{number}" for number in range(8)]
        for message_id in ids:
            pipe.say([2, message_id, "Heartbeat", {}])
        await until(lambda: handling.begun)
        assert pipe.unread == 5  # one is handled, and two wait

        for message_id in ids:
            handling.finish(message_id)
        await until(lambda: len(pipe.heard) == 8)

        assert ids_heard(pipe) == ids


@pytest.mark.parametrize(
    ("version", "action", "code"),
    [
        (OcppVersion.V16, "Nonsense", "NotImplemented"),
        (OcppVersion.V16, "TransactionEvent", "NotImplemented"),
        (OcppVersion.V201, "StartTransaction", "NotImplemented"),
    ],
)
async def test_an_unknown_action_never_reaches_a_handler(version: OcppVersion, action: str, code: str) -> None:
    handling = Handling()
    async with connected(handling, version) as (_, pipe):
        pipe.say([2, "a", action, {}])
        await until(lambda: pipe.heard)

        assert pipe.heard[0][:3] == [4, "a", code]
        assert handling.begun == []


async def test_an_error_that_a_handler_raises_is_answered_with_its_code() -> None:
    def at_once(_: ChargerConnection, __: Call) -> Answer:
        raise SecurityError("boot first", {"sent": "BootNotification"})

    async def later(_: ChargerConnection, __: Call) -> Answer:
        raise SecurityError("boot first", {"sent": "BootNotification"})

    for handler in (at_once, later):
        async with connected(handler) as (_, pipe):
            pipe.say([2, "a", "Heartbeat", {}])
            await until(lambda pipe=pipe: pipe.heard)

            assert pipe.heard == [[4, "a", "SecurityError", "boot first", {"sent": "BootNotification"}]]


def raises_at_once(_: ChargerConnection, call: Call) -> Answer:
    raise ValueError("secret")


async def raises_later(_: ChargerConnection, call: Call) -> Answer:
    raise RuntimeError("secret")


async def waits_for_what_was_cancelled(_: ChargerConnection, call: Call) -> Answer:
    cancelled: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    return await cancelled


def answers_nothing(_: ChargerConnection, call: Call) -> Any:
    return None


def answers_what_is_no_json(_: ChargerConnection, call: Call) -> Answer:
    return {"x": object()}


async def answers_a_lone_surrogate(_: ChargerConnection, call: Call) -> Answer:
    return {"x": "\ud800"}


@pytest.mark.parametrize(
    "handler",
    [
        raises_at_once,
        raises_later,
        waits_for_what_was_cancelled,
        answers_nothing,
        answers_what_is_no_json,
        answers_a_lone_surrogate,
    ],
)
async def test_a_handler_that_fails_costs_one_answer_and_not_the_connection(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    def sometimes(connection: ChargerConnection, call: Call) -> Any:
        return handler(connection, call) if call.message_id == "bad" else {}

    async with connected(sometimes) as (connection, pipe):
        pipe.say([2, "bad", "Heartbeat", {}])
        pipe.say([2, "good", "Heartbeat", {}])
        await until(lambda: len(pipe.heard) == 2)

        assert pipe.heard[0][:3] == [4, "bad", "InternalError"]
        assert "secret" not in str(pipe.heard[0])
        assert pipe.heard[1] == [3, "good", {}]
        assert connection.counters.handlers_failed == 1

    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 1
    assert logged[0].exc_info is not None


async def test_a_handler_that_takes_too_long_is_ended() -> None:
    handling = Handling()
    async with connected(handling, handler_timeout_s=0.01) as (_, pipe):
        pipe.say([2, "a", "Heartbeat", {}])
        await until(lambda: pipe.heard)

        assert pipe.heard[0][:3] == [4, "a", "InternalError"]


async def test_a_handler_under_way_may_finish_after_the_connection_is_lost() -> None:
    finished = []

    async def handler(_: ChargerConnection, call: Call) -> Answer:
        await asyncio.sleep(0.01)
        finished.append(call.message_id)
        return {}

    async with connected(handler) as (connection, pipe):
        pipe.say([2, "a", "Heartbeat", {}])
        pipe.say([2, "b", "Heartbeat", {}])
        await until(lambda: pipe.unread == 0)
        pipe.hang_up()

    assert finished == ["a"]
    assert pipe.heard == []
    assert connection.counters.calls_dropped == 1


async def test_whoever_ends_the_service_ends_the_handler_too() -> None:
    pipe, handling = Pipe(), Handling()
    connection = ChargerConnection(
        pipe,  # type: ignore[arg-type]
        charge_point_id="CP1",
        version=OcppVersion.V16,
        epoch=1,
        remote="",
    )
    tasks = len(asyncio.all_tasks())
    running = asyncio.create_task(connection.run(handling))
    pipe.say([2, "a", "Heartbeat", {}])
    await until(lambda: handling.begun)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(asyncio.all_tasks()) == tasks


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


# our own calls


async def asked(pipe: Pipe, number: int = 1) -> str:
    """The message id of the `number`-th CALL that the charger received."""
    await until(lambda: len(calls_heard(pipe)) >= number)
    return str(calls_heard(pipe)[number - 1][1])


def calls_heard(pipe: Pipe) -> list[list[Any]]:
    return [frame for frame in pipe.heard if frame[0] == 2]


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
