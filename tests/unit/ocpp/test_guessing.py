"""Guessing passwords is slowed down for who guesses, not for the charger whose password is guessed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from access_policy.adapters.ocpp.transport import guessing
from access_policy.adapters.ocpp.transport.guessing import FAILURES_MAX, SOURCE_FAILURES_MAX, WITHIN_S, GuessLimit


@dataclass
class Watch:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def limit(watch: Watch) -> GuessLimit:
    return GuessLimit(watch)


def fails(limit: GuessLimit, times: int, source: str = "guesser", identity: str = "CP-1") -> None:
    for _ in range(times):
        limit.failed(source, identity)


def test_after_ten_failures_an_address_waits_before_it_may_try_that_identity_again(
    limit: GuessLimit, watch: Watch
) -> None:
    fails(limit, FAILURES_MAX - 1)
    assert limit.retry_after_s("guesser", "CP-1") is None
    fails(limit, 1)
    assert limit.retry_after_s("guesser", "CP-1") == WITHIN_S
    watch.now += WITHIN_S
    assert limit.retry_after_s("guesser", "CP-1") is None


def test_the_charger_at_its_own_address_is_not_concerned(limit: GuessLimit) -> None:
    fails(limit, 50)

    assert limit.retry_after_s("home", "CP-1") is None


def test_many_identities_tried_from_one_address_make_it_wait_for_new_ones_only(limit: GuessLimit) -> None:
    limit.let_in("depot", "CP-1")
    for number in range(SOURCE_FAILURES_MAX):
        limit.failed("depot", f"guess-{number}")

    assert limit.retry_after_s("depot", "guess-new") is not None
    assert limit.retry_after_s("depot", "CP-1") is None


def test_who_is_let_in_begins_anew(limit: GuessLimit) -> None:
    fails(limit, FAILURES_MAX - 1)
    limit.let_in("guesser", "CP-1")
    fails(limit, FAILURES_MAX - 1)

    assert limit.retry_after_s("guesser", "CP-1") is None


def test_what_is_remembered_is_bounded(limit: GuessLimit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "REMEMBERED_MAX", 10)
    for number in range(100):
        limit.failed(f"address-{number}", "CP-1")
        limit.let_in(f"address-{number}", "CP-1")

    assert len(limit._failures) <= 10
    assert len(limit._at_home) <= 10
