"""A command on many reservations is followed at once: a charger's windows are joined to its plan after the last event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.view import DecisionView
from access_policy.domain.ids import ReservationId
from access_policy.domain.mode_schedule.timeline import ReservedWindow
from tests.support.builders import BAY, registered
from tests.support.reservations import EVENING, made, reservation
from tests.support.rows import ACME, log_of

MANY = 20


async def test_many_reservations_of_a_charger_are_joined_to_its_plan_once(monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[int] = []
    reserve = ChargerView.reserve

    def counted(charger: ChargerView, windows: tuple[ReservedWindow, ...]) -> None:
        joined.append(len(windows))
        reserve(charger, windows)

    monkeypatch.setattr(ChargerView, "reserve", counted)
    promised = (reservation(ReservationId(f"m{each}"), EVENING + timedelta(hours=3 * each)) for each in range(MANY))
    log = log_of(registered(), *(made(each) for each in promised))
    view, told = DecisionView(), list[str]()
    view.on_policy_change(lambda key: told.append(key[1]))

    await view.follow(log[:1], log[0].position)
    told.clear()
    view.follow_book(ACME, [(each.version, each.event) for each in log[1:]])
    await view.follow(log[1:], log[-1].position)

    assert joined == [MANY]
    assert told == [BAY]
    assert len(view.charger(ACME, BAY).policy.reserved) == MANY
