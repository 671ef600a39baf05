"""Commands on the holiday calendars of a depot: who follows, who is spared, and what happens when many write at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

from access_policy.application.commands.add_exception import AddCalendarException
from access_policy.application.commands.add_holiday import AddHoliday
from access_policy.application.commands.put_calendar import PutCalendar
from access_policy.application.commands.remove_calendar import NAMED_MAX, RemoveCalendar
from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.context import Context
from access_policy.application.errors import VersionMismatch
from access_policy.domain.charger_access_policy.errors import CalendarInUse
from access_policy.domain.charger_access_policy.events import HolidayCalendarDropped, HolidayCalendarTaken
from access_policy.domain.depots.depot import (
    CALENDARS_MAX,
    CalendarUnknown,
    DepotUnknown,
    HolidayCalendarPut,
    HolidayCalendarRemoved,
    TooManyCalendars,
)
from access_policy.domain.ids import CalendarId, ChargePointId, ChargerId, DepotId
from access_policy.domain.mode_schedule.calendars import CalendarInvalid
from tests.support.builders import ANNA, BAVARIA, BAY, FREEVEND, NORTH, calendar, holiday
from tests.support.office import ACME, RIVAL, Office, putting_charger, putting_depot

REMOVED = RemoveCalendar(depot_id=NORTH, calendar_id=BAVARIA)


def putting(*days: str, calendar_id: CalendarId = BAVARIA, **changes: int) -> PutCalendar:
    holidays = tuple(holiday(each) for each in days or ("2026-12-25 Christmas",))
    return PutCalendar(depot_id=NORTH, calendar_id=calendar_id, name="Bavaria", days=holidays, **changes)


def bay(number: int, **changes: object) -> object:
    return putting_charger(
        charger_id=ChargerId(f"bay-{number}"), charge_point_id=ChargePointId(f"CP-{number}"), **changes
    )


async def test_each_charger_in_service_takes_the_calendar_and_no_other(office: Office) -> None:
    await office.do(bay(2))
    await office.do(bay(3))
    await office.do(RetireCharger(charger_id=ChargerId("bay-3")))
    await office.do(putting_depot(depot_id=DepotId("south")))
    await office.do(bay(4, depot_id=DepotId("south")))

    put = await office.do(putting())

    assert put.events == [
        HolidayCalendarPut(depot_id=NORTH, calendar=calendar()),
        HolidayCalendarTaken(charger_id=BAY, calendar=calendar()),
        HolidayCalendarTaken(charger_id=ChargerId("bay-2"), calendar=calendar()),
    ]
    assert (put.done.version, put.done.created) == (2, True)


async def test_a_put_of_the_depot_completes_what_a_put_of_the_calendar_left_undone(office: Office) -> None:
    await office.do(putting())
    policy = await office.policies.get(ACME, BAY)
    dropped = HolidayCalendarDropped(charger_id=BAY, calendar_id=BAVARIA)
    context = _context()
    await office.policies.record(context, BAY, (dropped,), expected_version=policy.version, now=office.clock.now())

    put = await office.do(putting_depot())

    assert put.events == [HolidayCalendarTaken(charger_id=BAY, calendar=calendar())]


async def test_of_many_puts_at_once_all_chargers_end_with_what_the_depot_has(office: Office) -> None:
    for number in (2, 3, 4):
        await office.do(bay(number))
    puts = [putting(f"2026-12-{day} Christmas") for day in range(10, 16)]

    await asyncio.gather(*(office.run(each) for each in puts))

    depot = await office.depots.get(ACME, NORTH)
    for number in (1, 2, 3, 4):
        policy = await office.policies.get(ACME, ChargerId(f"bay-{number}"))
        assert policy.calendars == depot.calendars


async def test_a_removed_calendar_is_dropped_by_all(office: Office) -> None:
    await office.do(putting())

    removed = await office.do(REMOVED)

    assert removed.events == [
        HolidayCalendarRemoved(depot_id=NORTH, calendar_id=BAVARIA),
        HolidayCalendarDropped(charger_id=BAY, calendar_id=BAVARIA),
    ]
    await office.refused(REMOVED, CalendarUnknown)


async def test_a_calendar_in_use_stays_and_the_refusal_names_some_of_the_chargers(office: Office) -> None:
    await office.do(putting())
    for number in range(2, NAMED_MAX + 3):
        await office.do(bay(number))
        charger_id = ChargerId(f"bay-{number}")
        await office.do(
            AddCalendarException(charger_id=charger_id, calendar_id=BAVARIA, mode=FREEVEND, reason="holidays")
        )

    refusal = await office.refused(REMOVED, CalendarInUse)

    assert "bay-2" in refusal.detail
    assert "and 1 more" in refusal.detail
    assert BAY not in refusal.detail.replace("bay-10", "").replace("bay-11", "").replace("bay-12", "")


async def test_a_depot_has_a_bounded_number_of_calendars(office: Office) -> None:
    for number in range(CALENDARS_MAX):
        await office.do(putting(calendar_id=CalendarId(f"c{number}")))

    await office.refused(putting(), TooManyCalendars)
    assert (await office.do(putting("2026-12-26 Boxing Day", calendar_id=CalendarId("c0")))).events


async def test_a_calendar_is_of_a_depot_of_the_own_tenant_at_the_version_read(office: Office) -> None:
    await office.do(putting())

    await office.refused(putting(), DepotUnknown, tenant=RIVAL)
    await office.refused(REMOVED, DepotUnknown, tenant=RIVAL)
    await office.refused(putting("2026-12-26 Boxing Day", expected_version=1), VersionMismatch)
    await office.refused(RemoveCalendar(depot_id=NORTH, calendar_id=BAVARIA, expected_version=3), VersionMismatch)
    assert (await office.do(putting("2026-12-26 Boxing Day", expected_version=2))).done.version == 3
    assert (await office.do(putting("2026-12-26 Boxing Day"))).done.version == 3


async def test_add_holiday_by_many_at_once_keeps_each_day_in_each_calendar(office: Office) -> None:
    other = CalendarId("schools")
    await office.do(putting())
    await office.do(putting(calendar_id=other))
    days = [holiday(f"2027-05-{day:02} Fair") for day in range(1, 6)]

    await asyncio.gather(
        *(office.run(AddHoliday(depot_id=NORTH, calendar_ids=(BAVARIA, other), day=each)) for each in days)
    )

    depot = await office.depots.get(ACME, NORTH)
    policy = await office.policies.get(ACME, BAY)
    assert {*depot.calendars[BAVARIA].days} == {*depot.calendars[other].days} == {*calendar().days, *days}
    assert policy.calendars == depot.calendars


async def test_add_holiday_again_records_nothing_and_an_unknown_calendar_stops_all(office: Office) -> None:
    await office.do(putting())
    fair = AddHoliday(depot_id=NORTH, calendar_ids=None, day=holiday("2027-05-01 Fair"))
    added = await office.do(fair)

    assert [type(each) for each in added.events] == [HolidayCalendarPut, HolidayCalendarTaken]
    assert (await office.do(fair)).events == []
    await office.refused(replace(fair, calendar_ids=(BAVARIA, CalendarId("gone"))), CalendarUnknown)
    backwards = await office.refused(replace(fair, day=replace(fair.day, last=date(2027, 4, 30))), CalendarInvalid)
    assert backwards.pointer == "/until_date"


def _context() -> Context:
    return Context(tenant_id=ACME, actor=ANNA, correlation_id="a-request")
