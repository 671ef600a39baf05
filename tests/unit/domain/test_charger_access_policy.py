"""ChargerAccessPolicy: what may be changed about a charger's access, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from access_policy.domain.access_mode import BASELINE_CAUSE, Enforcement
from access_policy.domain.charger_access_policy import errors, events
from access_policy.domain.charger_access_policy.policy import RULES_MAX, ChargerAccessPolicy, register
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargePointId, ChargerId, ExceptionId, InvalidId, InvalidName, OverrideId, RuleId
from access_policy.domain.instants import InstantOutOfRange, NaiveInstant, UnknownTimeZone
from access_policy.domain.mode_schedule.recurrence import RecurrenceInvalid
from access_policy.domain.mode_schedule.rules import RuleEndsBeforeItStarts, RuleNeverOccurs, RuleOverlapsItself
from tests.support.builders import (
    ANNA,
    BAY,
    DAY,
    FREEVEND,
    HOLIDAY,
    HOUR,
    MANAGED,
    MINUTE,
    NIGHTS,
    NOON,
    VISIT,
    berlin,
    excepted,
    lifted,
    overridden,
    registered,
    retired,
    rule,
    scheduled,
    settings,
)
from tests.support.spec import given

ENFORCE, OBSERVE = Enforcement.ENFORCE, Enforcement.OBSERVE


# --- the charger itself -----------------------------------------------------------------------------------------------


def test_a_charger_is_registered() -> None:
    given().when(lambda _: register(BAY, settings(), ENFORCE)).then(registered())


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"time_zone": "Europe/Atlantis"}, UnknownTimeZone, "/time_zone"),
        ({"connectors": 0}, errors.SettingsInvalid, "/connectors"),
        ({"connectors": 101}, errors.SettingsInvalid, "/connectors"),
        ({"charge_point_id": ChargePointId("")}, errors.SettingsInvalid, "/charge_point_id"),
        ({"charge_point_id": ChargePointId("x" * 300)}, errors.SettingsInvalid, "/charge_point_id"),
    ],
)
def test_a_charger_that_cannot_be_is_neither_registered_nor_put(
    changes: dict[str, Any], error: type[Refused], pointer: str
) -> None:
    given().when(lambda _: register(BAY, settings(**changes), ENFORCE)).then_refused(error, pointer=pointer)
    given(registered()).when(lambda p: p.put(settings(**changes), ENFORCE)).then_refused(error, pointer=pointer)


def test_a_charger_id_of_three_hundred_characters_is_refused() -> None:
    given().when(lambda _: register(ChargerId("x" * 300), settings(), ENFORCE)).then_refused(
        InvalidId, pointer="/charger_id"
    )


def test_putting_records_what_changed_and_nothing_else() -> None:
    busier = settings(connectors=2)

    given(registered()).when(lambda p: p.put(busier, ENFORCE)).then(
        events.ChargerAmended(charger_id=BAY, settings=busier)
    )
    given(registered()).when(lambda p: p.put(settings(), OBSERVE)).then(
        events.EnforcementChanged(charger_id=BAY, enforcement=OBSERVE)
    )
    after = (
        given(registered())
        .when(lambda p: p.put(busier, OBSERVE))
        .then(
            events.ChargerAmended(charger_id=BAY, settings=busier),
            events.EnforcementChanged(charger_id=BAY, enforcement=OBSERVE),
        )
    )
    assert (after.settings, after.enforcement) == (busier, OBSERVE)


def test_putting_the_same_again_changes_nothing() -> None:
    given(registered()).when(lambda p: p.put(settings(), ENFORCE)).then_nothing()


def test_a_corrected_time_zone_of_the_depot_is_followed_once() -> None:
    madrid = events.ChargerAmended(charger_id=BAY, settings=settings(time_zone="Europe/Madrid"))

    given(registered()).when(lambda p: p.move_to_time_zone("Europe/Madrid")).then(madrid)
    given(registered(), madrid).when(lambda p: p.move_to_time_zone("Europe/Madrid")).then_nothing()
    given(registered(), retired()).when(lambda p: p.move_to_time_zone("Europe/Madrid")).then_nothing()
    given(registered()).when(lambda p: p.move_to_time_zone("Madrid")).then_refused(UnknownTimeZone)


def test_a_charger_is_retired_once() -> None:
    given(registered()).when(lambda p: p.retire(now=NOON)).then(retired(NOON))
    given(registered(), retired(NOON)).when(lambda p: p.retire(now=NOON + DAY)).then_nothing()


@pytest.mark.parametrize(
    "command",
    [
        lambda p: p.put(settings(connectors=2), OBSERVE),
        lambda p: p.schedule(rule(rule_id=RuleId("new")), now=NOON),
        lambda p: p.amend_rule(rule(name="other")),
        lambda p: p.withdraw_rule(NIGHTS),
        lambda p: add_exception(p),
        lambda p: p.remove_exception(HOLIDAY),
        lambda p: override(p),
        lambda p: p.lift_override(VISIT, now=NOON),
    ],
)
def test_a_retired_charger_takes_no_commands(command: Any) -> None:
    history = (
        registered(),
        scheduled(),
        excepted("2026-12-24"),
        overridden(NOON, NOON + HOUR),
        retired(),
    )

    given(*history).when(command).then_refused(errors.ChargerRetired, says="retired")


# --- rules ------------------------------------------------------------------------------------------------------------


def test_a_rule_is_scheduled_and_shows_in_the_policy() -> None:
    policy = given(registered()).when(lambda p: p.schedule(rule(), now=NOON)).then(scheduled())

    assert policy.rules == {NIGHTS: rule()}
    assert policy.plan.rules == policy.rules


def test_the_same_rule_scheduled_twice_is_one_and_another_of_its_id_is_refused() -> None:
    given(registered(), scheduled()).when(lambda p: p.schedule(rule(), now=NOON)).then_nothing()
    given(registered(), scheduled()).when(lambda p: p.schedule(rule(name="other"), now=NOON)).then_refused(
        errors.IdTaken
    )


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"recurrence": "FREQ=HOURLY"}, RecurrenceInvalid, "/recurrence"),
        ({"recurrence": "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1"}, RuleNeverOccurs, "/recurrence"),
        ({"end_day_offset": 0}, RuleEndsBeforeItStarts, "/end"),
        ({"end_day_offset": 2}, RuleOverlapsItself, "/end_day_offset"),
        ({"time_zone": "Mars/Olympus"}, UnknownTimeZone, "/time_zone"),
        ({"name": ""}, InvalidName, "/name"),
        ({"name": "x" * 201}, InvalidName, "/name"),
    ],
)
def test_a_rule_that_means_nothing_is_neither_scheduled_nor_amended_to(
    changes: dict[str, Any], error: type[Refused], pointer: str
) -> None:
    given(registered()).when(lambda p: p.schedule(rule(**changes), now=NOON)).then_refused(error, pointer=pointer)
    given(registered(), scheduled()).when(lambda p: p.amend_rule(rule(**changes))).then_refused(error, pointer=pointer)


def test_a_rule_is_checked_in_its_own_zone_or_the_chargers() -> None:
    in_the_gap = {"recurrence": "FREQ=DAILY;COUNT=1", "anchor": date(2027, 3, 28), "start": "02:30", "end": "03:00"}

    given(registered()).when(lambda p: p.schedule(rule(**in_the_gap), now=NOON)).then_refused(RuleNeverOccurs)
    in_utc = rule(**in_the_gap, time_zone="UTC")
    given(registered()).when(lambda p: p.schedule(in_utc, now=NOON)).then(scheduled(in_utc))


def test_a_charger_has_a_limited_number_of_rules() -> None:
    full = [scheduled(rule(rule_id=RuleId(f"r{i}"))) for i in range(RULES_MAX)]

    given(registered(), *full[:-1]).when(lambda p: p.schedule(full[-1].rule, now=NOON)).then(full[-1])
    given(registered(), *full).when(lambda p: p.schedule(rule(), now=NOON)).then_refused(errors.TooManyRules)


def test_a_rule_is_amended_in_everything_but_its_id() -> None:
    corrected = rule("FREQ=WEEKLY;BYDAY=MO", "20:00", "05:00", mode=FREEVEND, name="mondays", priority=3)

    policy = (
        given(registered(), scheduled())
        .when(lambda p: p.amend_rule(corrected))
        .then(events.ModeScheduleAmended(charger_id=BAY, rule=corrected))
    )

    assert policy.rules == {NIGHTS: corrected}


def test_amending_to_the_same_rule_changes_nothing() -> None:
    given(registered(), scheduled()).when(lambda p: p.amend_rule(rule())).then_nothing()


def test_a_rule_is_withdrawn_once() -> None:
    withdrawn = events.ModeScheduleWithdrawn(charger_id=BAY, rule_id=NIGHTS)

    policy = given(registered(), scheduled()).when(lambda p: p.withdraw_rule(NIGHTS)).then(withdrawn)

    assert policy.rules == {}
    given(registered(), scheduled(), withdrawn).when(lambda p: p.withdraw_rule(NIGHTS)).then_refused(errors.RuleUnknown)


def test_an_unknown_rule_is_neither_amended_nor_withdrawn() -> None:
    given(registered()).when(lambda p: p.amend_rule(rule())).then_refused(errors.RuleUnknown, says=NIGHTS)
    given(registered()).when(lambda p: p.withdraw_rule(NIGHTS)).then_refused(errors.RuleUnknown, says=NIGHTS)


# --- exceptions -------------------------------------------------------------------------------------------------------


def add_exception(policy: ChargerAccessPolicy, first: str = "2026-12-24", **changes: Any) -> tuple[Any, ...]:
    values: dict[str, Any] = {"last": date.fromisoformat(first), "mode": MANAGED, "reason": "bank holiday", "now": NOON}
    exception_id = changes.pop("exception_id", HOLIDAY)
    return policy.add_exception(exception_id, first=date.fromisoformat(first), **(values | changes))


def test_an_exception_is_added_once_for_its_id() -> None:
    given(registered()).when(add_exception).then(excepted("2026-12-24"))
    given(registered(), excepted("2026-12-24")).when(add_exception).then_nothing()
    given(registered(), excepted("2026-12-24")).when(lambda p: add_exception(p, mode=FREEVEND)).then_refused(
        errors.IdTaken
    )


def test_an_exception_may_last_for_one_day_and_may_have_begun() -> None:
    christmas = given(registered()).when(lambda p: add_exception(p, last=date(2026, 12, 26)))
    christmas.then(excepted("2026-12-24", "2026-12-26"))
    given(registered()).when(lambda p: add_exception(p, "2026-11-01", last=date(2026, 11, 18))).then(
        excepted("2026-11-01", "2026-11-18")
    )


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"last": date(2026, 12, 23)}, errors.ExceptionInvalid, "/until_date"),
        ({"first": "2026-11-17"}, errors.ExceptionInvalid, "/date"),
        ({"first": "0001-01-01"}, InstantOutOfRange, "/date"),
        ({"last": date.max}, InstantOutOfRange, "/until_date"),
        ({"reason": " "}, InvalidName, "/reason"),
        ({"reason": "x" * 501}, InvalidName, "/reason"),
    ],
)
def test_an_exception_that_means_nothing_is_refused(
    changes: dict[str, Any], error: type[Refused], pointer: str
) -> None:
    given(registered()).when(lambda p: add_exception(p, **changes)).then_refused(error, pointer=pointer)


def test_whether_a_day_is_over_is_decided_by_the_chargers_clock() -> None:
    just_before = berlin("2026-11-19 00:00") - MINUTE  # 22:59 UTC on the 18th

    given(registered()).when(lambda p: add_exception(p, "2026-11-18", now=just_before)).then(excepted("2026-11-18"))
    given(registered()).when(lambda p: add_exception(p, "2026-11-18", now=just_before + MINUTE)).then_refused(
        errors.ExceptionInvalid, says="over at the charger"
    )


def test_an_exception_is_removed_once() -> None:
    removed = events.ModeExceptionRemoved(charger_id=BAY, exception_id=HOLIDAY)

    policy = given(registered(), excepted("2026-12-24")).when(lambda p: p.remove_exception(HOLIDAY)).then(removed)

    assert policy.exceptions == {}
    given(registered(), excepted("2026-12-24"), removed).when(lambda p: p.remove_exception(HOLIDAY)).then_refused(
        errors.ExceptionUnknown
    )


# --- overrides --------------------------------------------------------------------------------------------------------


def override(policy: ChargerAccessPolicy, **changes: Any) -> tuple[Any, ...]:
    values: dict[str, Any] = {
        "mode": MANAGED,
        "starts_at": None,
        "ends_at": NOON + 2 * HOUR,
        "reason": "visit",
        "made_by": ANNA,
        "now": NOON,
    }
    return policy.override(changes.pop("override_id", VISIT), **(values | changes))


def test_an_override_begins_now_unless_told_otherwise() -> None:
    given(registered()).when(override).then(overridden(NOON, NOON + 2 * HOUR))
    given(registered()).when(lambda p: override(p, starts_at=NOON + HOUR)).then(
        overridden(NOON + HOUR, NOON + 2 * HOUR)
    )
    given(registered()).when(lambda p: override(p, starts_at=NOON)).then(overridden(NOON, NOON + 2 * HOUR))


def test_instants_with_another_offset_are_recorded_in_utc() -> None:
    in_berlin = datetime.fromisoformat("2026-11-18T15:00:00+01:00")

    [event] = given(registered()).when(lambda p: override(p, ends_at=in_berlin)).events

    assert event.ends_at.isoformat() == "2026-11-18T14:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"starts_at": NOON - MINUTE}, errors.OverrideInThePast, "/from"),
        ({"ends_at": NOON}, errors.OverrideInvalid, "/until"),
        ({"ends_at": NOON - DAY}, errors.OverrideInvalid, "/until"),
        ({"starts_at": NOON + 3 * HOUR}, errors.OverrideInvalid, "/until"),
        ({"starts_at": NOON - 2 * DAY, "ends_at": NOON - DAY}, errors.OverrideInThePast, "/from"),
        ({"ends_at": NOON + 7 * DAY + MINUTE}, errors.OverrideTooLong, "/until"),
        ({"ends_at": NOON + DAY + MINUTE, "longest": DAY}, errors.OverrideTooLong, "/until"),
        ({"starts_at": NOON.replace(tzinfo=None)}, NaiveInstant, "/from"),
        ({"ends_at": NOON.replace(tzinfo=None)}, NaiveInstant, "/until"),
        ({"ends_at": NOON.replace(year=9999)}, InstantOutOfRange, "/until"),
        ({"reason": ""}, InvalidName, "/reason"),
        ({"ends_at": None}, errors.NoNextTransition, "/until_next_transition"),
    ],
)
def test_an_override_that_means_nothing_is_refused(changes: dict[str, Any], error: type[Refused], pointer: str) -> None:
    given(registered()).when(lambda p: override(p, **changes)).then_refused(error, pointer=pointer)


def test_an_override_may_last_as_long_as_the_depot_allows() -> None:
    given(registered()).when(lambda p: override(p, ends_at=NOON + 7 * DAY)).then(overridden(NOON, NOON + 7 * DAY))
    given(registered()).when(lambda p: override(p, ends_at=NOON + DAY, longest=DAY)).then(overridden(NOON, NOON + DAY))


def test_the_same_override_twice_is_one_and_another_of_its_id_is_refused() -> None:
    history = (registered(), overridden(NOON, NOON + 2 * HOUR))

    given(*history).when(lambda p: override(p, now=NOON + MINUTE)).then_nothing()
    given(*history).when(lambda p: override(p, mode=FREEVEND)).then_refused(errors.IdTaken)
    given(*history).when(lambda p: override(p, ends_at=NOON + HOUR)).then_refused(errors.IdTaken)


def test_an_override_until_the_next_transition_ends_with_the_mode_it_found() -> None:
    six_at_night = berlin("2026-11-18 22:00")

    given(registered(), scheduled()).when(lambda p: override(p, ends_at=None)).then(overridden(NOON, six_at_night))
    given(registered(), scheduled()).when(lambda p: override(p, starts_at=six_at_night, ends_at=None)).then(
        overridden(six_at_night, berlin("2026-11-19 06:00"))
    )


def test_the_next_transition_is_one_of_mode_not_of_cause() -> None:
    evenings = scheduled(rule(start="18:00", end="22:00", mode=FREEVEND, rule_id=RuleId("evenings")))

    given(registered(), scheduled(), evenings).when(lambda p: override(p, ends_at=None)).then(
        overridden(NOON, berlin("2026-11-18 22:00"))
    )


def test_the_next_transition_may_be_the_end_of_another_override() -> None:
    other = overridden(NOON - HOUR, NOON + HOUR, override_id=OverrideId("other"))

    given(registered(), other).when(lambda p: override(p, mode=FREEVEND, ends_at=None)).then(
        overridden(NOON, NOON + HOUR, mode=FREEVEND)
    )


def test_a_next_transition_too_far_ahead_is_refused() -> None:
    yearly = scheduled(rule("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24"))

    given(registered(), yearly).when(lambda p: override(p, ends_at=None)).then_refused(errors.OverrideTooLong)


def test_an_override_is_lifted_once() -> None:
    history = (registered(), overridden(NOON, NOON + 2 * HOUR))

    policy = given(*history).when(lambda p: p.lift_override(VISIT, now=NOON + HOUR)).then(lifted(NOON + HOUR))

    assert policy.overrides[VISIT].ends_at == NOON + HOUR
    given(*history, lifted(NOON + HOUR)).when(lambda p: p.lift_override(VISIT, now=NOON + 90 * MINUTE)).then_nothing()


@pytest.mark.parametrize("before_its_end", [True, False])
def test_an_override_can_be_lifted_up_to_its_last_instant(before_its_end: bool) -> None:
    end = NOON + 2 * HOUR
    now = end - timedelta(microseconds=1) if before_its_end else end

    lifting = given(registered(), overridden(NOON, end)).when(lambda p: p.lift_override(VISIT, now=now))

    if before_its_end:
        lifting.then(lifted(now))
    else:
        lifting.then_nothing()


@pytest.mark.parametrize("now", [NOON - HOUR, NOON])
def test_an_override_lifted_before_it_begins_leaves_no_trace(now: datetime) -> None:
    history = (registered(), overridden(NOON, NOON + 2 * HOUR))

    policy = given(*history).when(lambda p: p.lift_override(VISIT, now=now)).then(lifted(now))

    assert policy.overrides == {}


def test_an_override_lifted_before_it_begins_is_lifted_once_as_well() -> None:
    history = (registered(), overridden(NOON, NOON + 2 * HOUR), lifted(NOON - HOUR))

    given(*history).when(lambda p: p.lift_override(VISIT, now=NOON - HOUR)).then_nothing()
    given(*history).when(lambda p: p.lift_override(VISIT, now=NOON + DAY)).then_nothing()


def test_an_unknown_override_is_not_lifted() -> None:
    given(registered()).when(lambda p: p.lift_override(VISIT, now=NOON)).then_refused(
        errors.OverrideUnknown, says=VISIT
    )


# --- versions ---------------------------------------------------------------------------------------------------------


def test_each_event_counts_and_switching_is_no_change_of_the_policy() -> None:
    requested = events.ModeChangeRequested(
        charger_id=BAY,
        generation=1,
        mode=MANAGED,
        cause=BASELINE_CAUSE,
        due_at=NOON,
        mode_control="central",
        trigger="connect",
    )

    assert (given(registered()).state.version, given(registered()).state.changed_at) == (1, 1)
    policy = given(registered(), scheduled(), requested).state
    assert (policy.version, policy.changed_at) == (3, 2)


def test_a_rule_that_was_withdrawn_may_come_back_under_its_id() -> None:
    withdrawn = events.ModeScheduleWithdrawn(charger_id=BAY, rule_id=NIGHTS)
    again = replace(rule(), name="again")

    given(registered(), scheduled(), withdrawn).when(lambda p: p.schedule(again, now=NOON)).then(scheduled(again))


def test_an_exception_may_have_another_id_on_the_same_day() -> None:
    second = ExceptionId("second")

    given(registered(), excepted("2026-12-24")).when(lambda p: add_exception(p, exception_id=second)).then(
        excepted("2026-12-24", exception_id=second)
    )
