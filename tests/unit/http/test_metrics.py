"""`GET /metrics`: how far behind the log its readers are, what is put aside, what waits; also when the store is down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from eventsourcing.persistence import StoredEvent
from prometheus_client.parser import text_string_to_metric_families

from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.application.ocpi_partners.pushes import queue_key
from access_policy.application.ports.event_store import Append, StoreUnavailable, StreamId
from access_policy.application.ports.identity import Role
from access_policy.application.ports.relay_positions import HeldStream
from access_policy.application.ports.webhooks import Attempt, DeliveryState, Message
from access_policy.application.projections import PROJECTIONS
from access_policy.domain.access.events import AccessDenied
from access_policy.domain.ids import TenantId
from access_policy.domain.ocpi_partners.partner import PartnerConnection
from access_policy.entrypoints.processes.loop_watch import TICK_S, LoopWatch
from access_policy.entrypoints.processes.metric_families import merged
from access_policy.entrypoints.processes.metrics import Metrics
from tests.support.attempts import denied
from tests.support.builders import NOON
from tests.support.http_api import HttpApi
from tests.support.ocpi import BODY, PARTNER
from tests.support.stores import happened
from tests.support.virtual_time import VirtualTimeLoop, run_in_virtual_time

CONNECTION = PartnerConnection(versions_url="https://hub.example/ocpi/versions", version="2.3.0", token="token-b")
ATTEMPT = {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": "04DEADBEEF0001"}}


async def measured(api: HttpApi) -> dict[str, float]:
    """By name, with the labels behind it."""
    answer = await api.get("/metrics", role=Role.INSTALLATION)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_readers_that_have_caught_up_are_not_behind(api: HttpApi) -> None:
    await api.container.auditing.chainer().catch_up()
    shown = await measured(api)

    behind = {name: value for name, value in shown.items() if name.startswith("access_policy_reader_lag")}
    assert len(behind) == 2 * (len(PROJECTIONS) + 2)
    assert set(behind.values()) == {0}
    assert shown["access_policy_log_position"] == await api.position()
    assert shown["access_policy_store_up"] == 1
    assert shown["access_policy_spool_backlog"] == 0
    assert shown["access_policy_held_streams"] == 0
    assert shown["process_start_time_seconds"] > 0


async def test_a_reader_that_stands_still_is_behind_in_positions_and_in_seconds(api: HttpApi) -> None:
    await api.container.stores.store().append(
        [Append(StreamId("acme/access/try-9"), 0, (happened(denied(), at=api.container.clock().now()),))]
    )
    api.container.clock().forward(seconds=30)

    shown = await measured(api)

    assert shown["access_policy_reader_lag_positions/read_models.access_log"] == 1
    assert shown["access_policy_reader_lag_seconds/read_models.access_log"] == 30
    assert shown["access_policy_reader_lag_positions/decision_view"] == 1
    assert shown["access_policy_reader_lag_seconds/decision_view"] == 0  # nothing that it reads waits


async def test_audit_chain_that_stands_still_is_behind(api: HttpApi) -> None:
    await api.container.auditing.chainer().catch_up()
    await api.send("PUT", "/v1/depots/south", {"name": "South", "time_zone": "Europe/Berlin"})
    api.container.clock().forward(seconds=40)

    shown = await measured(api)

    assert shown["access_policy_reader_lag_positions/audit_chain"] == 1
    assert shown["access_policy_reader_lag_seconds/audit_chain"] == 40


async def test_deliveries_that_wait_for_receivers_are_counted_with_the_age_of_the_oldest(api: HttpApi) -> None:
    hook = {"name": "Night shift", "url": "https://hooks.example/", "preset": "denied_vehicle"}
    key = (TenantId("acme"), (await api.done("POST", "/v1/webhooks", hook))["webhook_id"])
    idle = await measured(api)
    queue, clock = api.container.records.webhook_queue(), api.container.clock()
    for number in range(4):
        aggregate = "a" if number < 3 else "b"
        message = Message(key=key, event_id=f"e{number}", event_type="AccessDenied", aggregate=aggregate, body=b"{}")
        await queue.enqueue(message, now=clock.now())
        clock.forward(seconds=10)
    (*_, other) = await queue.due(key, now=clock.now(), limit=9)
    await queue.finish(replace(other, state=DeliveryState.DEAD_LETTER, finished_at=clock.now()))

    shown = await measured(api)

    states = ("queued", "waiting", "dead_letter")
    assert [idle[f"access_policy_webhook_deliveries/{state}"] for state in states] == [0, 0, 0]
    assert [shown[f"access_policy_webhook_deliveries/{state}"] for state in states] == [1, 2, 1]
    assert idle["access_policy_webhook_oldest_undelivered_seconds"] == 0
    assert shown["access_policy_webhook_oldest_undelivered_seconds"] == 40


async def test_pushes_to_ocpi_partners_are_counted_with_their_tries_and_the_age_of_the_oldest(api: HttpApi) -> None:
    await api.done("PUT", PARTNER, BODY)
    partners, clock = api.container.records.ocpi_partners(), api.container.clock()
    (partner,) = await partners.all()
    connected = replace(partner, version=partner.version + 1, connection=CONNECTION)
    await partners.put(connected, expected=partner.version, event=None)
    idle = await measured(api)
    queue, key = api.container.ocpi.push_queue(), queue_key(partner.key)
    for number in range(3):
        message = Message(
            key=key, event_id=f"e{number}", event_type="ReservationMade", aggregate="booking/R1", body=b"{}"
        )
        await queue.enqueue(message, now=clock.now())
    clock.forward(seconds=10)
    for status in (200, 503, None):
        attempt = Attempt(at=clock.now(), status=status, detail="", took_ms=1)
        api.container.ocpi.push().counts.count(attempt)

    shown = await measured(api)

    states = ("queued", "waiting", "dead_letter")
    assert [idle[f"access_policy_ocpi_pushes/{state}"] for state in states] == [0, 0, 0]
    assert [shown[f"access_policy_ocpi_pushes/{state}"] for state in states] == [1, 2, 0]
    assert shown["access_policy_ocpi_push_oldest_undelivered_seconds"] == 10
    assert [shown[f"access_policy_ocpi_push_tries_total/{each}"] for each in ("delivered", "failed")] == [1, 2]


async def test_what_is_put_aside_is_counted(api: HttpApi) -> None:
    broken = StoredEvent("acme/access/try-9", 1, AccessDenied.TYPE, b"not an event")
    api.container.stores.store()._recorder.insert_events([broken])
    await api.container.read_side.follower().catch_up()
    held = HeldStream(
        stream=StreamId("acme/access/try-8"), version=1, passed=1, reason="too large", tries=1, try_again_at=NOON
    )
    await api.container.publishing.relay_positions().advance(0, [held])

    shown = await measured(api)

    assert shown["access_policy_parked_events/access_log"] == 1
    assert shown["access_policy_parked_events/faults"] == 0
    assert shown["access_policy_held_streams"] == 1


async def test_a_store_that_is_down_is_said_and_the_rest_is_there(api: HttpApi) -> None:
    await api.container.stores.store().close()

    shown = await measured(api)

    assert shown["access_policy_store_up"] == 0
    assert shown["access_policy_spool_backlog"] == 0
    assert "access_policy_log_position" not in shown


async def test_metrics_name_no_tenant_and_no_charger(api: HttpApi) -> None:
    await api.send("POST", "/v1/access-decisions", ATTEMPT)

    text = (await api.get("/metrics", role=Role.INSTALLATION)).text

    assert "access_policy_decisions_total" in text
    assert "acme" not in text
    assert "bay-1" not in text


async def test_metrics_without_a_token_are_unauthorised(api: HttpApi) -> None:
    assert (await api.client.get("/metrics")).status_code == 401


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.INSTALLATION])
async def test_metrics_with_a_tenant_s_token_are_forbidden(api: HttpApi, role: Role) -> None:
    assert (await api.get("/metrics", role=role)).status_code == 403


async def test_installation_token_on_a_tenant_s_chargers_is_forbidden(api: HttpApi) -> None:
    assert (await api.get("/v1/chargers", role=Role.INSTALLATION)).status_code == 403


async def test_decision_is_counted_by_outcome_and_reason_with_its_latency_and_commit(api: HttpApi) -> None:
    before = await measured(api)
    answer = await api.send("POST", "/v1/access-decisions", ATTEMPT)
    assert answer.json()["reason"] == "unknown_identifier"

    shown = await measured(api)

    grew = {name: value - before[name] for name, value in shown.items() if name.startswith("access_policy_decisions")}
    assert {name: value for name, value in grew.items() if value} == {
        "access_policy_decisions_total/denied/unknown_identifier": 1
    }
    assert shown["access_policy_decision_latency_seconds_count"] == 1
    assert shown["access_policy_commit_size_appends_sum"] == 1


async def test_attempt_that_the_store_refuses_is_counted_as_undecided(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, settled: Callable[[Exception], None]) -> None:
        settled(StoreUnavailable("down"))

    monkeypatch.setattr(api.container.deciding.spooled_commits(), "append_soon", fail)
    assert (await api.send("POST", "/v1/access-decisions", ATTEMPT)).status_code == 503

    shown = await measured(api)

    assert shown["access_policy_attempts_undecided_total"] == 1
    assert shown["access_policy_decisions_total/denied/unknown_identifier"] == 0
    assert shown["access_policy_decision_latency_seconds_count"] == 0


async def test_each_counter_of_the_ocpp_server_is_shown(api: HttpApi) -> None:
    api.container.chargers.gateway().counters.late_answers = 3

    shown = await measured(api)

    kinds = {name.split("/")[1] for name in shown if name.startswith("access_policy_ocpp_incidents_total")}
    assert kinds == {field.name for field in fields(Counters)}
    assert shown["access_policy_ocpp_incidents_total/late_answers"] == 3


async def test_merged_texts_of_real_processes_keep_every_sample(api: HttpApi) -> None:
    metrics = Metrics(api.container)
    metrics.loop_watch.seen(0.3, at=0.0)
    text = await metrics.of_this_process()

    of_two = text_string_to_metric_families(merged({"office": text, "gateway": text}).decode())

    alone = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    samples = [sample for family in of_two for sample in family.samples]
    assert len(samples) == 2 * len(alone)
    assert {sample.labels["process"] for sample in samples} == {"office", "gateway"}
    slow = [s for s in samples if s.name == "access_policy_event_loop_lag_seconds_bucket" and s.labels["le"] == "0.5"]
    assert [sample.value for sample in slow] == [1, 1]


async def test_the_lag_of_the_event_loop_is_shown_as_a_gauge_and_a_histogram(api: HttpApi) -> None:
    shown = await measured(api)

    assert shown["access_policy_event_loop_lag_max_seconds"] == 0  # nobody has watched yet
    assert shown["access_policy_event_loop_lag_seconds_count"] == 0


def test_the_loop_watch_counts_each_lag_and_shows_the_longest_of_the_last_minute() -> None:
    watch = LoopWatch()

    for at, lag_s in ((0.0, 0.3), (10.0, 0.2), (20.0, 0.004)):
        watch.seen(lag_s, at=at)

    assert [watch.longest_s(at) for at in (20.0, 60.1, 70.1, 80.1)] == [0.3, 0.2, 0.004, 0.0]
    counted = dict(watch.lags_s.buckets())
    assert (counted["0.0025"], counted["0.005"], counted["0.25"], counted["0.5"], counted["+Inf"]) == (0, 1, 2, 3, 3)
    assert watch.lags_s.total == pytest.approx(0.504)


def test_the_loop_watch_sees_work_that_holds_the_loop() -> None:
    """In virtual time: the work moves the clock by two seconds while nobody else has a turn."""

    async def held() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        watch = LoopWatch()
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
