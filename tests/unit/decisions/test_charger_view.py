"""The compiled timelines of a charger: kept while they serve, and compiled anew after a change of the plan."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from access_policy.application.decision_view.charger_view import AHEAD, AHEAD_MIN, BEHIND, ChargerView
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Enforcement
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.charger_access_policy.events import ModeChangeRequested
from tests.support.depot_in_memory import BAY, NIGHT, TENANT, managed_nights, settings_of

LAST_SERVED = NIGHT + AHEAD - AHEAD_MIN


@pytest.fixture
def charger() -> ChargerView:
    policy = policies.fold(policies.register(BAY, settings_of(BAY), Enforcement.ENFORCE))
    assert policy is not None
    return ChargerView(TENANT, policy, ZoneInfo("Europe/Berlin"), NIGHT)


def test_charger_view_keeps_the_present_timeline_until_the_present_leaves_it(charger: ChargerView) -> None:
    compiled = charger.timeline_now(NIGHT)

    assert charger.timeline_now(LAST_SERVED) is compiled
    assert charger.timeline_now(LAST_SERVED + timedelta(seconds=1)) is not compiled


def test_charger_view_of_another_time_leaves_the_present_timeline_in_place(charger: ChargerView) -> None:
    present = charger.timeline_now(NIGHT)
    other = charger.timeline_at(NIGHT - BEHIND - timedelta(seconds=1))

    assert other is not present
    assert charger.timeline_at(NIGHT - BEHIND - timedelta(seconds=1)) is other
    assert charger.timeline_at(NIGHT) is charger.timeline_now(NIGHT) is present


def test_charger_view_after_a_change_of_the_plan_expects_the_new_mode(charger: ChargerView) -> None:
    assert charger.expected(NIGHT).mode is AccessMode.FREEVEND
    recorded_at = NIGHT + timedelta(minutes=1)

    for event in charger.policy.schedule(managed_nights(), now=NIGHT):
        charger.evolve(event, recorded_at)

    assert charger.expected(NIGHT).mode is AccessMode.MANAGED
    assert charger.plan_seen_at == recorded_at


def test_charger_view_after_an_event_that_leaves_the_plan_keeps_its_timeline(charger: ChargerView) -> None:
    compiled = charger.timeline_now(NIGHT)
    requested = ModeChangeRequested(
        charger_id=BAY,
        generation=1,
        mode=AccessMode.FREEVEND,
        cause=BASELINE_CAUSE,
        due_at=NIGHT,
        mode_control="central",
        trigger="resync",
    )

    charger.evolve(requested, NIGHT + timedelta(minutes=1))

    assert charger.timeline_now(NIGHT) is compiled
    assert charger.plan_seen_at == NIGHT
