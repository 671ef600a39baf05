"""Mode compliance equals an independent recount of the stored events, minute by minute, over a night in which the clock goes
back, with late, missed and drifted transitions.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append
from access_policy.application.queries.compliance_measures import ComplianceGroup
from access_policy.application.queries.mode_compliance import ComplianceQuestion
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode
from access_policy.domain.charger_access_policy.events import ModeApplied, ModeChangeRequested, ModeDriftDetected
from access_policy.domain.ids import ActorId, ChargerId, TenantId
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER, DEPOT, NIGHTS, api, empty_api  # noqa: F401  fixtures

ACME = TenantId("acme")
FREEVEND, MANAGED = AccessMode.FREEVEND, AccessMode.MANAGED
SINCE = datetime(2026, 10, 23, 10, tzinfo=UTC)
UNTIL = datetime(2026, 10, 27, 10, tzinfo=UTC)
NOW = datetime(2026, 10, 28, 12, tzinfo=UTC)
BAYS = ("bay-1", "bay-2", "bay-3")
STEP = timedelta(minutes=1)
# In Berlin, 22:00 and 06:00: before the clock goes back on the 25th at 01:00 UTC, and after it.
DUE = tuple(
    (datetime(2026, 10, day, hour, tzinfo=UTC), mode)
    for day in range(22, 28)
    for hour, mode in ((5 if day >= 25 else 4, FREEVEND), (21 if day >= 25 else 20, MANAGED))
)


@dataclass(frozen=True)
class Seen:
    """What a charger was seen in, and when: all that the recount reads."""

    at: datetime
    mode: AccessMode


def story(number: int) -> tuple[list[Seen], list[datetime]]:
    """Sightings of one charger, in whole minutes, and the instants of requests."""
    choose = random.Random(number)
    sightings, requests = [Seen(datetime(2026, 10, 22, 9, tzinfo=UTC), FREEVEND)], []
    for due, mode in DUE:
        late = choose.choice([0, 0, 0, 1, 7, 90, 600, None])
        if late is None:
            continue  # the charger is not reached, and no event tells
        requests.append(due)
        sightings.append(Seen(due + late * STEP, mode))
        if choose.random() < 0.3:
            drifted = due + (late + 60) * STEP
            sightings.append(Seen(drifted, FREEVEND if mode is MANAGED else MANAGED))
            sightings.append(Seen(drifted + 25 * STEP, mode))
    return sorted(sightings, key=lambda each: each.at), requests


def events_of(bay: str, sightings: Sequence[Seen], requests: Sequence[datetime]) -> list[tuple[datetime, Any]]:
    told: list[tuple[datetime, Any]] = []
    shared = {"charger_id": ChargerId(bay), "cause": BASELINE_CAUSE}
    for at in requests:
        switch = {"mode": MANAGED, "due_at": at, "mode_control": "central", "trigger": "test", "generation": 1}
        told.append((at, ModeChangeRequested(**shared, **switch)))
    for index, seen in enumerate(sightings):
        if index % 2:  # a drift is a sighting as good as an application
            drift = {"expected": MANAGED, "found": seen.mode, "evidence": "read back", "detected_at": seen.at}
            told.append((seen.at, ModeDriftDetected(charger_id=ChargerId(bay), **drift)))
        else:
            applied = {"mode": seen.mode, "due_at": seen.at, "applied_at": seen.at, "late_s": 0, "generation": 1}
            told.append((seen.at, ModeApplied(**shared, **applied, evidence="read back")))
    return sorted(told, key=lambda each: each[0])


def expected_at(at: datetime) -> AccessMode:
    return next((mode for due, mode in reversed(DUE) if due <= at), FREEVEND)


def seen_at(sightings: Sequence[Seen], at: datetime) -> AccessMode | None:
    return next((each.mode for each in reversed(sightings) if each.at <= at), None)


def recounted(bay: str) -> dict[str, Any]:
    """Minute by minute: the shares; and transition by transition: its outcome."""
    sightings, requests = story(BAYS.index(bay))
    counts: defaultdict[str, Any] = defaultdict(int)
    minutes = int((UNTIL - SINCE) / STEP)
    counts["expected_s"] = minutes * 60
    counts["in_expected_mode_s"] = 60 * sum(
        seen_at(sightings, SINCE + minute * STEP) is expected_at(SINCE + minute * STEP) for minute in range(minutes)
    )
    ends = [due for due, _ in DUE[1:]] + [NOW]
    for (due, mode), end in zip(DUE, ends, strict=True):
        if not SINCE <= due < UNTIL:
            continue
        counts["transitions"] += 1
        late = next(
            (minute for minute in range(int((end - due) / STEP)) if seen_at(sightings, due + minute * STEP) is mode),
            None,
        )
        outcome = "missed" if late is None else "on_time" if late <= 1 else "late"
        counts[outcome] += 1
        counts["unreachable"] += outcome != "on_time" and not any(due <= each < due + STEP for each in requests)
    return dict(counts)


@pytest.fixture
async def told(empty_api: HttpApi) -> HttpApi:  # noqa: F811
    clock = empty_api.container.clock()
    clock.set(datetime(2026, 10, 20, 9, tzinfo=UTC))
    await empty_api.done("PUT", "/v1/depots/north", DEPOT)
    for number, bay in enumerate(BAYS):
        body = {**CHARGER, "charge_point_id": f"CP-{bay}", "baseline_mode": "freevend"}
        await empty_api.done("PUT", f"/v1/chargers/{bay}", body)
        await empty_api.done("POST", f"/v1/chargers/{bay}/mode-rules", NIGHTS)
        store, stream = empty_api.container.stores.store(), policy_stream(ACME, ChargerId(bay))
        context = Context(tenant_id=ACME, actor=ActorId("test"), correlation_id="test")
        for at, event in events_of(bay, *story(number)):
            version = len(await store.load(stream))
            await store.append([Append(stream, version, enveloped(context, [event], now=at))])
    clock.set(NOW)
    return empty_api


async def report(api: HttpApi, *groups: ComplianceGroup) -> list[dict[str, Any]]:  # noqa: F811
    question = ComplianceQuestion(since=SINCE, until=UNTIL)
    return list((await api.container.queries.mode_compliance()(ACME, groups, question)).rows)


async def test_compliance_of_each_charger_equals_the_recount(told: HttpApi) -> None:
    rows = {row["charger_id"]: row for row in await report(told, ComplianceGroup.CHARGER)}

    counted = {bay: recounted(bay) for bay in BAYS}
    assert {bay: {name: rows[bay][name] for name in counted[bay]} for bay in BAYS} == counted
    assert {name for each in counted.values() for name in each} >= {"on_time", "late", "missed", "unreachable"}


@pytest.mark.parametrize("group", [ComplianceGroup.DAY, ComplianceGroup.HOUR, ComplianceGroup.WEEKDAY])
async def test_compliance_by_time_adds_up_to_the_recount(told: HttpApi, group: ComplianceGroup) -> None:
    rows = await report(told, group)

    counted = [recounted(bay) for bay in BAYS]
    for name in ("transitions", "on_time", "late", "missed", "unreachable", "expected_s", "in_expected_mode_s"):
        assert sum(row[name] for row in rows) == sum(each.get(name, 0) for each in counted), name
