"""When a failed delivery is tried again."""

from __future__ import annotations

from datetime import timedelta

from access_policy.application.ports.webhooks import RETRIED_FOR, Attempt, Delivery, DeliveryState, Message
from access_policy.application.webhooks.timings import WebhookTimings
from access_policy.domain.ids import TenantId
from tests.support.builders import NOON

TIMINGS = WebhookTimings(random_share=lambda: 1.0)
DELIVERY = Delivery(
    number=1,
    message=Message(key=(TenantId("acme"), "hook"), event_id="e", event_type="T", aggregate="a", body=b""),
    state=DeliveryState.QUEUED,
    tries=0,
    queued_at=NOON,
    try_at=NOON,
    finished_at=None,
    attempts=(),
)


def after_s(tries: int, *, at: timedelta = timedelta(), retry_after_s: float = 0.0) -> float | None:
    attempt = Attempt(at=NOON + at, status=500, detail="", took_ms=1, retry_after_s=retry_after_s)
    next_try = TIMINGS.next_try(DELIVERY, tries, attempt)
    return None if next_try is None else (next_try - NOON - at).total_seconds()


def test_next_try_after_each_failure_doubles_its_delay_up_to_half_an_hour() -> None:
    assert [after_s(tries) for tries in (1, 2, 3, 9, 10, 500)] == [5, 10, 20, 1280, 1800, 1800]


def test_next_try_is_not_before_the_receiver_asks_for_it_within_bounds() -> None:
    assert after_s(1, retry_after_s=120) == 120
    assert after_s(1, retry_after_s=1e9) == 1800


def test_next_try_at_the_end_of_the_day_is_one_more_and_then_none() -> None:
    assert after_s(20, at=RETRIED_FOR - timedelta(minutes=1)) == 60
    assert after_s(20, at=RETRIED_FOR) is None
