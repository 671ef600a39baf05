"""Reports equal a recount of the stored events, in JSON and in both files: over a night in which the clock goes back, with
sessions over midnight, observe mode and a retired charger."""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow
import pytest
from pyarrow import parquet

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    ChargingEnded,
    ChargingStarted,
    SessionDecision,
)
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.ids import ActorId, AgreementId, AttemptId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass
from tests.support.http_api import HttpApi
from tests.unit.event_stores.samples import SAMPLES
from tests.unit.http.conftest import CHARGER

ACME = TenantId("acme")
CLOCK_GOES_BACK = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)  # in Berlin, 03:00 becomes 02:00
ZONES = {"north": ZoneInfo("Europe/Berlin"), "east": ZoneInfo("Asia/Kathmandu")}
PLACES = {"bay-1": "north", "bay-2": "north", "bay-3": "east"}
PERIOD = "from=2026-10-24T10:00:00Z&until=2026-10-26T04:00:00Z"
PARQUET = "application/vnd.apache.parquet"
LINEAGE = next(each for each in SAMPLES if isinstance(each, AccessAllowed)).lineage
STARTED = next(each for each in SAMPLES if isinstance(each, ChargingStarted))
GROUPS = (
    "day",
    "hour",
    "weekday",
    "day,hour",
    "depot,charger",
    "vehicle",
    "agreement",
    "access_class",
    "reason,decision",
)
COUNTS = ("attempts", "allowed", "denied", "would_deny_count", "sessions", "energy_wh")
REFUSALS = (Reason.UNKNOWN_IDENTIFIER, Reason.AGREEMENT_NOT_NOW)
ORDER = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

Told = list[list[Any]]  # the events of each attempt


def history() -> Told:
    """200 attempts around the change of the clock."""
    choose = random.Random(14)
    return [attempt(choose, number) for number in range(200)]


def attempt(choose: random.Random, number: int) -> list[Any]:
    at = CLOCK_GOES_BACK + timedelta(minutes=choose.randint(-20 * 60, 30 * 60))
    charger = choose.choice(list(PLACES))
    vehicle, access_class, agreement = choose.choice(
        [
            ("bus-7", AccessClass.OWN, None),
            ("van-2", AccessClass.AGREEMENT, "couriers"),
            (None, AccessClass.UNKNOWN, None),
        ]
    )
    lineage = replace(
        LINEAGE,
        attempt_id=AttemptId(f"try-{number}"),
        charger_id=ChargerId(charger),
        depot_id=DepotId(PLACES[charger]),
        decided_for=at,
        vehicle_id=None if vehicle is None else VehicleId(vehicle),
        agreement_id=None if agreement is None else AgreementId(agreement),
        access_class=access_class,
        enforcement=Enforcement.OBSERVE if charger == "bay-2" else Enforcement.ENFORCE,
    )
    refused = None if vehicle is not None and choose.random() < 0.8 else choose.choice(REFUSALS)
    if refused is not None and charger != "bay-2":
        return [AccessDenied(lineage=lineage, reason=refused, signal=None)]
    reason = Reason.OWN_VEHICLE if refused is None else Reason.OBSERVED
    allowed = AccessAllowed(lineage=lineage, reason=reason, would_deny=refused, valid_until=at + timedelta(hours=1))
    return [allowed, *session(choose, lineage)]


def session(choose: random.Random, lineage: Any) -> list[Any]:
    """None, one under way, or one that has ended, often after midnight."""
    if choose.random() < 0.3:
        return []
    started = replace(
        STARTED,
        **{name: getattr(lineage, name) for name in ("attempt_id", "charger_id", "depot_id", "vehicle_id")},
        started_at=lineage.decided_for + timedelta(seconds=20),
        decision=SessionDecision.ALLOWED,
    )
    ended = ChargingEnded(
        attempt_id=lineage.attempt_id,
        charger_id=lineage.charger_id,
        transaction_id=started.transaction_id,
        ended_at=lineage.decided_for + timedelta(hours=choose.randint(1, 9)),
        energy_wh=choose.choice([None, 0, choose.randint(1, 90_000)]),
        reason="Local",
    )
    return [started] if choose.random() < 0.2 else [started, ended]


