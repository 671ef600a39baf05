"""Calls of people to a charger, and its frames, through the office to the gateway that holds the connection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from access_policy.domain.charger_calls.events import CallOutcome, ChargerCallEnded, ChargerCallRequested
from tests.integration.test_two_processes import ACME, BAY, CARD, Depot, two_processes, until
from tests.support.chargers import Identifier, SimulatedCharger


@asynccontextmanager
async def connected(depot: Depot) -> AsyncIterator[SimulatedCharger]:
    async with SimulatedCharger(depot.spec()) as charger:
        await charger.until_ready()
        connections = depot.gateway.container.chargers.connections()
        await until(lambda: connections.serving_epoch((ACME, BAY)) is not None)
        position = await depot.office.container.stores.store().last_position()
        await depot.office.settled(position)
        yield charger


async def test_call_reaches_the_charger_through_the_gateway_and_is_audited_with_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_processes(tmp_path, monkeypatch) as depot, connected(depot):
        body = {"action": "ChangeConfiguration", "payload": {"key": "HeartbeatInterval", "value": "300"}}

        answer = (await depot.send("POST", "chargers/bay-1/calls", body)).json()
        store = depot.office.container.stores.store()
        log = await store.read_log(after=0, limit=1_000, types=[ChargerCallRequested.TYPE, ChargerCallEnded.TYPE])
        audited = (await depot.send("GET", "audit?operation=call_charger")).json()["items"]

    requested, ended = (each.event for each in log)
    assert answer["answer"]["status"] in ("Accepted", "NotSupported", "Rejected")
    assert json.loads(requested.payload) == body["payload"]
    assert (ended.outcome, json.loads(ended.answer)) == (CallOutcome.ANSWERED, answer["answer"])
    assert {each["actor"] for each in audited} == {"tester"}
    assert len(audited) == 2


async def test_frames_are_read_from_the_gateway_with_identifiers_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_processes(tmp_path, monkeypatch) as depot:
        async with connected(depot) as charger:
            await charger.present(1, Identifier.rfid(CARD))
            frames = (await depot.send("GET", "chargers/bay-1/frames")).json()["items"]
        await until(lambda: not depot.gateway.container.chargers.connections().connected((ACME, BAY)))
        later = (await depot.send("GET", "chargers/bay-1/frames")).json()["items"]

    (authorize,) = [each for each in frames if each["action"] == "Authorize" and each["kind"] == "call"]
    assert authorize["payload"] == {"idTag": "…E5F6"}
    assert {each["kind"] for each in frames} >= {"call", "result"}
    assert {each["direction"] for each in frames} == {"received", "sent"}
    assert CARD not in json.dumps(frames)
    assert [each["message_id"] for each in later if each in frames]
