"""Mode compliance: what was due is the plan as it stood then, what was applied are the facts, and silence is a miss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append
from access_policy.application.queries.compliance_measures import ComplianceGroup
from access_policy.application.queries.mode_compliance import ComplianceQuestion
from access_policy.application.queries.report_columns import ReportInvalid
from access_policy.application.streams import policy_stream, reservation_book_stream
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode
from access_policy.domain.charger_access_policy.events import ModeApplied, ModeChangeRequested, ModeDriftDetected
from access_policy.domain.ids import ActorId, ChargerId, DepotId, ReservationId, TenantId
from tests.support.http_api import HttpApi
from tests.support.reservations import changed, ended, made, reservation
from tests.unit.http.conftest import CHARGER, DEPOT, NIGHTS, api, empty_api  # noqa: F401  fixtures

ACME, BAY = TenantId("acme"), ChargerId("bay-1")
MIDNIGHT = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)  # of the 19th, in Berlin
MANAGED, FREEVEND = AccessMode.MANAGED, AccessMode.FREEVEND
DAY = timedelta(days=1)
COUNTED = (
    *("transitions", "on_time", "late", "missed", "pending", "unreachable", "on_time_share"),
    *("lateness_p50_s", "lateness_p95_s", "lateness_max_s", "in_expected_mode_share"),
)


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """In Berlin, in November 2026."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC) - timedelta(hours=1)


class Depot:
    """A charger that is managed from 22:00 to 06:00 and freevend by day, seen in freevend at noon of the 18th (13:00)."""

    def __init__(self, api: HttpApi) -> None:  # noqa: F811
        self.api = api
        self.generation = 0

    async def happened(self, *events: Any, recorded_at: datetime) -> None:
        store, stream = self.api.container.stores.store(), policy_stream(ACME, BAY)
        version = len(await store.load(stream))
        context = Context(tenant_id=ACME, actor=ActorId("test"), correlation_id="test")
        await store.append([Append(stream, version, enveloped(context, events, now=recorded_at))])

    async def of_reservations(self, *events: Any) -> None:
        store, stream = self.api.container.stores.store(), reservation_book_stream(ACME, DepotId("north"))
        context = Context(tenant_id=ACME, actor=ActorId("test"), correlation_id="test")
        await store.append([Append(stream, 0, enveloped(context, events, now=at(18, 23)))])
        await self.api.settled()

    async def requested(self, mode: AccessMode, when: datetime) -> None:
        self.generation += 1
        event = ModeChangeRequested(
            charger_id=BAY,
            generation=self.generation,
            mode=mode,
            cause=BASELINE_CAUSE,
            due_at=when,
            mode_control="central",
            trigger="test",
        )
        await self.happened(event, recorded_at=when)

    async def applied(self, mode: AccessMode, when: datetime) -> None:
        await self.requested(mode, when)
        event = ModeApplied(
            charger_id=BAY,
            generation=self.generation,
            mode=mode,
            cause=BASELINE_CAUSE,
            due_at=when,
            applied_at=when,
            late_s=0,
            evidence="read back",
        )
        await self.happened(event, recorded_at=when)

    async def report(self, *groups: ComplianceGroup, now: datetime, **question: Any) -> list[dict[str, Any]]:
        self.api.container.clock().set(now)
        asked = {"since": MIDNIGHT, "until": MIDNIGHT + 2 * DAY, **question}
        report = await self.api.container.queries.mode_compliance()(ACME, groups, ComplianceQuestion(**asked))
        return list(report.rows)

    async def counts(self, *, now: datetime, **question: Any) -> dict[str, Any]:
        (row,) = await self.report(ComplianceGroup.CHARGER, now=now, **question)
        return {name: value for name, value in row.items() if value and name in COUNTED}


@pytest.fixture
async def depot(empty_api: HttpApi) -> Depot:  # noqa: F811
    await empty_api.recorded(
        ("PUT", "/v1/depots/north", DEPOT),
        ("PUT", "/v1/chargers/bay-1", {**CHARGER, "baseline_mode": "freevend"}),
        ("POST", "/v1/chargers/bay-1/mode-rules", NIGHTS),
    )
    made = Depot(empty_api)
    await made.applied(FREEVEND, at(18, 13, 1))
    await made.applied(MANAGED, at(18, 22))
    return made


