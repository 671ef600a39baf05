"""Forecasts as operating envelopes: what they limit, what replaces them, what is refused and what has no effect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access_policy.application.commands.put_energy_policy import PutEnergyPolicy
from access_policy.application.commands.record_measurements import Measurement, RecordMeasurements
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.site_energy.evaluation import slack_of
from access_policy.domain.site_energy.events import OperatingEnvelopeIgnored, OperatingEnvelopeReceived
from access_policy.domain.site_energy.gate import LimitSource
from simulated_provider.forecasts import HOUR, bad_forecasts, block, forecast
from tests.support.builders import NOON
from tests.support.oscp import BY_SYSTEM, GROUP, NORTH, POLICY, PROVIDER, OscpWorld

GRID = EnergyNodeId("grid")
MINUTE = timedelta(minutes=1)


def limiting(*kw: float, kind: str = "CONSUMPTION", **how: str) -> dict[str, object]:
    """Hours from noon on with these limits."""
    blocks = (block(NOON + number * HOUR, each) for number, each in enumerate(kw))
    return forecast(*blocks, group_id="EAN-1", kind=kind, **how)


async def sent(world: OscpWorld, body: dict[str, object], **how: str) -> int:
    answer = await world.provider.forecast(body, **how)
    assert answer.response == b""
    return answer.status


async def limit_now(world: OscpWorld) -> tuple[int, LimitSource] | None:
    """In kW."""
    site = await world.site()
    slack = slack_of(site.node_here(GRID, {}), POLICY, world.clock.now())
    return None if slack is None else ((slack.effective_w + slack.committed_w) // 1000, slack.limit_source)


async def test_blocks_of_a_forecast_limit_the_node_of_their_group(world: OscpWorld) -> None:
    await world.connected()

    assert await sent(world, limiting(100, 60)) == 204
    assert await world.limits() == [("grid", 0, 100, None), ("grid", 1, 60, None)]
    assert await limit_now(world) == (100, LimitSource.FRESH_ENVELOPE)
    shown = (await world.api.get(PROVIDER)).json()["groups"][0]
    assert [(each["import_limit_w"], each["valid_from"]) for each in shown["envelopes"]] == [
        (100_000, "2026-11-18T12:00:00Z"),
        (60_000, "2026-11-18T13:00:00Z"),
    ]


async def test_neither_ids_of_groups_nor_ids_of_messages_leave_the_adapter(world: OscpWorld) -> None:
    await world.connected()
    await world.provider.forecast(limiting(100), message_id="provider-message-1")
    await world.api.settled()

    log = await world.api.container.stores.store().read_log(after=0, limit=1000)
    assert [each for each in log if isinstance(each.event, OperatingEnvelopeReceived)]
    for each in log:
        assert "EAN-1" not in repr((each.event, each.envelope))
        assert "provider-message-1" not in repr((each.event, each.envelope))


async def test_newer_forecast_replaces_its_time_and_leaves_the_rest(world: OscpWorld) -> None:
    await world.connected()
    await sent(world, limiting(100, 100, 100, 100))
    gap = forecast(block(NOON + HOUR, 60), block(NOON + 2.5 * HOUR, 40, hours=0.5), group_id="EAN-1")

    assert await sent(world, gap) == 204
    site = await world.site()
    now = world.clock.now()
    live = sorted(
        (each.envelope.valid_from - now, each.envelope.valid_until - now, each.envelope.import_limit_w)
        for each in site.envelopes.by_id.values()
        if each.withdrawn_at is None
    )
    assert live == [
        (0 * HOUR, 1 * HOUR, 100_000),
        (1 * HOUR, 2 * HOUR, 60_000),
        (2.5 * HOUR, 3 * HOUR, 40_000),
        (3 * HOUR, 4 * HOUR, 100_000),
    ]


async def test_forecast_sent_again_or_replayed_late_changes_nothing(world: OscpWorld) -> None:
    await world.connected()
    await sent(world, limiting(100), message_id="first")
    await sent(world, limiting(60), message_id="second")
    before = await world.api.position()

    assert await sent(world, limiting(100), message_id="first") == 204
    assert await sent(world, limiting(60)) == 204
    assert await world.limits() == [("grid", 0, 60, None)]
    assert await world.api.events_after(before) == []


async def test_limit_in_amperes_counts_with_voltage_and_phases(world: OscpWorld) -> None:
    yard = {"group_id": "EAN-2", "node_id": "yard"}
    await world.connected(groups=[GROUP, yard])
    amperes = block(NOON, 100, unit="A")
    energy = block(NOON, 50, unit="KWH", hours=0.5)

    assert await sent(world, forecast(amperes, group_id="EAN-1")) == 204
    assert await sent(world, forecast(energy, group_id="EAN-2")) == 204
    assert await world.limits() == [("grid", 0, 69, None), ("yard", 0, 100, None)]
    refused = await world.provider.forecast(forecast(amperes, group_id="EAN-2"))
    assert refused.status == 400
    assert "voltage" in refused.response_headers["x-error-message"]


async def test_fallback_counts_once_the_heartbeats_end_and_until_the_next_handshake(world: OscpWorld) -> None:
    await world.connected()
    await sent(world, limiting(100, 100))
    await sent(world, forecast(block(NOON, 30, hours=4), group_id="EAN-1", kind="FALLBACK_CONSUMPTION"))
    await world.provider.heartbeat(NOON + 10 * MINUTE)
    fresh = await limit_now(world)
    world.clock.forward(minutes=10)
    silent = await limit_now(world)
    world.clock.forward(hours=3)
    later = await limit_now(world)
    await world.provider.handshake()
    back = await limit_now(world)

    assert fresh == (100, LimitSource.FRESH_ENVELOPE)
    assert silent == (30, LimitSource.FALLBACK_ENVELOPE)
    assert later == (30, LimitSource.FALLBACK_ENVELOPE), "its forecast of consumption is over, the fallback is not"
    assert back == (300, LimitSource.STATIC_NODE)


async def test_provider_that_never_sends_a_heartbeat_is_offline_after_three_missed_ones(world: OscpWorld) -> None:
    await world.connected(heartbeat_interval_s=60)
    await sent(world, limiting(100))
    await sent(world, limiting(30, kind="FALLBACK_CONSUMPTION"))
    world.clock.forward(minutes=2)
    before = await limit_now(world)
    world.clock.forward(minutes=1)

    assert before == (100, LimitSource.FRESH_ENVELOPE)
    assert await limit_now(world) == (30, LimitSource.FALLBACK_ENVELOPE)


async def test_announced_end_beyond_a_day_counts_for_a_day(world: OscpWorld) -> None:
    await world.connected()
    await world.provider.heartbeat(NOON + 1000 * HOUR)

    assert (await world.api.get(PROVIDER)).json()["there_until"] == "2026-11-19T12:00:00Z"


@pytest.mark.parametrize("wrong", sorted(bad_forecasts(NOON)))
async def test_wrong_forecast_is_refused_with_a_reason_and_loosens_nothing(world: OscpWorld, wrong: str) -> None:
    await world.connected()
    await sent(world, limiting(50, 50))
    before = await world.limits()
    body = bad_forecasts(NOON)[wrong]
    body = body if wrong == "unknown group" else {**body, "group_id": "EAN-1"}

    answer = await world.provider.forecast(body)

    assert answer.status == (404 if wrong == "unknown group" else 400), answer.text()
    assert answer.response_headers["x-error-message"]
    assert await world.limits() == before


async def test_forecast_of_another_type_is_accepted_and_recorded_as_without_effect(world: OscpWorld) -> None:
    await world.connected()
    for kind in ("GENERATION", "FALLBACK_GENERATION", "OPTIMUM"):
        assert await sent(world, limiting(10, kind=kind)) == 204

    assert await world.limits() == []
    shown = (await world.api.get(PROVIDER)).json()["groups"][0]["without_effect"]
    assert [each["type"] for each in shown] == ["GENERATION", "FALLBACK_GENERATION", "OPTIMUM"]


async def test_blocks_that_are_over_have_no_effect(world: OscpWorld) -> None:
    await world.connected()
    past = forecast(block(NOON - 3 * HOUR, 10), group_id="EAN-1")
    running = forecast(block(NOON - 3 * HOUR, 10), block(NOON - HOUR, 20, hours=2), group_id="EAN-1")

    assert await sent(world, past) == 204
    assert await world.limits() == []
    assert await sent(world, running) == 204
    assert await world.limits() == [("grid", -1, 20, None)]
    shown = (await world.api.get(PROVIDER)).json()["groups"][0]["without_effect"]
    assert [each["type"] for each in shown] == ["CONSUMPTION"]


async def test_depot_that_has_not_opted_in_ignores_envelopes_and_says_so_in_its_log(
    world_without_policy: OscpWorld,
) -> None:
    world = world_without_policy
    await world.connected()

    assert await sent(world, limiting(100)) == 204
    await world.provider.heartbeat(NOON + 5 * MINUTE)
    events = await world.api.events_after(0)
    assert [each.reason for each in events if isinstance(each, OperatingEnvelopeIgnored)] == ["not_opted_in"]
    assert await world.limits() == []


async def test_group_bound_to_another_node_takes_its_limits_along_and_one_that_is_unbound_ends_them(
    world: OscpWorld,
) -> None:
    await world.connected()
    await sent(world, limiting(100))
    await world.put_provider(groups=[{**GROUP, "node_id": "yard"}])
    moved = await world.limits()
    await world.put_provider(groups=[])

    assert moved == [("yard", 0, 100, None)]
    assert await world.limits() == []
    assert (await world.provider.forecast(limiting(100))).status == 404


async def test_removed_provider_takes_its_limits_along_and_one_of_the_same_id_may_limit_again(
    world: OscpWorld,
) -> None:
    await world.connected()
    await sent(world, limiting(100))
    await world.api.done("DELETE", PROVIDER, None)
    gone = await world.limits()
    ended = await world.provider.forecast(limiting(60))
    world.provider.their_url = ""
    world.provider.received["handshake_acknowledge"].clear()
    world.provider.token_for_us = ""
    world.clock.forward(seconds=1)
    await world.connected()
    await sent(world, limiting(80))

    assert (gone, ended.status) == ([], 401)
    assert await world.limits() == [("grid", 0, 80, None)]


async def test_provider_of_another_tenant_limits_its_own_depot_alone(world: OscpWorld) -> None:
    await world.connected()
    rival = {"name": "North", "time_zone": "Europe/Berlin"}
    assert (await world.api.send("PUT", "/v1/depots/north", rival, tenant="rival")).is_success
    body = {"name": "Other", "groups": []}
    made = await world.api.send("PUT", PROVIDER, body, tenant="rival")
    token = made.json()["token"]
    assert (await world.provider.call("register", {}, token=token)).status == 400
    refused = await world.provider.call("update_group_capacity_forecast", limiting(10), token=token)

    assert refused.status == 401
    assert await world.limits() == []


async def test_demand_above_a_forecast_is_told_once_with_the_message_that_it_answers(world: OscpWorld) -> None:
    await world.connected()
    await measured(world, 120_000)
    forecast_sent = await world.provider.forecast(limiting(100))
    errors = world.provider.received["group_capacity_compliance_error"]
    await world.provider.until(lambda: errors)
    world.clock.forward(seconds=30)
    await measured(world, 130_000)
    await world.provider.forecast(limiting(90))
    await world.provider.until(lambda: len(errors) == 2)

    assert "120000 W" in errors[0]["message"]
    assert errors[0]["forecasted_blocks"][0]["capacity"] == 100_000
    assert [each["forecasted_blocks"][0]["capacity"] for each in errors] == [100_000, 90_000], "once for each envelope"
    told = next(each for each in world.provider.frames.all if each.url.endswith("compliance_error"))
    assert told.headers["x-correlation-id"] == forecast_sent.headers["X-Request-ID"]


async def test_measurements_of_the_group_come_as_energy_between_two_instants(world: OscpWorld) -> None:
    await world.connected(measurements=("INTERMITTENT",))
    await world.provider.until(lambda: world.provider.received["heartbeat"])  # the watch has seen the handshake
    came = world.provider.received["update_group_measurements"]
    await measured(world, 60_000)
    await looked(world)
    for demand in (30_000, 0, 0):
        world.clock.forward(seconds=60)
        await measured(world, demand)
        await looked(world)
    await world.provider.until(lambda: len(came) == 3)

    values = [each["measurements"][0] for each in came]
    assert [each["group_id"] for each in came] == ["EAN-1"] * 3
    assert [each["value"] for each in values] == [1000.0, 500.0, 0.0]
    assert values[1]["initial_measure_time"] == values[0]["measure_time"]
    assert (values[0]["unit"], values[0]["direction"]) == ("WH", "IMPORT")


async def test_message_that_the_provider_refuses_is_repeated_in_order(world: OscpWorld) -> None:
    await world.registered()
    world.provider.refuses["handshake_acknowledge"] = 503
    await world.provider.handshake()
    await world.provider.until(lambda: [each for each in world.provider.frames.all if each.status == 503])
    world.provider.refuses.clear()
    world.clock.forward(minutes=1)
    await world.provider.until(lambda: world.provider.received["handshake_acknowledge"])

    assert len(world.provider.received["handshake_acknowledge"]) == 1


async def test_envelopes_that_were_cut_off_from_the_site_follow_later(world: OscpWorld) -> None:
    await world.connected()
    handler = world.api.container.oscp.forecast_handler()
    original = handler.receive
    object.__setattr__(handler, "receive", Failing())
    failed = await world.provider.forecast(limiting(70))
    object.__setattr__(handler, "receive", original)
    await world.api.container.oscp.forecast_handler().settle_all()

    assert failed.status == 503
    assert await world.limits() == [("grid", 0, 70, None)]


async def test_policy_put_after_the_forecast_leaves_it_without_effect_until_it_is_sent_again(
    world_without_policy: OscpWorld,
) -> None:
    world = world_without_policy
    await world.connected()
    await sent(world, limiting(100))
    await world.api.container.commands.put_energy_policy()(BY_SYSTEM, PutEnergyPolicy(depot_id=NORTH, policy=POLICY))
    await sent(world, limiting(90))

    assert await world.limits() == [("grid", 0, 90, None)]


class Failing:
    async def __call__(self, *_: object) -> None:
        raise StoreUnavailable("cut off")


async def measured(world: OscpWorld, demand_w: int) -> None:
    item = Measurement(depot_id=NORTH, node_id=GRID, observed_at=world.clock.now(), demand_w=demand_w)
    await world.api.container.commands.record_measurements()(BY_SYSTEM, RecordMeasurements(items=(item,)))
    await world.api.settled()


async def looked(world: OscpWorld) -> None:
    await world.api.container.oscp.watch().check()
