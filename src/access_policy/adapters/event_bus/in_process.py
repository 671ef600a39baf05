"""A bus in this process, with EventBridge's envelope and rule patterns, so that subscribers read and filter as in the cloud."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from access_policy.adapters.event_bus.patterns.compiling import Pattern
from access_policy.application.ports.event_bus import ACCEPTED, Entry, PublishResult, PublishStatus, check_size

log = logging.getLogger(__name__)

ACCOUNT: Final = "000000000000"
REGION: Final = "local"

Event = Mapping[str, Any]
Target = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    pattern: Pattern
    target: Target
    since: int | None = None


class InProcessBus:
    """Implements `EventBus`, `Rules` and `Subscribers`.

    An event is delivered once all targets whose pattern matches have returned. If a target raises, the event is delivered again
    later to all of them, so targets must tolerate duplicates, as in the cloud.
    """

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self._subscribed = asyncio.Event()

    def put_rule(
        self, name: str, pattern: str | Mapping[str, Any], target: Target, *, since: int | None = None
    ) -> None:
        """Add or replace a rule. Raises `PatternInvalid`."""
        self._rules[name] = Rule(name, Pattern.of(pattern), target, since)
        self._subscribed.set()

    def remove_rule(self, name: str) -> None:
        self._rules.pop(name, None)
        if not self._rules:
            self._subscribed.clear()

    @property
    def since(self) -> int | None:
        return min((rule.since for rule in self._rules.values() if rule.since is not None), default=None)

    @property
    def present(self) -> bool:
        return bool(self._rules)

    async def until_present(self) -> None:
        await self._subscribed.wait()

    async def publish(self, entries: Sequence[Entry]) -> list[PublishResult]:
        check_size(entries)
        return [await self._deliver(entry) for entry in entries]

    async def close(self) -> None:
        self._rules.clear()

    async def _deliver(self, entry: Entry) -> PublishResult:
        event = as_delivered(entry, account=ACCOUNT, region=REGION)
        outcome = ACCEPTED
        for rule in tuple(self._rules.values()):
            if not rule.pattern.matches(event):
                continue
            try:
                await rule.target(event)
            except Exception as trouble:
                log.exception("the target of rule %s failed for %s %s", rule.name, entry.detail_type, entry.event_id)
                outcome = PublishResult(PublishStatus.NOT_NOW, f"rule {rule.name}: {trouble!r}")
        return outcome


def as_delivered(entry: Entry, *, account: str, region: str) -> dict[str, Any]:
    """Return the event that EventBridge makes of an entry. Its id is new with each delivery, and its time is in whole
    seconds.
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry.detail_type,
        "source": entry.source,
        "account": account,
        "time": f"{entry.time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": list(entry.resources),
        "detail": json.loads(entry.detail),
    }