async def test_transitions_are_on_time_late_or_missed_and_lateness_is_measured(depot: Depot) -> None:
    await depot.applied(FREEVEND, at(19, 6, 0, 10))
    await depot.requested(MANAGED, at(19, 22))
    await depot.applied(MANAGED, at(19, 23))
    # 06:00 on the 20th is missed: nobody reached the charger. At 22:00 it is where it should be.

    counts = await depot.counts(now=at(21, 12))

    assert counts == {
        "transitions": 4,
        "on_time": 2,
        "late": 1,
        "missed": 1,
        "unreachable": 1,
        "on_time_share": 0.5,
        "lateness_p50_s": 10.0,
        "lateness_p95_s": 3600.0,
        "lateness_max_s": 3600.0,
        "in_expected_mode_share": round((48 * 3600 - 10 - 3600 - 16 * 3600) / (48 * 3600), 4),
    }


async def test_days_are_the_depot_s_and_each_has_its_own_transitions_and_share(depot: Depot) -> None:
    await depot.applied(FREEVEND, at(19, 6))
    await depot.applied(MANAGED, at(19, 22))

    rows = await depot.report(ComplianceGroup.DAY, ComplianceGroup.DEPOT, now=at(21, 12))

    assert [(each["day"], each["depot_id"], each["transitions"], each["missed"]) for each in rows] == [
        ("2026-11-19", "north", 2, 0),
        ("2026-11-20", "north", 2, 1),
    ]
    assert [each["in_expected_mode_share"] for each in rows] == [1.0, round(8 / 24, 4)]


async def test_what_is_on_time_is_the_caller_s_choice(depot: Depot) -> None:
    await depot.applied(FREEVEND, at(19, 6, 0, 10))

    strict = await depot.counts(now=at(19, 12), on_time_s=5)

    assert (strict["transitions"], strict["late"], strict["lateness_max_s"]) == (1, 1, 10.0)


async def test_a_transition_that_is_not_over_is_pending_and_no_later_ones_are_counted(depot: Depot) -> None:
    counts = await depot.counts(now=at(19, 7))

    assert counts == {
        "transitions": 1,
        "pending": 1,
        "unreachable": 1,
        "in_expected_mode_share": round(6 / 7, 4),
    }


async def test_a_mode_that_was_moved_on_site_is_not_the_expected_one(depot: Depot) -> None:
    drifted = ModeDriftDetected(
        charger_id=BAY, expected=MANAGED, found=FREEVEND, evidence="read", detected_at=at(19, 3)
    )
    await depot.happened(drifted, recorded_at=at(19, 3))

    counts = await depot.counts(now=at(19, 6), until=at(19, 6))

    assert counts == {"in_expected_mode_share": 0.5}


async def test_a_plan_that_changed_later_does_not_change_what_was_due(depot: Depot) -> None:
    await depot.applied(FREEVEND, at(19, 6))
    depot.api.container.clock().set(at(19, 12))
    (rule,) = (await depot.api.get("/v1/chargers/bay-1")).json()["mode_rules"]
    await depot.api.recorded(("DELETE", f"/v1/chargers/bay-1/mode-rules/{rule['rule_id']}", None))

    counts = await depot.counts(now=at(21, 12))

    assert counts == {"transitions": 1, "on_time": 1, "on_time_share": 1.0, "in_expected_mode_share": 1.0}


async def test_an_override_from_now_is_a_transition_that_is_due_at_once(depot: Depot) -> None:
    await depot.applied(FREEVEND, at(19, 6))
    depot.api.container.clock().set(at(19, 12))
    override = {"mode": "managed", "for": "PT2H", "reason": "works"}
    await depot.api.recorded(("POST", "/v1/chargers/bay-1/overrides", override))
    await depot.applied(MANAGED, at(19, 12, 0, 3))

    counts = await depot.counts(now=at(19, 13))

    assert (counts["transitions"], counts["on_time"], counts["lateness_max_s"]) == (2, 2, 3.0)


async def test_another_depot_and_another_charger_are_left_out(depot: Depot) -> None:
    assert await depot.report(ComplianceGroup.DAY, now=at(21, 12), depot_id="south") == []
    assert await depot.report(ComplianceGroup.DAY, now=at(21, 12), charger_id="bay-2") == []


