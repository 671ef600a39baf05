"""The bus in this process: rules as in the cloud, and the same envelope."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.event_bus.patterns.compiling import PatternInvalid
from access_policy.application.ports.event_bus import ACCEPTED, Entry, PublishStatus

AT = datetime(2026, 7, 1, 12, 0, 0, 999_999, tzinfo=UTC)


def entry(detail_type: str = "AccessDenied", **detail: Any) -> Entry:
    return Entry("e-1", "betterfleet.access-policy", detail_type, AT, json.dumps(detail or {"a": 1}))


async def test_a_target_gets_what_its_rule_matches_in_eventbridges_envelope() -> None:
    bus, got = InProcessBus(), list[Any]()

    async def target(event: Any) -> None:
        got.append(dict(event))

    bus.put_rule("denials", {"detail-type": ["AccessDenied"], "detail": {"data": {"reason": ["unknown"]}}}, target)
    wanted = entry(data={"reason": "unknown"})

    assert await bus.publish([entry(data={"reason": "other"}), entry("ModeApplied"), wanted]) == [ACCEPTED] * 3

    (event,) = got
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "AccessDenied",
        "source": "betterfleet.access-policy",
        "account": "000000000000",
        "time": "2026-07-01T12:00:00Z",
        "region": "local",
        "resources": [],
        "detail": {"data": {"reason": "unknown"}},
    }


async def test_a_target_that_fails_gets_the_event_again_and_holds_up_no_other() -> None:
    bus, got = InProcessBus(), list[str]()

    async def failing(event: Any) -> None:
        got.append("failing")
        if got.count("failing") == 1:
            raise RuntimeError("not yet")

    async def other(event: Any) -> None:
        got.append("other")

    bus.put_rule("a", {"source": [{"exists": True}]}, failing)
    bus.put_rule("b", {"source": [{"exists": True}]}, other)

    (outcome,) = await bus.publish([entry()])
    assert (outcome.status, "not yet" in outcome.reason) == (PublishStatus.NOT_NOW, True)
    assert await bus.publish([entry()]) == [ACCEPTED]
    assert got == ["failing", "other", "failing", "other"]


async def test_a_rule_can_be_replaced_and_removed_and_a_bad_one_is_refused() -> None:
    bus, got = InProcessBus(), list[str]()

    async def target(event: Any) -> None:
        got.append(event["detail-type"])

    bus.put_rule("r", {"detail-type": ["A"]}, target)
    bus.put_rule("r", {"detail-type": ["B"]}, target)
    await bus.publish([entry("A"), entry("B")])
    bus.remove_rule("r")
    await bus.publish([entry("B")])

    assert got == ["B"]
    with pytest.raises(PatternInvalid):
        bus.put_rule("r", {"source": "bare"}, target)
