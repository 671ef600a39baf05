"""CALLs of the charger: their order, their bounds, and handlers that fail."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from websockets.frames import CloseCode

from access_policy.adapters.ocpp.errors import OcppError, OcppVersion, SecurityError
from access_policy.adapters.ocpp.transport.answers import Answer, Later
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.framing import Call
from access_policy.adapters.ocpp.transport.incoming_calls import IncomingCalls, a_bug
from tests.support.ocpp_connection import Handler, Handling, connected, ids_heard
from tests.support.ocpp_pipe import Pipe, until

pytestmark = pytest.mark.any_frames


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


async def taking(handling: Handling) -> tuple[IncomingCalls[str], Pipe, Counters]:
    pipe, counters = Pipe(), Counters()
    incoming = IncomingCalls(
        "the connection",
        pipe,  # type: ignore[arg-type]
        pipe.write,  # type: ignore[arg-type]
        counters,
        name="a handler",
        version=OcppVersion.V16,
        error_of=a_bug,
        inbox_max=4,
        handler_timeout_s=60,
    )
    incoming.serve(handling)  # type: ignore[arg-type]
    return incoming, pipe, counters


def a_call(message_id: str) -> Call:
    return Call(message_id, "Heartbeat", {})


async def test_incoming_calls_after_close_drop_new_calls_and_answer_those_in_the_inbox() -> None:
    handling = Handling()
    incoming, pipe, counters = await taking(handling)
    for each in "ab":
        incoming.take(a_call(each))
        handling.finish(each)

    incoming.close()
    incoming.take(a_call("c"))
    await incoming.finish_all()

    assert ids_heard(pipe) == ["a", "b"]
    assert counters.calls_dropped == 1


async def test_incoming_calls_of_a_superseded_connection_answer_the_one_in_progress_only() -> None:
    handling = Handling()
    incoming, pipe, counters = await taking(handling)
    for each in "abc":
        incoming.take(a_call(each))
        handling.finish(each)

    incoming.supersede()
    await incoming.finish_all()

    assert (handling.begun, ids_heard(pipe)) == (["a"], ["a"])
    assert counters.calls_dropped == 2


async def test_incoming_calls_after_drop_begin_none_of_the_inbox() -> None:
    handling = Handling()
    incoming, pipe, counters = await taking(handling)
    for each in "abc":
        incoming.take(a_call(each))

    incoming.drop()
    handling.finish("a")
    await incoming.finish()
    incoming.take(a_call("d"))
    handling.finish("d")
    await incoming.finish_all()

    assert ids_heard(pipe) == ["a", "d"]
    assert counters.calls_dropped == 2


async def test_incoming_calls_that_are_cancelled_leave_no_task_and_no_timer() -> None:
    tasks = len(asyncio.all_tasks())
    incoming, pipe, _ = await taking(Handling())
    incoming.take(a_call("a"))
    await asyncio.sleep(0)

    await incoming.cancel()

    assert ids_heard(pipe) == []
    assert len(asyncio.all_tasks()) == tasks
