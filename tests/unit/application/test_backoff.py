"""Exponential backoff with full jitter."""

from __future__ import annotations

import random

import pytest

from access_policy.application.backoff import Backoff, exponential_s


def test_backoff_after_each_failure_doubles_up_to_its_longest() -> None:
    backoff = Backoff(1.0, 8.0, random_share=lambda: 1.0)

    assert [backoff.next_s() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_backoff_after_a_reset_starts_from_its_first_span() -> None:
    backoff = Backoff(1.0, 8.0, random_share=lambda: 1.0)
    for _ in range(3):
        backoff.next_s()

    backoff.reset()

    assert backoff.failures == 0
    assert backoff.next_s() == 1.0


def test_backoff_with_jitter_takes_a_share_of_the_span() -> None:
    backoff = Backoff(1.0, 8.0, random_share=lambda: 0.25)

    assert [backoff.next_s() for _ in range(4)] == [0.25, 0.5, 1.0, 2.0]


def test_backoff_with_a_seeded_source_is_reproducible_and_never_exceeds_the_span() -> None:
    delays = [Backoff(1.0, 8.0, random_share=random.Random(7).random).next_s() for _ in range(2)]

    assert delays[0] == delays[1]
    assert 0.0 <= delays[0] <= 1.0


def test_backoff_with_a_shortest_delay_never_returns_less() -> None:
    backoff = Backoff(1.0, 8.0, shortest_s=0.05, random_share=lambda: 0.0)

    assert backoff.next_s() == 0.05


@pytest.mark.parametrize(
    ("failures", "span_s"), [(0, 5.0), (1, 5.0), (2, 10.0), (8, 640.0), (9, 900.0), (10_000, 900.0)]
)
def test_exponential_span_after_many_failures_stays_at_its_longest(failures: int, span_s: float) -> None:
    assert exponential_s(failures, first_s=5.0, longest_s=900.0) == span_s
