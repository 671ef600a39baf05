"""Commands on what a charger's mode shall be: rules, exceptions, overrides."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest

from access_policy.application.commands.add_exception import AddException
from access_policy.application.commands.amend_mode_rule import AmendModeRule
from access_policy.application.commands.lift_override import LiftOverride
from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.remove_exception import RemoveException
from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.commands.schedule_mode_for_many import ScheduleModeForMany
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRule
from access_policy.application.errors import VersionMismatch
from access_policy.domain.charger_access_policy import errors
from access_policy.domain.charger_access_policy.events import (
    ModeExceptionAdded,
    ModeExceptionRemoved,
    ModeOverridden,
    ModeOverrideLifted,
    ModeScheduleAmended,
    ModeScheduled,
    ModeScheduleWithdrawn,
)
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import ChargePointId, ChargerId, DepotId, ExceptionId, InvalidName, OverrideId, RuleId
from access_policy.domain.instants import UnknownTimeZone
from access_policy.domain.mode_schedule.recurrence import RecurrenceInvalid
from access_policy.domain.mode_schedule.rules import Edge, ModeRule
from tests.support.builders import ANNA, BAY, DAY, FREEVEND, HOUR, MANAGED, MINUTE, NOON, NORTH, berlin, utc
from tests.support.office import RIVAL, Office, draft, putting_charger, putting_depot

TODAY = date(2026, 11, 18)
BAY_2 = ChargerId("bay-2")
NOBODYS = "nobodys"


async def scheduled(office: Office, **changes: Any) -> ModeRule:
    outcome = await office.do(ScheduleMode(charger_id=BAY, draft=draft(**changes)))
    rule: ModeRule = outcome.events[0].rule
    return rule


# --- rules ------------------------------------------------------------------------------------------------------------


async def test_a_scheduled_rule_is_completed_from_charger_and_calendar(office: Office) -> None:
    outcome = await office.do(ScheduleMode(charger_id=BAY, draft=draft()))

    (event,) = outcome.events
    assert isinstance(event, ModeScheduled)
    assert (event.charger_id, event.rule.rule_id) == (BAY, outcome.done.created_id)
    assert (event.rule.end_day_offset, event.rule.anchor, event.rule.time_zone) == (1, TODAY, None)
    assert outcome.done.version == 2


async def test_today_is_the_date_at_the_charger(office: Office) -> None:
    office.clock.set(utc("2026-11-18 23:30"))

    assert (await scheduled(office)).anchor == date(2026, 11, 19)
    assert (await scheduled(office, time_zone="America/New_York")).anchor == TODAY


async def test_a_rule_that_ends_on_the_day_of_its_start_has_no_offset(office: Office) -> None:
    assert (await scheduled(office, start=time(8), end=time(18))).end_day_offset == 0


async def test_dates_are_counted_from_the_beginning_of_the_period(office: Office) -> None:
    assert (await scheduled(office, applies_from=Edge(on=date(2026, 12, 1)))).anchor == date(2026, 12, 1)


async def test_an_amended_rule_keeps_its_id_and_the_date_it_was_made_on(office: Office) -> None:
    made = await scheduled(office)
    office.clock.forward(days=3)
    amended = await office.do(
        AmendModeRule(charger_id=BAY, rule_id=made.rule_id, draft=draft(recurrence="FREQ=DAILY;INTERVAL=2"))
    )

    (event,) = amended.events
    assert isinstance(event, ModeScheduleAmended)
    assert (event.rule.rule_id, event.rule.anchor, event.rule.recurrence) == (
        made.rule_id,
        TODAY,
        "FREQ=DAILY;INTERVAL=2",
    )


async def test_a_rule_whose_period_loses_its_beginning_is_counted_from_the_date_it_was_made_on(office: Office) -> None:
    made = await scheduled(office, applies_from=Edge(on=date(2026, 12, 1)))
    office.clock.forward(days=3)
    amended = await office.do(AmendModeRule(charger_id=BAY, rule_id=made.rule_id, draft=draft()))

    (event,) = amended.events
    assert (event.rule.anchor, event.rule.applies_from) == (TODAY, None)


async def test_a_rule_amended_to_what_it_is_makes_no_event(office: Office) -> None:
    made = await scheduled(office)
    office.clock.forward(days=3)
    same = await office.do(AmendModeRule(charger_id=BAY, rule_id=made.rule_id, draft=draft()))

    assert same.events == []
    assert (same.done.version, same.done.position) == (2, 0)


async def test_a_withdrawn_rule_is_gone(office: Office) -> None:
    made = await scheduled(office)
    gone = await office.do(WithdrawModeRule(charger_id=BAY, rule_id=made.rule_id))

    assert gone.events == [ModeScheduleWithdrawn(charger_id=BAY, rule_id=made.rule_id)]
    await office.refused(WithdrawModeRule(charger_id=BAY, rule_id=made.rule_id), errors.RuleUnknown)
    await office.refused(AmendModeRule(charger_id=BAY, rule_id=made.rule_id, draft=draft()), errors.RuleUnknown)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"recurrence": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, RecurrenceInvalid),
        ({"time_zone": "Europe/Atlantis"}, UnknownTimeZone),
        ({"name": " "}, InvalidName),
    ],
)
async def test_a_rule_that_cannot_be_is_refused(
    office: Office, changes: dict[str, Any], error: type[Exception]
) -> None:
    await office.refused(ScheduleMode(charger_id=BAY, draft=draft(**changes)), error)


# --- many chargers ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def two_bays(office: Office) -> Office:
    await office.do(putting_charger(charger_id=BAY_2, charge_point_id=ChargePointId("CP-2")))
    return office


async def test_all_chargers_of_a_depot_are_scheduled_and_each_has_a_rule_of_its_own(two_bays: Office) -> None:
    outcome = await two_bays.do(ScheduleModeForMany(depot_id=NORTH, charger_ids=None, draft=draft()))

    assert [(result.charger_id, result.refusal) for result in outcome.done] == [(BAY, None), (BAY_2, None)]
    assert [(event.charger_id, event.rule.rule_id) for event in outcome.events] == [
        (result.charger_id, result.rule_id) for result in outcome.done
    ]
    assert outcome.done[-1].position == await two_bays.store.last_position()
    assert outcome.done[0].rule_id != outcome.done[1].rule_id


async def test_what_one_charger_refuses_others_take(two_bays: Office) -> None:
    await two_bays.do(RetireCharger(charger_id=BAY))
    wanted = (BAY_2, BAY, ChargerId(NOBODYS), BAY_2)
    outcome = await two_bays.do(ScheduleModeForMany(depot_id=NORTH, charger_ids=wanted, draft=draft()))

    assert [result.charger_id for result in outcome.done] == [BAY_2, BAY, NOBODYS]
    assert [type(result.refusal) for result in outcome.done] == [
        type(None),
        errors.ChargerUnknown,
        errors.ChargerUnknown,
    ]
    assert [event.charger_id for event in outcome.events] == [BAY_2]


async def test_a_dry_run_says_what_would_be_and_records_nothing(two_bays: Office) -> None:
    good = await two_bays.do(ScheduleModeForMany(depot_id=NORTH, charger_ids=None, draft=draft(), dry_run=True))
    assert good.events == []
    assert [(one.charger_id, one.rule_id, one.refusal) for one in good.done] == [(BAY, None, None), (BAY_2, None, None)]
    assert all(one.preview.before.segments != one.preview.after.segments for one in good.done)

    bad = await two_bays.do(
        ScheduleModeForMany(depot_id=NORTH, charger_ids=(BAY,), draft=draft(recurrence="FREQ=HOURLY"), dry_run=True)
    )
    assert bad.events == []
    assert [result.refusal is not None for result in bad.done] == [True]


async def test_chargers_of_another_depot_are_not_scheduled_and_an_unknown_depot_is_refused(two_bays: Office) -> None:
    nowhere = ScheduleModeForMany(depot_id=DepotId("south"), charger_ids=None, draft=draft())
    await two_bays.refused(nowhere, DepotUnknown)
    theirs = ScheduleModeForMany(depot_id=NORTH, charger_ids=None, draft=draft())
    await two_bays.refused(theirs, DepotUnknown, tenant=RIVAL)


# --- exceptions -------------------------------------------------------------------------------------------------------


def excepting(**changes: Any) -> AddException:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "first": TODAY,
        "last": TODAY,
        "mode": MANAGED,
        "reason": "inventory",
    }
    return AddException(**(values | changes))


async def test_an_exception_is_added_and_removed(office: Office) -> None:
    added = await office.do(excepting())
    exception_id = ExceptionId(added.done.created_id)
    assert added.events == [
        ModeExceptionAdded(
            charger_id=BAY, exception_id=exception_id, first=TODAY, last=TODAY, mode=MANAGED, reason="inventory"
        )
    ]

    removed = await office.do(RemoveException(charger_id=BAY, exception_id=exception_id))
    assert removed.events == [ModeExceptionRemoved(charger_id=BAY, exception_id=exception_id)]
    await office.refused(RemoveException(charger_id=BAY, exception_id=exception_id), errors.ExceptionUnknown)


async def test_an_exception_for_days_that_are_over_at_the_charger_is_refused(office: Office) -> None:
    office.clock.set(utc("2026-11-18 23:30"))

    await office.refused(excepting(), errors.ExceptionInvalid)
    await office.refused(excepting(first=date(2026, 11, 21), last=date(2026, 11, 20)), errors.ExceptionInvalid)


# --- overrides --------------------------------------------------------------------------------------------------------


def overriding(**changes: Any) -> OverrideMode:
    return OverrideMode(**({"charger_id": BAY, "mode": MANAGED, "reason": "visit"} | changes))


@pytest.mark.parametrize(
    ("changes", "starts_at", "ends_at"),
    [
        ({"until": NOON + HOUR}, NOON, NOON + HOUR),
        ({"lasts": 2 * HOUR}, NOON, NOON + 2 * HOUR),
        ({"starts_at": NOON + DAY, "lasts": HOUR}, NOON + DAY, NOON + DAY + HOUR),
        ({}, NOON, berlin("2026-11-18 22:00")),
        ({"starts_at": berlin("2026-11-18 23:00")}, berlin("2026-11-18 23:00"), berlin("2026-11-19 06:00")),
    ],
    ids=["until", "lasts", "lasts from later", "until the next transition", "until the transition after its start"],
)
async def test_an_override_ends_when_it_says(
    office: Office, changes: dict[str, Any], starts_at: object, ends_at: object
) -> None:
    await scheduled(office)
    made = await office.do(overriding(**changes))

    assert made.events == [
        ModeOverridden(
            charger_id=BAY,
            override_id=made.done.created_id,
            mode=MANAGED,
            starts_at=starts_at,
            ends_at=ends_at,
            reason="visit",
            made_by=ANNA,
        )
    ]


async def test_the_depot_says_how_long_an_override_may_last(office: Office) -> None:
    await office.do(putting_depot(longest_override_days=1))

    await office.do(overriding(lasts=DAY))
    refusal = await office.refused(overriding(lasts=DAY + MINUTE), errors.OverrideTooLong)
    assert "the 1 day that" in refusal.detail


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, errors.NoNextTransition),
        ({"until": NOON - HOUR}, errors.OverrideInvalid),
        ({"lasts": timedelta(0)}, errors.OverrideInvalid),
        ({"starts_at": NOON - HOUR, "until": NOON + HOUR}, errors.OverrideInThePast),
        ({"until": NOON + HOUR, "reason": ""}, InvalidName),
    ],
)
async def test_an_override_that_cannot_be_is_refused(
    office: Office, changes: dict[str, Any], error: type[Exception]
) -> None:
    await office.refused(overriding(**changes), error)


async def test_an_override_is_lifted_once(office: Office) -> None:
    made = await office.do(overriding(lasts=HOUR))
    override_id = OverrideId(made.done.created_id)
    office.clock.forward(minutes=10)

    lifted = await office.do(LiftOverride(charger_id=BAY, override_id=override_id))
    assert lifted.events == [
        ModeOverrideLifted(charger_id=BAY, override_id=override_id, lifted_at=NOON + timedelta(minutes=10))
    ]
    again = await office.do(LiftOverride(charger_id=BAY, override_id=override_id))
    assert (again.events, again.done.version) == ([], lifted.done.version)
    await office.refused(LiftOverride(charger_id=BAY, override_id=OverrideId(NOBODYS)), errors.OverrideUnknown)


# --- all of them ------------------------------------------------------------------------------------------------------

COMMANDS = [
    ScheduleMode(charger_id=BAY, draft=draft()),
    AmendModeRule(charger_id=BAY, rule_id=RuleId("r"), draft=draft()),
    WithdrawModeRule(charger_id=BAY, rule_id=RuleId("r")),
    excepting(),
    RemoveException(charger_id=BAY, exception_id=ExceptionId("e")),
    overriding(mode=FREEVEND, lasts=HOUR),
    LiftOverride(charger_id=BAY, override_id=OverrideId("o")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
async def test_a_command_on_another_tenants_charger_finds_none(office: Office, command: object) -> None:
    await office.refused(command, errors.ChargerUnknown, tenant=RIVAL)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
async def test_a_command_on_a_retired_charger_is_refused(office: Office, command: Any) -> None:
    await office.do(RetireCharger(charger_id=BAY))

    error = errors.RuleUnknown if isinstance(command, AmendModeRule) else errors.ChargerRetired
    await office.refused(command, error)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
async def test_a_command_at_another_version_than_the_one_read_is_refused(office: Office, command: Any) -> None:
    fields = {name: getattr(command, name) for name in type(command).__slots__} | {"expected_version": 5}
    mismatch = await office.refused(type(command)(**fields), VersionMismatch)

    assert (mismatch.expected, mismatch.current) == (5, 1)
