"""Registration in both directions, handshakes and heartbeats, and everything that must not be let in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulated_provider.forecasts import block, forecast
from tests.support.oscp import PROVIDER, OscpWorld

MINUTE = timedelta(minutes=1)


async def test_provider_that_registers_is_registered_with_in_return(world: OscpWorld) -> None:
    await world.registered()

    (registration,) = world.provider.received["register"]
    assert registration["version_url"] == [{"version": "2.0", "base_url": world.own_url}]
    assert registration["token"] == world.provider.token_for_us
    shown = (await world.api.get(PROVIDER)).json()
    assert (shown["state"], shown["base_url"], shown["there_until"]) == ("connected", world.provider.base_url, None)


async def test_operator_that_registers_first_is_registered_with_in_return(world: OscpWorld) -> None:
    await world.put_provider()
    body = {"base_url": world.provider.base_url, "token": world.provider.invite()}

    answer = await world.admin("POST", f"{PROVIDER}/register", body)
    again = await world.admin("POST", f"{PROVIDER}/register", body)

    assert (answer.status_code, answer.json()["state"]) == (200, "connected"), answer.text
    assert (await world.provider.handshake()).status == 204
    assert (again.status_code, again.json()["type"].rsplit(":", 1)[1]) == (409, "oscp-already-registered")


async def test_return_registration_that_fails_is_repeated_with_another_token(world: OscpWorld) -> None:
    world.provider.refuses["register"] = 503
    made = await world.put_provider()
    await world.provider.register(world.own_url, made["token"])
    await world.provider.until(lambda: refused(world))
    first = refused(world)[0]["token"]
    world.provider.refuses.clear()
    world.clock.forward(minutes=1)
    await world.provider.until(lambda: world.provider.token_for_us)

    assert world.provider.token_for_us != first
    assert (await world.provider.call("handshake", {}, token=first)).status == 401


def refused(world: OscpWorld) -> list[dict[str, str]]:
    return [each.sent for each in world.provider.frames.all if each.status == 503]


async def test_registration_token_ends_with_the_first_use_of_the_next_one(world: OscpWorld) -> None:
    made = await world.put_provider()
    first = await world.provider.register(world.own_url, made["token"])
    await world.provider.until(lambda: world.provider.token_for_us)
    again = await world.provider.call("register", first.sent, token=made["token"])
    await world.provider.until(lambda: len(world.provider.received["register"]) == 2)
    await world.until_connected()
    await world.provider.handshake()
    late = await world.provider.call("register", first.sent, token=made["token"])

    assert (again.status, late.status) == (204, 401), "the answer to the first may have been lost"


async def test_registration_with_an_unknown_version_is_501_and_changes_nothing(world: OscpWorld) -> None:
    made = await world.put_provider()
    answer = await world.provider.register(world.own_url, made["token"], versions=("1.0", "3.0"))

    assert answer.status == 501
    assert "2.0" in answer.response_headers["x-error-message"]
    assert answer.response == b""
    assert await world.state() == "invited"


async def test_registration_that_names_a_forbidden_address_is_refused(world: OscpWorld) -> None:
    made = await world.put_provider()
    world.provider.their_url = world.own_url
    for url in ("http://grid.example/oscp", "https://169.254.169.254/oscp"):
        body = {"token": "t", "version_url": [{"version": "2.0", "base_url": url}]}
        answer = await world.provider.call("register", body, token=made["token"])
        assert answer.status == 400, answer.text()


@pytest.mark.parametrize("token", ["wrong", "oscp_wrong", "x" * 1000])
async def test_wrong_token_is_401_as_a_missing_one(world: OscpWorld, token: str) -> None:
    await world.connected()
    wrong = await world.provider.call("handshake", {}, token=token)
    missing = await world.provider.call("handshake", {}, headers={"Authorization": ""})

    assert (wrong.status, missing.status) == (401, 401)
    assert wrong.response_headers["x-error-message"] == missing.response_headers["x-error-message"]


async def test_registration_token_opens_nothing_but_the_registration(world: OscpWorld) -> None:
    made = await world.put_provider()
    world.provider.their_url = world.own_url

    for path in ("handshake", "heartbeat", "update_group_capacity_forecast", "handshake_acknowledge"):
        assert (await world.provider.call(path, {}, token=made["token"])).status == 401


async def test_new_registration_token_ends_the_connection_and_a_switched_off_provider_is_kept_out(
    world: OscpWorld,
) -> None:
    await world.connected()
    await world.put_provider(enabled=False)
    off = await world.provider.handshake()
    await world.put_provider()
    on = await world.provider.handshake()
    await world.api.done("POST", f"{PROVIDER}/token", None)
    ended = await world.provider.handshake()

    assert (off.status, on.status, ended.status) == (401, 204, 401)
    shown = (await world.api.get(PROVIDER)).json()
    assert (shown["state"], shown["there_until"]) == ("invited", None)


async def test_handshake_is_acknowledged_by_a_message_that_names_it(world: OscpWorld) -> None:
    await world.registered(heartbeat_interval_s=30)
    shaken = await world.provider.handshake()
    await world.provider.until(lambda: world.provider.received["handshake_acknowledge"])

    (acknowledged,) = world.provider.received["handshake_acknowledge"]
    assert acknowledged["required_behaviour"]["heartbeat_interval"] == 30
    frame = next(each for each in world.provider.frames.all if each.url.endswith("/cp/2.0/handshake_acknowledge"))
    assert frame.headers["x-correlation-id"] == shaken.headers["X-Request-ID"]
    assert (await world.provider.call("handshake_acknowledge", shaken.sent)).status == 204


async def test_heartbeats_come_as_often_as_the_handshake_asks(world: OscpWorld) -> None:
    await world.connected()
    beats = world.provider.received["heartbeat"]
    await world.provider.until(lambda: len(beats) == 1)
    world.clock.forward(seconds=60)
    await world.provider.until(lambda: len(beats) == 2)

    assert beats[0]["offline_mode_at"] == "2026-11-18T12:03:00Z"
    assert beats[1]["offline_mode_at"] == "2026-11-18T12:04:00Z"


async def test_message_before_the_handshake_or_after_the_end_of_the_heartbeats_is_409(world: OscpWorld) -> None:
    await world.registered()
    wanted = forecast(block(world.clock.now(), 100), group_id="EAN-1")
    early = await world.provider.forecast(wanted)
    early_beat = await world.provider.heartbeat(world.clock.now() + 5 * MINUTE)
    await world.provider.handshake()
    in_time = await world.provider.heartbeat(world.clock.now() + 5 * MINUTE)
    world.clock.forward(minutes=5)
    late = await world.provider.heartbeat(world.clock.now() + 5 * MINUTE)
    late_forecast = await world.provider.forecast(wanted)
    await world.provider.handshake()
    again = await world.provider.heartbeat(world.clock.now() + 5 * MINUTE)

    assert (early.status, early_beat.status, in_time.status) == (409, 409, 204)
    assert (late.status, late_forecast.status, again.status) == (409, 409, 204)
    assert "handshake" in late.response_headers["x-error-message"]


@pytest.mark.parametrize("body", [{}, {"offline_mode_at": "soon"}, {"offline_mode_at": "2026-11-18T12:00:00"}, []])
async def test_heartbeat_without_an_instant_is_400(world: OscpWorld, body: object) -> None:
    await world.connected()
    answer = await world.provider.call("heartbeat", body)

    assert (answer.status, answer.response) == (400, b"")
    assert answer.response_headers["x-error-message"]


async def test_errors_of_the_transport_have_messages_and_no_body(world: OscpWorld) -> None:
    await world.connected()
    malformed = await world.provider.call("heartbeat", content=b"{")
    oversized = await world.provider.call("heartbeat", content=b"[" + b" " * 2**20 + b"]")
    nowhere = await world.provider.call("adjust_group_capacity_forecast", {})
    method = await world.client.get(f"{world.own_url}/heartbeat")

    assert (malformed.status, oversized.status, nowhere.status, method.status_code) == (400, 413, 404, 405)
    for each in (malformed, oversized, nowhere):
        assert each.response == b""
        assert each.response_headers["x-error-message"]
