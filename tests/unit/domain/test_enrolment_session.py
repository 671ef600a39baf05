"""A charger is armed for some minutes; arming and cancelling are facts of an operator."""

from __future__ import annotations

import pytest

from access_policy.domain.enrolment.session import (
    EnrolmentArmed,
    EnrolmentCancelled,
    SessionLengthInvalid,
    SessionUnknown,
    fold,
)
from access_policy.domain.ids import EnrolmentSessionId
from tests.support.builders import BAY, MINUTE, NOON

SESSION = EnrolmentSessionId("s-1")
ARMED = EnrolmentArmed(charger_id=BAY, session_id=SESSION, armed_at=NOON, expires_at=NOON + 5 * MINUTE)
CANCELLED = EnrolmentCancelled(charger_id=BAY, session_id=SESSION, cancelled_at=NOON + MINUTE)


def test_a_charger_is_armed_until_the_minutes_are_over() -> None:
    assert fold(BAY, []).arm(SESSION, 5, now=NOON) == (ARMED,)


@pytest.mark.parametrize("minutes", [0, -1, 61])
def test_a_session_lasts_from_a_minute_to_an_hour(minutes: int) -> None:
    with pytest.raises(SessionLengthInvalid):
        fold(BAY, []).arm(SESSION, minutes, now=NOON)


def test_arming_again_replaces_the_session() -> None:
    later = EnrolmentSessionId("s-2")
    (armed,) = fold(BAY, [ARMED]).arm(later, 1, now=NOON + MINUTE)

    assert fold(BAY, [ARMED, armed]).session_id == later
    assert fold(BAY, [ARMED, CANCELLED, armed]).cancelled is False


def test_a_session_is_cancelled_once() -> None:
    assert fold(BAY, [ARMED]).cancel(now=NOON + MINUTE) == (CANCELLED,)
    assert fold(BAY, [ARMED, CANCELLED]).cancel(now=NOON + MINUTE) == ()


def test_cancelling_one_that_is_over_changes_nothing() -> None:
    assert fold(BAY, [ARMED]).cancel(now=NOON + 5 * MINUTE) == ()


def test_what_was_never_armed_cannot_be_cancelled() -> None:
    with pytest.raises(SessionUnknown):
        fold(BAY, []).cancel(now=NOON)