def recounted(told: Told, groups: str) -> list[dict[str, Any]]:
    rows: defaultdict[tuple[Any, ...], dict[str, Any]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    for decided, *after in told:
        lineage = decided.lineage
        at, zone = lineage.decided_for, ZONES[lineage.depot_id]
        if not datetime(2026, 10, 24, 10, tzinfo=UTC) <= at < datetime(2026, 10, 26, 4, tzinfo=UTC):
            continue
        local = at.astimezone(zone)
        values = {
            "day": local.date().isoformat(),
            "hour": local.hour,
            "weekday": ORDER[local.weekday()],
            **{name: getattr(lineage, f"{name}_id") for name in ("depot", "charger", "vehicle", "agreement")},
            "access_class": lineage.access_class.value,
            "reason": decided.reason.value,
            "decision": "denied" if isinstance(decided, AccessDenied) else "allowed",
        }
        row = rows[tuple(values[name] for name in groups.split(","))]
        row["attempts"] += 1
        row[values["decision"]] += 1
        row["would_deny_count"] += getattr(decided, "would_deny", None) is not None
        row["sessions"] += any(isinstance(each, ChargingStarted) for each in after)
        row["energy_wh"] += sum(each.energy_wh or 0 for each in after if isinstance(each, ChargingEnded))
        first, last = row.get("first_attempt_at", at), row.get("last_attempt_at", at)
        row |= {"first_attempt_at": min(first, at), "last_attempt_at": max(last, at)}
    return [{"key": key, **rows[key]} for key in sorted(rows, key=repr)]


@pytest.fixture
async def told(api: HttpApi) -> Told:
    east = {"name": "East", "time_zone": "Asia/Kathmandu"}
    await api.recorded(
        ("PUT", "/v1/depots/east", east),
        ("PUT", "/v1/chargers/bay-2", {**CHARGER, "charge_point_id": "CP-2", "enforcement": "observe"}),
        ("PUT", "/v1/chargers/bay-3", {**CHARGER, "charge_point_id": "CP-3", "depot_id": "east"}),
    )
    context = Context(tenant_id=ACME, actor=ActorId("test"), correlation_id="test")
    made = history()
    appends = []
    for events in made:
        lineage = events[0].lineage
        recorded = enveloped(context, events, now=lineage.decided_for)
        appends.append(Append(attempt_stream(ACME, lineage.attempt_id), 0, recorded))
    await api.container.stores.store().append(appends)
    await api.recorded(("DELETE", "/v1/chargers/bay-3", None))
    await api.settled()
    return made


def table_of(content: bytes) -> Any:
    return parquet.read_table(pyarrow.BufferReader(content))


async def test_access_reports_equal_a_recount_of_the_events(api: HttpApi, told: Told) -> None:
    for groups in GROUPS:
        answer = await api.get(f"/v1/reports/access?{PERIOD}&group_by={groups}")
        assert answer.status_code == 200, answer.text

        names = [
            f"{each}_id" if each in ("depot", "charger", "vehicle", "agreement") else each for each in groups.split(",")
        ]
        found = [
            {
                "key": tuple(row[name] for name in names),
                **{name: row[name] for name in COUNTS},
                **{name: datetime.fromisoformat(row[name]) for name in ("first_attempt_at", "last_attempt_at")},
            }
            for row in answer.json()["rows"]
        ]
        assert sorted(found, key=lambda row: repr(row["key"])) == recounted(told, groups), groups


async def test_files_have_the_columns_types_and_rows_of_the_json(api: HttpApi, told: Told) -> None:
    for path in (
        f"access?{PERIOD}&group_by=day,hour,weekday,vehicle",
        f"mode-compliance?{PERIOD}&group_by=day,charger",
        f"unenrolled-identifiers?{PERIOD}",
        "access?from=2025-01-01T00:00:00Z&until=2025-01-02T00:00:00Z&group_by=day,reason",
        "unenrolled-identifiers?from=2025-01-01T00:00:00Z&until=2025-01-02T00:00:00Z",
    ):
        rows = (await api.get(f"/v1/reports/{path}")).json()["rows"]
        text = await api.get(f"/v1/reports/{path}", headers={"Accept": "text/csv"})
        binary = await api.get(f"/v1/reports/{path}", headers={"Accept": PARQUET})

        table = table_of(binary.content)
        reader = csv.DictReader(io.StringIO(text.content.decode("utf-8-sig")))
        assert binary.headers["content-type"] == PARQUET
        assert list(reader.fieldnames or ()) == table.column_names
        assert [{name: _text(value) for name, value in row.items()} for row in rows] == list(reader)
        assert [{name: _typed(name, value) for name, value in row.items()} for row in rows] == table.to_pylist()


async def test_parquet_columns_without_rows_are_typed(api: HttpApi) -> None:
    path = "/v1/reports/access?from=2025-01-01T00:00:00Z&until=2025-01-02T00:00:00Z&group_by=day,hour,reason"

    schema = table_of((await api.get(path, headers={"Accept": PARQUET})).content).schema

    assert {schema.field(name).type for name in COUNTS} == {pyarrow.int64()}
    assert [
        schema.field(name).type for name in ("day", "hour", "reason", "first_attempt_at", "first_attempt_at_local")
    ] == [
        pyarrow.date32(),
        pyarrow.int64(),
        pyarrow.string(),
        pyarrow.timestamp("us", tz="UTC"),
        pyarrow.timestamp("us"),
    ]


async def test_unenrolled_identifiers_equal_a_recount_and_leave_out_those_of_vehicles(api: HttpApi, told: Told) -> None:
    (row,) = (await api.get(f"/v1/reports/unenrolled-identifiers?{PERIOD}&depot_id=north")).json()["rows"]

    refused = [
        decided
        for decided, *_ in told
        if decided.lineage.vehicle_id is None
        and decided.lineage.depot_id == "north"
        and Reason.UNKNOWN_IDENTIFIER in (decided.reason, getattr(decided, "would_deny", None))
        and datetime(2026, 10, 24, 10, tzinfo=UTC)
        <= decided.lineage.decided_for
        < datetime(2026, 10, 26, 4, tzinfo=UTC)
    ]
    denied = [each for each in refused if isinstance(each, AccessDenied)]
    assert (row["attempts"], row["denied"], row["allowed"]) == (len(refused), len(denied), len(refused) - len(denied))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _typed(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "day":
        return date.fromisoformat(value)
    if name.endswith("_local"):
        return datetime.fromisoformat(value).replace(tzinfo=None)
    return datetime.fromisoformat(value) if name.endswith("_at") else value
