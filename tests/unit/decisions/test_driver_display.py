"""What a refused driver reads on a charger's display: sent beside the answer, ended, replaced, recorded."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.application.consequences.driver_display import SHOWN_FOR, DriverDisplay
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, NoLongerWanted, StillWanted
from access_policy.application.ports.driver_displays import Displayed
from access_policy.application.streams import driver_message_stream, policy_stream
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.events import DriverInformed
from access_policy.domain.access.reasons import Reason
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.ids import AttemptId, ChargerKey
from tests.support.depot_in_memory import (
    BAY,
    BUS,
    STRANGER,
    TENANT,
    DepotInMemory,
    settings_of,
)
from tests.support.stores import memory_store

KEY: ChargerKey = (TENANT, BAY)


class Status:
    """Any protocol's way to show a denial: that there is one makes the attempt a charger's."""

    def signal(self, denial: Denial) -> Any:
        return None


@dataclass
class Display:
    epoch: int | None = 1
    has: bool = True
    status: str = "Accepted"
    silent: bool = False
    asked: int = 0
    shown: list[tuple[Reason, datetime]] = field(default_factory=list)
    cleared: int = 0
    before_showing: asyncio.Event | None = None

    def commands(self, key: ChargerKey) -> Any:
        return self

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return self.epoch

    async def has_display(self) -> bool:
        self.asked += 1
        if self.silent:
            raise ChargerDidNotAnswer("nothing came")
        return self.has

    async def show_denial(
        self, connector_id: int | None, denial: Denial, until: datetime, wanted: StillWanted
    ) -> Displayed:
        if self.before_showing is not None:
            await self.before_showing.wait()
        if not wanted():
            raise NoLongerWanted("too late")
        self.shown.append((denial.reason, until))
        return Displayed(self.status, f"{denial.reason} in {denial.language}", denial.language)

    async def clear_denial(self, connector_id: int | None) -> str:
        self.cleared += 1
        return "Accepted"


@dataclass
class Yard:
    depot: DepotInMemory
    display: Display
    driver_display: DriverDisplay
    decider: AttemptDecider
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def presents(self, identifier: Any, *, waits: bool = True) -> AttemptId:
        attempt = self.depot.attempt(identifier, message_id=f"m-{next(self.ids)}")
        decided = await self.decider.authorize(replace(attempt, signals=Status()))
        if waits:
            await self.driver_display.finish()
        return decided.attempt_id

    async def recorded(self, attempt_id: AttemptId) -> list[DriverInformed]:
        return [each.event for each in await self.depot.store.load(driver_message_stream(TENANT, attempt_id))]


@pytest.fixture
async def yard() -> Yard:
    return await yard_with("ocpp201-central")


async def yard_with(profile: str) -> Yard:
    depot = await DepotInMemory(memory_store()).opened()
    settings = replace(settings_of(BAY), profile=profile)
    await depot.record(policy_stream(*KEY), 2, (ChargerAmended(charger_id=BAY, settings=settings),))
    display = Display()
    shows = DriverDisplay(depot.view, ProfileCatalogue.packaged(), display, depot.store, depot.commits, depot.clock)
    showing = DepotInMemory(depot.store, depot.clock, depot.view, depot.live, listener=shows.decided)
    return Yard(depot, display, shows, showing.decider)


async def test_a_refused_driver_reads_why_until_an_end_and_it_is_on_record(yard: Yard) -> None:
    attempt_id = await yard.presents(STRANGER)

    until = yard.depot.clock.now() + SHOWN_FOR
    assert yard.display.shown == [(Reason.UNKNOWN_IDENTIFIER, until)]
    (informed,) = await yard.recorded(attempt_id)
    assert (informed.status, informed.until) == ("Accepted", until)
    assert informed.message.startswith("unknown_identifier in ")


async def test_the_answer_does_not_wait_for_the_display(yard: Yard) -> None:
    yard.display.before_showing = asyncio.Event()

    await yard.presents(STRANGER, waits=False)

    assert yard.display.shown == []
    yard.display.before_showing.set()
    await yard.driver_display.finish()
    assert len(yard.display.shown) == 1


async def test_somebody_let_in_takes_the_text_away(yard: Yard) -> None:
    await yard.presents(STRANGER)
    await yard.presents(BUS)
    await yard.presents(BUS)

    assert yard.display.cleared == 1


async def test_a_text_that_has_ended_by_itself_is_not_cleared(yard: Yard) -> None:
    await yard.presents(STRANGER)
    yard.depot.clock.forward(seconds=SHOWN_FOR.total_seconds())
    await yard.presents(BUS)

    assert yard.display.cleared == 0


async def test_a_text_that_a_newer_decision_overtook_is_not_sent(yard: Yard) -> None:
    yard.display.before_showing = asyncio.Event()
    first = await yard.presents(STRANGER, waits=False)
    second = await yard.presents(None, waits=False)
    yard.display.before_showing.set()
    await yard.driver_display.finish()

    assert [reason for reason, _ in yard.display.shown] == [Reason.IDENTIFIER_INVALID]
    assert await yard.recorded(first) == []
    assert len(await yard.recorded(second)) == 1


async def test_a_charger_without_a_display_is_asked_once_a_connection(yard: Yard) -> None:
    yard.display.has = False
    await yard.presents(STRANGER)
    await yard.presents(None)
    yard.display.epoch = 2
    attempt_id = await yard.presents(STRANGER)

    assert (yard.display.asked, yard.display.shown) == (2, [])
    assert await yard.recorded(attempt_id) == []


async def test_a_refused_text_is_on_record_as_such(yard: Yard) -> None:
    yard.display.status = "Rejected"
    attempt_id = await yard.presents(STRANGER)
    await yard.presents(BUS)

    (informed,) = await yard.recorded(attempt_id)
    assert informed.status == "Rejected"
    assert yard.display.cleared == 0


async def test_a_silent_charger_and_one_that_is_away_hold_nothing_up(yard: Yard) -> None:
    yard.display.silent = True
    await yard.presents(STRANGER)
    yard.display.epoch = None
    await yard.presents(None)

    assert yard.display.shown == []


async def test_other_profiles_are_let_alone() -> None:
    yard = await yard_with("ocpp16-central")
    await yard.presents(STRANGER)

    assert yard.display.asked == 0
