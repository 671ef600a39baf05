"""Taking events in, where two processes do it at once or one dies in the middle."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.event_intake.messages import read
from access_policy.application.errors import TooBusy, VersionMismatch
from access_policy.application.intake.receiving import Intake
from access_policy.application.ports.event_intake import IntakeStatus
from access_policy.application.ports.incoming_events import IncomingEvent
from tests.support.http_api import HttpApi, http_api, second_office
from tests.support.incoming import booked, commissioned, decommissioned
from tests.unit.http.conftest import CHARGER, DEPOT


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path) as opened:
        yield opened


def event(message: dict[str, Any]) -> IncomingEvent:
    return read(json.dumps(message))


async def names(api: HttpApi) -> dict[str, str]:
    async with api.container.commands.registries().locked("acme") as registry:  # type: ignore[arg-type]
        return {id_: vehicle.description.name for id_, vehicle in registry.vehicles.items()}


async def test_an_event_that_is_overtaken_by_another_process_is_outdated(api: HttpApi) -> None:
    other: Intake = api.container.intake.receiver()
    overtaken: list[IntakeStatus] = []

    async def overtaking(context: Any, command: Any) -> Any:
        if not overtaken:
            overtaken.append((await other.receive(event(commissioned("bus-7", 2)))).status)
        return await other.put_vehicle(context, command)

    slow = replace(other, put_vehicle=overtaking)

    result = await slow.receive(event(commissioned("bus-7", 1)))

    assert (overtaken, result.status) == ([IntakeStatus.APPLIED], IntakeStatus.OUTDATED)
    assert await names(api) == {"bus-7": "Bus 2"}


async def test_an_operator_who_changes_the_same_vehicle_meanwhile_is_not_overlooked(api: HttpApi) -> None:
    intake: Intake = api.container.intake.receiver()
    await intake.receive(event(commissioned("bus-7", 1)))
    meddled: list[str] = []

    async def meddling(context: Any, command: Any) -> Any:
        if not meddled:
            meddled.append("once")
            await api.recorded(("PUT", "/v1/vehicles/bus-7", {"name": "Renamed", "access_class": "own"}))
        return await intake.put_vehicle(context, command)

    result = await replace(intake, put_vehicle=meddling).receive(event(commissioned("bus-7", 2)))

    assert result.status is IntakeStatus.APPLIED
    assert await names(api) == {"bus-7": "Bus 2"}


async def test_booking_of_a_charger_that_another_office_has_just_registered_is_taken(tmp_path: Path) -> None:
    given = [("PUT", "/v1/depots/north", DEPOT)]
    async with (
        http_api(tmp_path / "one", given=given) as api,
        second_office(api, tmp_path / "other", given) as other,
    ):
        await api.done("PUT", "/v1/chargers/bay-1", CHARGER)
        result = await other.container.intake.receiver().receive(event(booked("b-1", 1)))
        unknown = await other.container.intake.receiver().receive(event(booked("b-2", 1, charger_id="bay-2")))

    assert (result.status, unknown.status) == (IntakeStatus.APPLIED, IntakeStatus.REFUSED)


async def test_when_others_never_stop_changing_it_the_sender_is_told_to_come_again(api: HttpApi) -> None:
    async def busy(context: Any, command: Any) -> Any:
        raise VersionMismatch(1, 2)

    with pytest.raises(TooBusy):
        await replace(api.container.intake.receiver(), put_vehicle=busy).receive(event(commissioned("bus-7", 1)))


async def test_an_event_whose_taking_died_is_taken_when_it_comes_again_and_older_ones_are_not(api: HttpApi) -> None:
    intake: Intake = api.container.intake.receiver()
    newer = event(commissioned("bus-7", 2))

    async def dies(context: Any, command: Any) -> Any:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await replace(intake, put_vehicle=dies).receive(newer)

    assert (await intake.receive(event(commissioned("bus-7", 1)))).status is IntakeStatus.OUTDATED
    assert (await intake.receive(newer)).status is IntakeStatus.APPLIED
    assert await names(api) == {"bus-7": "Bus 2"}


async def test_a_vehicle_that_was_never_here_is_decommissioned_all_the_same(api: HttpApi) -> None:
    assert (
        await api.container.intake.receiver().receive(event(decommissioned("ghost", 3)))
    ).status is IntakeStatus.APPLIED