async def test_a_period_that_is_backwards_or_too_long_is_refused(depot: Depot) -> None:
    for until in (MIDNIGHT, MIDNIGHT + 401 * DAY):
        with pytest.raises(ReportInvalid, match="at most 400 days"):
            await depot.report(ComplianceGroup.DAY, now=at(21, 12), until=until)


# --- over HTTP -----------------------------------------------------------------------------------------------------------


async def test_the_report_and_the_changes_are_served_with_the_names_of_the_contract(depot: Depot) -> None:
    await depot.applied(FREEVEND, at(19, 6))
    await depot.api.settled()
    depot.api.container.clock().set(at(19, 12))
    path = "/v1/reports/mode-compliance?from=2026-11-18T23:00:00Z&until=2026-11-19T11:00:00Z&group_by=day,charger"

    report = (await depot.api.get(path)).json()
    file = (await depot.api.get(path, headers={"Accept": "text/csv"})).content.decode("utf-8")
    changes = (await depot.api.get("/v1/mode-changes?depot_id=north&limit=2")).json()

    (row,) = report["rows"]
    assert (row["day"], row["charger_id"], row["transitions"], row["on_time"]) == ("2026-11-19", "bay-1", 1, 1)
    assert file.splitlines()[0].startswith("\ufeffday,charger_id,transitions,on_time,late,missed,pending,unreachable")
    newest = changes["items"][0]
    named = ("charger_id", "mode", "due_at", "applied_at", "lateness_s", "how_known", "outcome")
    assert {name: newest[name] for name in named} == {
        "charger_id": "bay-1",
        "mode": "freevend",
        "due_at": "2026-11-19T05:00:00Z",
        "applied_at": "2026-11-19T05:00:00Z",
        "lateness_s": 0.0,
        "how_known": "read back",
        "outcome": "applied",
    }
    assert newest["cause"]["kind"] == "baseline"
    assert changes["next_cursor"] is not None
    assert (await depot.api.get("/v1/mode-changes?depot_id=south")).json()["items"] == []
    assert (await depot.api.get("/v1/mode-changes", tenant="rival")).json()["items"] == []


async def test_charger_switched_for_a_reservation_of_the_past_is_where_it_should_be(depot: Depot) -> None:
    """The book forgets a finished reservation after a week; its window still counts in the report."""
    reserved = reservation(ReservationId("r1"), at(19, 10), end=at(19, 12))
    await depot.of_reservations(made(reserved, at(18, 23)), ended(at(19, 12)))
    await depot.applied(FREEVEND, at(19, 6))
    await depot.applied(MANAGED, at(19, 10))
    await depot.applied(FREEVEND, at(19, 12))
    await depot.applied(MANAGED, at(19, 22))
    await depot.applied(FREEVEND, at(20, 6))
    await depot.applied(MANAGED, at(20, 22))

    counts = await depot.counts(now=at(30, 12))

    assert (counts["transitions"], counts["on_time"]) == (6, 6)
    assert counts["in_expected_mode_share"] == 1.0


async def test_charger_switched_for_a_reservation_that_was_moved_after_its_start_is_where_it_should_be(
    depot: Depot,
) -> None:
    """Managed from 10:00 until it was moved at 11:00, and again in the window from 15:00 to 16:00."""
    reserved = reservation(ReservationId("r1"), at(19, 10), end=at(19, 12))
    later = reservation(ReservationId("r1"), at(19, 15), end=at(19, 16))
    await depot.of_reservations(made(reserved, at(18, 23)), changed(later, at(19, 11)), ended(at(19, 16)))
    await depot.applied(FREEVEND, at(19, 6))
    await depot.applied(MANAGED, at(19, 10))
    await depot.applied(FREEVEND, at(19, 11))
    await depot.applied(MANAGED, at(19, 15))
    await depot.applied(FREEVEND, at(19, 16))
    await depot.applied(MANAGED, at(19, 22))
    await depot.applied(FREEVEND, at(20, 6))
    await depot.applied(MANAGED, at(20, 22))

    counts = await depot.counts(now=at(30, 12))

    assert (counts["transitions"], counts["on_time"]) == (8, 8)
    assert counts["in_expected_mode_share"] == 1.0
