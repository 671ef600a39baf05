"""`GET /metrics`: how far behind the log its readers are, what is put aside, what waits; also when the store is down."""

from __future__ import annotations

import asyncio

import pytest
from eventsourcing.persistence import StoredEvent
from prometheus_client.parser import text_string_to_metric_families

from access_policy.application.ports.event_store import Append, StreamId
from access_policy.application.ports.identity import Role
from access_policy.application.ports.relay_positions import HeldStream
from access_policy.application.projections import PROJECTIONS
from access_policy.domain.access.events import AccessDenied
from access_policy.entrypoints.processes.loop_watch import TICK_S, LoopWatch
from tests.support.attempts import denied
from tests.support.builders import NOON
from tests.support.http_api import HttpApi
from tests.support.stores import happened
from tests.support.virtual_time import VirtualTimeLoop, run_in_virtual_time


async def measured(api: HttpApi) -> dict[str, float]:
    """By name, with the labels behind it."""
    answer = await api.get("/metrics", role=Role.VIEWER)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_readers_that_have_caught_up_are_not_behind(api: HttpApi) -> None:
    shown = await measured(api)

    behind = {name: value for name, value in shown.items() if name.startswith("access_policy_reader_lag")}
    assert len(behind) == 2 * (len(PROJECTIONS) + 1)
    assert set(behind.values()) == {0}
    assert shown["access_policy_log_position"] == await api.position()
    assert shown["access_policy_store_up"] == 1
    assert shown["access_policy_spool_backlog"] == 0
    assert shown["access_policy_held_streams"] == 0
    assert shown["process_start_time_seconds"] > 0


async def test_a_reader_that_stands_still_is_behind_in_positions_and_in_seconds(api: HttpApi) -> None:
    await api.container.store().append(
        [Append(StreamId("acme/access/try-9"), 0, (happened(denied(), at=api.container.clock().now()),))]
    )
    api.container.clock().forward(seconds=30)

    shown = await measured(api)

    assert shown["access_policy_reader_lag_positions/read_models.access_log"] == 1
    assert shown["access_policy_reader_lag_seconds/read_models.access_log"] == 30
    assert shown["access_policy_reader_lag_positions/decision_view"] == 1
    assert shown["access_policy_reader_lag_seconds/decision_view"] == 0  # nothing that it reads waits


async def test_what_is_put_aside_is_counted(api: HttpApi) -> None:
    broken = StoredEvent("acme/access/try-9", 1, AccessDenied.TYPE, b"not an event")
    api.container.store()._recorder.insert_events([broken])
    await api.container.read_models_follower().catch_up()
    held = HeldStream(
        stream=StreamId("acme/access/try-8"), version=1, passed=1, reason="too large", tries=1, try_again_at=NOON
    )
    await api.container.relay_positions().advance(0, [held])

    shown = await measured(api)

    assert shown["access_policy_parked_events/access_log"] == 1
    assert shown["access_policy_parked_events/faults"] == 0
    assert shown["access_policy_held_streams"] == 1


async def test_a_store_that_is_down_is_said_and_the_rest_is_there(api: HttpApi) -> None:
    await api.container.store().close()

    shown = await measured(api)

    assert shown["access_policy_store_up"] == 0
    assert shown["access_policy_spool_backlog"] == 0
    assert "access_policy_log_position" not in shown


async def test_the_text_names_no_tenant_and_needs_a_token(api: HttpApi) -> None:
    text = (await api.get("/metrics")).text

    assert "acme" not in text
    assert "bay-1" not in text
    assert (await api.client.get("/metrics")).status_code == 401


async def test_the_lag_of_the_event_loop_is_shown_as_a_gauge_and_a_histogram(api: HttpApi) -> None:
    shown = await measured(api)

    assert shown["access_policy_event_loop_lag_max_seconds"] == 0  # nobody has watched yet
    assert shown["access_policy_event_loop_lag_seconds_count"] == 0


def test_the_loop_watch_counts_each_lag_and_shows_the_longest_of_the_last_minute() -> None:
    watch = LoopWatch("lag")

    for at, lag_s in ((0.0, 0.3), (10.0, 0.2), (20.0, 0.004)):
        watch.seen(lag_s, at=at)

    assert [watch.longest_s(at) for at in (20.0, 60.1, 70.1, 80.1)] == [0.3, 0.2, 0.004, 0.0]
    _, histogram = watch.metrics(at=80.1)
    counted = {sample.labels.get("le", sample.name): sample.value for sample in histogram.samples}
    assert (counted["0.0025"], counted["0.005"], counted["0.25"], counted["0.5"], counted["+Inf"]) == (0, 1, 2, 3, 3)
    assert counted["lag_seconds_sum"] == pytest.approx(0.504)


def test_the_loop_watch_sees_work_that_holds_the_loop() -> None:
    """In virtual time: the work moves the clock by two seconds while nobody else has a turn."""

    async def held() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        watch = LoopWatch("lag")
        watching = asyncio.create_task(watch.run())
        await asyncio.sleep(1)
        before = watch.longest_s(loop.time())
        loop.hold(2.0)
        await asyncio.sleep(1)
        watching.cancel()
        return before, watch.longest_s(loop.time())

    before, after = run_in_virtual_time(held())

    assert before == pytest.approx(0)
    assert after == pytest.approx(2.0, abs=TICK_S)
