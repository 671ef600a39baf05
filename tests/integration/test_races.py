"""Twenty commands at once on one aggregate, through two services over one SQLite file, so that no lock within a process
can help: each is applied at the version it claims, or refused, and none undoes another unseen."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import date, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from access_policy.application.commands import Done
from access_policy.application.commands.add_exception import AddException
from access_policy.application.commands.amend_mode_rule import AmendModeRule
from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRule
from access_policy.application.errors import TooBusy, VersionMismatch
from access_policy.application.ports.event_store import EventStore, StreamId
from access_policy.application.streams import policy_stream, registry_stream
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.errors import IdentifierTaken
from tests.support.builders import BAY, MANAGED, VAN, agreement, own
from tests.support.http_api import HttpApi, http_api
from tests.support.office import ACME, Office, draft, putting_charger, putting_depot
from tests.support.stores import sqlite_store

RACERS = 20
CARD = "04A1B2C3D4E5F6"
Answer = TypeVar("Answer")


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[tuple[Office, Office]]:
    """Of two services, each with a connection of its own to the file."""
    both = Office(sqlite_store(tmp_path)), Office(sqlite_store(tmp_path))
    await both[0].run(putting_depot())
    await both[0].run(putting_charger())
    yield both
    for office in both:
        await office.store.close()  # type: ignore[attr-defined]


@pytest.fixture
async def apis(tmp_path: Path, offices: tuple[Office, Office]) -> AsyncIterator[tuple[HttpApi, HttpApi]]:
    """Two services with the same keys over the same file."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(http_api(tmp_path / "one", store=sqlite_store(tmp_path)))
        shutil.copytree(tmp_path / "one" / "keys", tmp_path / "another" / "keys")
        yield one, await stack.enter_async_context(http_api(tmp_path / "another", store=sqlite_store(tmp_path)))


async def at_once(racing: Sequence[Awaitable[Answer]]) -> list[Answer | BaseException]:
    return await asyncio.gather(*racing, return_exceptions=True)


