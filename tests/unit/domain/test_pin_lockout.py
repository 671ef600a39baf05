"""Five wrong PINs at a charger within ten minutes lock PINs out there for ten minutes."""

from __future__ import annotations

from datetime import datetime, timedelta

from access_policy.domain.access.pin_lockout import PinLockout
from tests.support.builders import MINUTE, NOON

TICK = timedelta(microseconds=1)


def after(*wrong: datetime) -> PinLockout:
    lockout = PinLockout()
    for at in wrong:
        lockout = lockout.after_wrong_pin(at)
    return lockout


def test_four_wrong_pins_do_not_lock_and_the_fifth_does_at_once() -> None:
    assert not after(*[NOON] * 4).is_locked(NOON)
    assert after(*[NOON] * 5).is_locked(NOON)


def test_the_lock_ends_ten_minutes_later_exclusive() -> None:
    locked = after(*[NOON] * 5)

    assert locked.is_locked(NOON + 10 * MINUTE - TICK)
    assert not locked.is_locked(NOON + 10 * MINUTE)


def test_a_wrong_pin_counts_for_less_than_ten_minutes() -> None:
    assert after(NOON, *[NOON + 10 * MINUTE - TICK] * 4).is_locked(NOON + 10 * MINUTE - TICK)
    assert not after(NOON, *[NOON + 10 * MINUTE] * 4).is_locked(NOON + 10 * MINUTE)


def test_pins_typed_while_locked_do_not_lengthen_the_lock() -> None:
    locked = after(*[NOON] * 5, *[NOON + 9 * MINUTE] * 5)

    assert not locked.is_locked(NOON + 10 * MINUTE)


def test_after_a_lock_the_count_begins_anew() -> None:
    free_again = NOON + 10 * MINUTE

    assert not after(*[NOON] * 5, *[free_again] * 4).is_locked(free_again)
    assert after(*[NOON] * 5, *[free_again] * 5).is_locked(free_again)
