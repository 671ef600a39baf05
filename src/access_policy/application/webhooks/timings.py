"""Timings and limits of deliveries."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from access_policy.application.backoff import exponential_s
from access_policy.application.ports.webhooks import RETRIED_FOR, Attempt, Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTimings:
    """Spans are in seconds. A delay is between half and all of a span that doubles from `first_s` to `longest_s`,
    chosen at random. It is not shorter than the receiver's `Retry-After`, up to `longest_s`."""

    first_s: float = 5.0
    longest_s: float = 1800.0
    at_a_time: int = 4  # concurrent tries of one webhook
    check_interval_s: float = 1.0  # interval at which the queue of a webhook, and the webhooks, are checked
    lease_s: float = 15.0  # another process delivers this long after one was killed
    forget_every_s: float = 3600.0
    random_share: Callable[[], float] = random.random

    def next_try(self, delivery: Delivery, tries: int, attempt: Attempt) -> datetime | None:
        """Return when to try again after `tries` failures; None once the delivery has been retried for a day."""
        if attempt.at >= delivery.queued_at + RETRIED_FOR:
            return None
        span_s = exponential_s(tries, first_s=self.first_s, longest_s=self.longest_s)
        delay_s = max(span_s * (1 + self.random_share()) / 2, min(attempt.retry_after_s, self.longest_s))
        return min(attempt.at + timedelta(seconds=delay_s), delivery.queued_at + RETRIED_FOR)
