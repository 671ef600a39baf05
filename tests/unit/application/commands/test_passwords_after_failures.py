"""A charge point id goes from one tenant's charger to another's while the store of passwords fails once or twice."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from access_policy.adapters.records.charger_credentials import SqlChargerCredentials
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.secrets import Holder
from access_policy.domain.charge_points.claims import ChargePointIdTaken
from access_policy.domain.ids import ChargePointId, ChargerId
from tests.support.builders import BAY
from tests.support.office import (
    ACME,
    RIVAL,
    Office,
    putting_charger,
    putting_depot,
)
from tests.support.stores import charger_credentials, inline_memory_store

CP_1, CP_2, BAY_2 = ChargePointId("CP-1"), ChargePointId("CP-2"), ChargerId("bay-2")
OLD, NEW = "the previous holder's", "the new holder's"


class FailsAt:
    """The passwords of `inner`, of which the writes with these numbers, counted from 1, fail before they are done."""

    def __init__(self, inner: SqlChargerCredentials, numbers: tuple[int, ...]) -> None:
        self._inner = inner
        self._numbers = numbers
        self.writes = 0

    def _write(self) -> None:
        self.writes += 1
        if self.writes in self._numbers:
            raise StoreUnavailable("the database of passwords is away")

    async def set_password(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        self._write()
        await self._inner.set_password(charge_point_id, holder, password)

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        self._write()
        await self._inner.clear(charge_point_id, holder)

    async def propose(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        raise AssertionError("nobody rotates")

    withdraw = verify = close = propose  # type: ignore[assignment]


@pytest.fixture
async def passwords(tmp_path: Path) -> AsyncIterator[SqlChargerCredentials]:
    opened = charger_credentials(tmp_path)
    yield opened
    await opened.close()


async def _hand_over(office: Office, leaving: list[object], password: str | None) -> None:
    """Each command is sent again once when it fails, as a caller does."""
    claiming = putting_charger(charger_id=BAY_2, password=password)
    for tenant, command in [*((ACME, each) for each in leaving), (RIVAL, claiming)]:
        with suppress(StoreUnavailable, ChargePointIdTaken):
            await office.run(command, tenant=tenant)
            continue
        with suppress(StoreUnavailable, ChargePointIdTaken):
            await office.run(command, tenant=tenant)


LEAVING = {"retired": RetireCharger(charger_id=BAY), "moved": putting_charger(charge_point_id=CP_2)}


@pytest.mark.parametrize("password", [None, NEW])
@pytest.mark.parametrize("leaving", LEAVING.values(), ids=LEAVING)
async def test_previous_password_after_any_two_failed_writes_does_not_open_the_next_holders_charger(
    passwords: SqlChargerCredentials, leaving: RetireCharger | PutCharger, password: str | None
) -> None:
    for numbers in itertools.combinations(range(1, 6), 2):
        office = Office(inline_memory_store())
        for tenant in (ACME, RIVAL):
            await office.do(putting_depot(), tenant=tenant)
        await office.do(putting_charger())
        await passwords.set_password(CP_1, (ACME, BAY), OLD)
        failing = FailsAt(passwords, numbers)
        office = Office(office.store, passwords=failing)

        await _hand_over(office, [leaving], password)

        holder = (await office.claims.get(CP_1)).holder
        if holder != (ACME, BAY):
            assert not await passwords.verify(CP_1, holder or (RIVAL, BAY_2), OLD.encode()), numbers
        await passwords.clear(CP_1, (RIVAL, BAY_2))


async def test_password_of_the_new_holder_after_one_failed_write_is_set_by_the_second_try(
    passwords: SqlChargerCredentials,
) -> None:
    for number in range(1, 5):
        office = Office(inline_memory_store())
        for tenant in (ACME, RIVAL):
            await office.do(putting_depot(), tenant=tenant)
        await office.do(putting_charger())
        office = Office(office.store, passwords=FailsAt(passwords, (number,)))

        await _hand_over(office, [RetireCharger(charger_id=BAY)], NEW)

        assert await passwords.verify(CP_1, (RIVAL, BAY_2), NEW.encode()) is True, number
        await passwords.clear(CP_1, (RIVAL, BAY_2))
