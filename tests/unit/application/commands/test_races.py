"""Commands that meet: each is applied at the version it claims, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from access_policy.application import retrying as retries
from access_policy.application.commands import Done
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy, VersionMismatch
from access_policy.application.ports.event_store import StoreUnavailable, VersionConflict
from access_policy.application.retrying import TRIES, retrying
from access_policy.application.streams import policy_stream, registry_stream
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.errors import IdentifierTaken
from tests.support.builders import ANNA, BAY, own
from tests.support.office import ACME, Office, draft

RACERS = 20


async def race(offices: Iterator[Office], commands: list[Any]) -> list[Any]:
    """All at once; the answers and refusals in the order of the commands."""
    running = [office.run(command) for office, command in zip(offices, commands, strict=False)]
    return await asyncio.gather(*running, return_exceptions=True)


def alternating(*offices: Office) -> Iterator[Office]:
    while True:
        yield from offices


async def test_rules_scheduled_at_once_are_each_at_the_version_they_claim_or_refused(office: Office) -> None:
    commands = [ScheduleMode(charger_id=BAY, draft=draft(name=f"rule {n}")) for n in range(RACERS)]
    answers = await race(alternating(office), commands)

    done = [answer for answer in answers if isinstance(answer, Done)]
    assert {type(answer) for answer in answers} <= {Done, TooBusy}
    recorded = await office.store.load(policy_stream(ACME, BAY), after_version=1)
    assert {each.version: each.event.rule.rule_id for each in recorded} == {d.version: d.created_id for d in done}
    assert done


async def test_of_commands_at_the_same_version_exactly_one_is_applied(office: Office) -> None:
    commands = [ScheduleMode(charger_id=BAY, draft=draft(name=f"rule {n}"), expected_version=1) for n in range(RACERS)]
    answers = await race(alternating(office), commands)

    assert sorted(type(answer).__name__ for answer in answers) == ["Done"] + ["VersionMismatch"] * (RACERS - 1)
    assert len(await office.store.load(policy_stream(ACME, BAY))) == 2


async def test_vehicles_put_at_once_by_two_processes_are_each_at_the_version_they_claim_or_refused(
    office: Office,
) -> None:
    another_process = Office(office.store)
    commands = [
        PutVehicle(vehicle_id=VehicleId(f"van-{n}"), description=own(name=f"Van {n}"), identifiers=())
        for n in range(RACERS)
    ]
    answers = await race(alternating(office, another_process), commands)

    assert {type(answer) for answer in answers} <= {Done, TooBusy}
    applied = {a.version: c.vehicle_id for a, c in zip(answers, commands, strict=True) if isinstance(a, Done)}
    recorded = await office.store.load(registry_stream(ACME))
    assert {each.version: each.event.vehicle_id for each in recorded} == applied


async def test_an_identifier_claimed_by_many_at_once_has_one_holder(office: Office) -> None:
    another_process = Office(office.store)
    commands = [
        PutVehicle(
            vehicle_id=VehicleId(f"van-{n}"),
            description=own(),
            identifiers=[(IdentifierKind.RFID, "04A1B2C3D4E5F6")],
        )
        for n in range(RACERS)
    ]
    answers = await race(alternating(office, another_process), commands)

    assert [type(answer) for answer in answers].count(Done) == 1
    assert {type(answer) for answer in answers} <= {Done, IdentifierTaken, TooBusy}
    assert len(await office.store.load(registry_stream(ACME))) == 2


# --- trying again -----------------------------------------------------------------------------------------------------


class Conflicted:
    """Loses its first `losses` races."""

    def __init__(self, losses: int, failure: type[Exception] = VersionConflict) -> None:
        self.losses = losses
        self.failure = failure
        self.tries = 0

    async def __call__(self, context: Context, command: str) -> str:
        self.tries += 1
        if self.tries <= self.losses:
            raise self.failure("lost")
        return f"{command} done"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSE_S", 0.0)


CONTEXT = Context(tenant_id=ACME, actor=ANNA, correlation_id="a-request")


async def test_a_lost_race_is_run_again() -> None:
    handler = Conflicted(TRIES - 1)

    assert await retrying(handler)(CONTEXT, "it") == "it done"
    assert handler.tries == TRIES


async def test_who_keeps_losing_is_told_to_try_again_later() -> None:
    handler = Conflicted(TRIES)

    with pytest.raises(TooBusy, match="try again"):
        await retrying(handler)(CONTEXT, "it")
    assert handler.tries == TRIES


@pytest.mark.parametrize("failure", [StoreUnavailable, ValueError, KeyError])
async def test_nothing_but_a_lost_race_is_run_again(failure: type[Exception]) -> None:
    handler = Conflicted(1, failure)

    with pytest.raises(failure):
        await retrying(handler)(CONTEXT, "it")
    assert handler.tries == 1


async def test_a_caller_that_names_a_version_does_not_win_by_trying_again(office: Office) -> None:
    await office.run(ScheduleMode(charger_id=BAY, draft=draft()))

    with pytest.raises(VersionMismatch):
        await office.run(ScheduleMode(charger_id=BAY, draft=draft(), expected_version=1))