async def race(offices: tuple[Office, Office], commands: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Each command with its answer or refusal; the services take turns."""
    answers = await at_once([office.run(command) for office, command in zip(cycle(offices), commands, strict=False)])
    return list(zip(commands, answers, strict=True))


async def recorded(store: EventStore, stream: StreamId) -> dict[int, Any]:
    """The stream's events by version, which go up by one from 1."""
    history = await store.load(stream)
    assert [each.version for each in history] == list(range(1, len(history) + 1))
    return {each.version: each.event for each in history}


# --- a charger's policy ------------------------------------------------------------------------------------------------


async def test_rules_overrides_and_exceptions_made_at_once_each_have_their_own_event(offices: tuple[Office, Office]):
    commands: list[Any] = []
    for n in range(0, RACERS, 4):
        day = date(2026, 12, 1) + timedelta(days=n)
        commands += [
            ScheduleMode(charger_id=BAY, draft=draft(name=f"rule {n}")),
            ScheduleMode(charger_id=BAY, draft=draft(name=f"another {n}")),
            OverrideMode(charger_id=BAY, mode=MANAGED, reason=f"visit {n}", lasts=timedelta(hours=1)),
            AddException(charger_id=BAY, first=day, last=day, mode=MANAGED, reason=f"holiday {n}"),
        ]

    raced = await race(offices, commands)

    events = await recorded(offices[0].store, policy_stream(ACME, BAY))
    done = [answer for _, answer in raced if isinstance(answer, Done)]
    assert {type(answer) for _, answer in raced} <= {Done, TooBusy}
    assert {each.version: each.created_id for each in done} == {v: _id_of(e) for v, e in events.items() if v > 1}
    assert done


async def test_a_rule_amended_at_once_reads_as_the_latest_amendment_and_every_one_can_be_seen(
    offices: tuple[Office, Office],
):
    made = await offices[0].run(ScheduleMode(charger_id=BAY, draft=draft()))
    commands = [
        AmendModeRule(charger_id=BAY, rule_id=made.created_id, draft=draft(name=f"rule {n}")) for n in range(RACERS)
    ]

    raced = await race(offices, commands)

    events = await recorded(offices[0].store, policy_stream(ACME, BAY))
    claimed = {answer.version: command.draft.name for command, answer in raced if isinstance(answer, Done)}
    assert claimed == {version: event.rule.name for version, event in events.items() if version > 2}
    policy = await offices[1].policies.get(ACME, BAY)
    assert policy.rule(made.created_id).name == claimed[max(claimed)]


async def test_of_commands_that_expect_the_same_version_one_is_applied(offices: tuple[Office, Office]):
    made = await offices[0].run(ScheduleMode(charger_id=BAY, draft=draft()))
    changes: list[Any] = [
        WithdrawModeRule(charger_id=BAY, rule_id=made.created_id),
        OverrideMode(charger_id=BAY, mode=MANAGED, reason="visit", lasts=timedelta(hours=1)),
        ScheduleMode(charger_id=BAY, draft=draft(name="another")),
        AmendModeRule(charger_id=BAY, rule_id=made.created_id, draft=draft(name="amended")),
    ]
    commands = [replace(each, expected_version=made.version) for _ in range(RACERS // 4) for each in changes]

    raced = await race(offices, commands)

    (done,) = [answer for _, answer in raced if isinstance(answer, Done)]
    assert done.version == made.version + 1
    assert {type(answer) for _, answer in raced} <= {Done, VersionMismatch}
    assert len(await recorded(offices[0].store, policy_stream(ACME, BAY))) == done.version


# --- the registry ------------------------------------------------------------------------------------------------------


async def test_an_identifier_given_to_many_vehicles_at_once_has_one_holder_who_is_named(offices: tuple[Office, Office]):
    raced = await race(offices, [putting_vehicle(f"van-{n}", CARD) for n in range(RACERS)])

    (winner,) = [command.vehicle_id for command, answer in raced if isinstance(answer, Done)]
    taken = [answer for _, answer in raced if isinstance(answer, IdentifierTaken)]
    assert {each.holder for each in taken} == {winner}
    assert {type(answer) for _, answer in raced} <= {Done, IdentifierTaken, TooBusy}
    assert len(await recorded(offices[0].store, registry_stream(ACME))) == 2  # the vehicle and its identifier


async def test_one_vehicle_described_by_many_at_once_reads_as_the_latest_says(offices: tuple[Office, Office]):
    await offices[0].run(putting_vehicle(VAN))

    raced = await race(offices, [putting_vehicle(VAN, name=f"name {n}") for n in range(RACERS)])

    events = await recorded(offices[0].store, registry_stream(ACME))
    claimed = {answer.version: command.description.name for command, answer in raced if isinstance(answer, Done)}
    assert claimed == {version: event.description.name for version, event in events.items() if version > 1}
    async with offices[1].registries.locked(ACME) as registry:
        assert registry.vehicle(VAN).description.name == claimed[max(claimed)]


async def test_unlike_commands_on_the_registry_at_once_lose_nothing(offices: tuple[Office, Office]):
    await offices[0].run(putting_vehicle(VAN))
    commands: list[Any] = [SuspendVehicle(vehicle_id=VAN, reason="accident")]
    commands += [putting_vehicle(f"van-{n}") for n in range(2, RACERS // 2)]
    commands += [PutAgreement(agreement=agreement(agreement_id=f"agreement-{n}")) for n in range(RACERS // 2)]

    raced = await race(offices, commands)

    events = await recorded(offices[0].store, registry_stream(ACME))
    done = [answer for _, answer in raced if isinstance(answer, Done)]
    assert {type(answer) for _, answer in raced} <= {Done, TooBusy}
    assert sorted(each.version for each in done) == [version for version in events if version > 1]


# --- over HTTP ---------------------------------------------------------------------------------------------------------


async def test_over_http_one_of_many_vehicles_gets_the_identifier_and_the_others_hear_which(
    apis: tuple[HttpApi, HttpApi],
):
    body = {"name": "Van", "access_class": "own", "identifiers": [{"kind": "rfid", "value": CARD}]}

    answers = await at_once(
        [api.send("PUT", f"/v1/vehicles/van-{n}", body) for api, n in zip(cycle(apis), range(RACERS), strict=False)]
    )

    statuses = statuses_of(answers)
    (won,) = [answer for answer in answers if answer.status_code == 201]
    assert statuses.keys() <= {201, 409, 503}
    for lost in answers:
        if lost.status_code == 409:
            assert won.json()["vehicle_id"] in lost.json()["detail"]
    assert statuses[409] > 0


async def test_over_http_counting_up_by_read_and_put_if_it_still_matches_counts_everyone(apis: tuple[HttpApi, HttpApi]):
    """Each reads the charger, adds a connector and puts it back, until it was first to."""

    async def adds_one(api: HttpApi) -> list[int]:
        statuses: list[int] = []
        while 200 not in statuses and len(statuses) < 100:
            await api.settled()  # what the other service recorded
            read = await api.get("/v1/chargers/bay-1")
            shown = read.json()
            body = {name: shown[name] for name in ("charge_point_id", "depot_id", "profile", "baseline_mode")}
            put = await api.send(
                "PUT",
                "/v1/chargers/bay-1",
                {**body, "connectors": shown["connectors"] + 1},
                headers={"If-Match": read.headers["ETag"]},
            )
            statuses.append(put.status_code)
        return statuses

    tries = await asyncio.gather(*(adds_one(api) for api, _ in zip(cycle(apis), range(RACERS // 2), strict=False)))

    events = await recorded(apis[0].container.stores.store(), policy_stream(ACME, BAY))
    assert events[len(events)].settings.connectors == 1 + len(tries)
    assert len(events) == 1 + len(tries)
    assert {status for each in tries for status in each} <= {200, 412, 503}


async def test_over_http_commands_at_once_are_each_at_the_version_of_their_answer(apis: tuple[HttpApi, HttpApi]):
    def body(n: int) -> dict[str, Any]:
        return {"name": f"rule {n}", "mode": "managed", "recurrence": "FREQ=DAILY", "start": "22:00", "end": "06:00"}

    answers = await at_once(
        [
            api.send("POST", "/v1/chargers/bay-1/mode-rules", body(n))
            for api, n in zip(cycle(apis), range(RACERS), strict=False)
        ]
    )

    events = await recorded(apis[0].container.stores.store(), policy_stream(ACME, BAY))
    assert statuses_of(answers).keys() <= {201, 503}
    claimed = {answer.json()["version"]: answer.json()["rule_id"] for answer in answers if answer.is_success}
    assert claimed == {version: event.rule.rule_id for version, event in events.items() if version > 1}
    for answer in answers:
        if answer.is_success:
            assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'


async def test_over_http_of_those_who_expect_the_same_version_one_is_let_through(apis: tuple[HttpApi, HttpApi]):
    await apis[0].send("PUT", "/v1/vehicles/van-1", {"name": "Van", "access_class": "own"})
    etag = (await apis[0].get("/v1/vehicles/van-1")).headers["ETag"]

    answers = await at_once(
        [
            api.send(
                "PUT", "/v1/vehicles/van-1", {"name": f"Van {n}", "access_class": "own"}, headers={"If-Match": etag}
            )
            for api, n in zip(cycle(apis), range(RACERS), strict=False)
        ]
    )

    assert statuses_of(answers) == {200: 1, 412: RACERS - 1}


def putting_vehicle(vehicle_id: str, *cards: str, name: str = "Van") -> PutVehicle:
    return PutVehicle(
        vehicle_id=VehicleId(vehicle_id),
        description=own(name=name),
        identifiers=[(IdentifierKind.RFID, card) for card in cards],
    )


def statuses_of(answers: Sequence[httpx.Response | BaseException]) -> Counter[int]:
    assert all(isinstance(answer, httpx.Response) for answer in answers), answers
    return Counter(answer.status_code for answer in answers if isinstance(answer, httpx.Response))


def _id_of(event: Any) -> str:
    if hasattr(event, "rule"):
        return str(event.rule.rule_id)
    return str(getattr(event, "override_id", None) or event.exception_id)
