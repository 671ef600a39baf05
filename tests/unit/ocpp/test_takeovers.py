"""Bounds on connections of one identity that replace each other."""

from __future__ import annotations

from access_policy.adapters.ocpp.transport.takeovers import AT_ONCE, ONE_MORE_AFTER_S, Takeovers


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_some_at_once_and_then_one_after_a_while() -> None:
    clock = Clock()
    takeovers = Takeovers(clock)
    for _ in range(AT_ONCE):
        assert not takeovers.is_too_many("CP1")
        takeovers.happened("CP1")

    assert takeovers.is_too_many("CP1")
    assert not takeovers.is_too_many("CP2")
    clock.now += ONE_MORE_AFTER_S
    assert not takeovers.is_too_many("CP1")
    takeovers.happened("CP1")
    assert takeovers.is_too_many("CP1")


def test_a_link_that_is_lost_now_and_then_is_never_too_many() -> None:
    clock = Clock()
    takeovers = Takeovers(clock)
    for _ in range(1000):
        assert not takeovers.is_too_many("CP1")
        takeovers.happened("CP1")
        clock.now += ONE_MORE_AFTER_S
