"""Buses that fail, delay, repeat and take parts; and what a consumer makes of what it is sent."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from access_policy.application.ports.event_bus import (
    ACCEPTED,
    BusUnavailable,
    Entry,
    PublishResult,
    PublishStatus,
    check_size,
)


@dataclass
class Consumer:
    """Notes what it is sent; `first_times` are the versions of each aggregate as they came for the first time."""

    sent: Counter[str] = field(default_factory=Counter)
    first_times: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    details: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, detail: dict[str, Any]) -> None:
        event_id = detail["event_id"]
        self.sent[event_id] += 1
        if self.sent[event_id] == 1:
            aggregate = detail["aggregate"]
            self.first_times[f"{detail['tenant_id']}/{aggregate['type']}/{aggregate['id']}"].append(
                aggregate["version"]
            )
            self.details[event_id] = detail

    @property
    def out_of_order(self) -> list[str]:
        return [name for name, versions in self.first_times.items() if versions != sorted(versions)]

    @property
    def repeated(self) -> int:
        return self.sent.total() - len(self.sent)


@dataclass
class FaultyBus:
    """Implements `EventBus` over a consumer. `is_down` takes nothing; else each call and entry fails by chance: a call before
    or after it did its work, an entry alone. Counts say how often."""

    chance: Random
    consumer: Consumer = field(default_factory=Consumer)
    is_down: bool = False
    call_lost: float = 0.0
    answer_lost: float = 0.0
    entry_lost: float = 0.0
    repeated: float = 0.0
    refused: frozenset[str] = frozenset()  # event ids
    faults: Counter[str] = field(default_factory=Counter)

    async def publish(self, entries: Sequence[Entry]) -> list[PublishResult]:
        check_size(entries)
        await asyncio.sleep(0.001 + 0.01 * self.chance.random())
        if self.is_down:
            raise self._fault("down")
        if self._happens(self.call_lost):
            raise self._fault("call lost")
        outcomes = [self._taken(entry) for entry in entries]
        if self._happens(self.answer_lost):
            raise self._fault("answer lost")
        return outcomes

    async def close(self) -> None:
        pass

    def _taken(self, entry: Entry) -> PublishResult:
        if entry.event_id in self.refused:
            self.faults["entry refused"] += 1
            return PublishResult(PublishStatus.REFUSED, "MalformedDetail")
        if self._happens(self.entry_lost):
            self.faults["entry lost"] += 1
            return PublishResult(PublishStatus.NOT_NOW, "InternalFailure")
        self.consumer.take(json.loads(entry.detail))
        if self._happens(self.repeated):
            self.faults["repeated by the bus"] += 1
            self.consumer.take(json.loads(entry.detail))
        return ACCEPTED

    def _happens(self, share: float) -> bool:
        return share > 0 and self.chance.random() < share

    def _fault(self, name: str) -> BusUnavailable:
        self.faults[name] += 1
        return BusUnavailable(name)
