"""The views: pages that hold still while rows come, answers for one tenant only, instants in UTC."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.ports.views import AttemptFilter, CursorInvalid, Page
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.access.reasons import Reason
from access_policy.domain.charger_condition.events import ChargerConnected
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AttemptId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass
from tests.support.attempts import TRY, allowed, denied, ended, faulted, recovered, started
from tests.support.builders import (
    BAY,
    FREEVEND,
    HOUR,
    MINUTE,
    NOON,
    NORTH,
    PARTNER,
    TRUCK,
    VAN,
    agreement_recorded,
    depot_registered,
    identifier_added,
    own,
    partnered,
    ref,
    registered,
    vehicle_registered,
)
from tests.support.places import Place
from tests.support.rows import log_of
from tests.support.switching import applied, requested

ACME, OTHER = TenantId("acme"), TenantId("other")
EVERY = AttemptFilter()


class Log:
    """Appends to what the read models have followed so far."""

    def __init__(self, models: ReadModels) -> None:
        self._models = models
        self._log: list[Any] = []

    async def __call__(self, *events: object, tenant: TenantId = ACME) -> None:
        new = log_of(*events, tenant=tenant, after=self._log)
        self._log += new
        await self._models.follow(new, new[-1].position)


@pytest.fixture
def place(kept_place: Place) -> Place:
    return kept_place


@pytest.fixture
def happened(models: ReadModels) -> Log:
    return Log(models)


def a_try(number: int, **lineage: Any) -> Any:
    return denied(attempt_id=AttemptId(f"try-{number}"), **({"decided_for": NOON + number * MINUTE} | lineage))


async def all_pages(page: Callable[[str | None], Awaitable[Page]]) -> list[list[Any]]:
    pages, cursor = [], None
    while True:
        found = await page(cursor)
        pages.append(found.items)
        if (cursor := found.next_cursor) is None:
            return pages


def ids(rows: list[Any], name: str = "attempt_id") -> list[str]:
    return [row[name] for row in rows]


# --- pages ----------------------------------------------------------------------------------------------------------


async def test_attempts_come_newest_first_in_pages_without_gap_or_repetition(views: SqlViews, happened: Log):
    await happened(*(a_try(number) for number in (3, 1, 5, 2, 4)))

    pages = await all_pages(lambda cursor: views.attempts(ACME, EVERY, cursor=cursor, limit=2))

    assert [ids(page) for page in pages] == [["try-5", "try-4"], ["try-3", "try-2"], ["try-1"]]


async def test_a_page_that_holds_all_there_is_has_no_next(views: SqlViews, happened: Log):
    await happened(a_try(1), a_try(2))

    assert (await views.attempts(ACME, EVERY, cursor=None, limit=2)).next_cursor is None


async def test_attempts_of_one_instant_are_told_apart_by_when_they_were_recorded(views: SqlViews, happened: Log):
    await happened(*(a_try(number, decided_for=NOON) for number in range(5)))

    pages = await all_pages(lambda cursor: views.attempts(ACME, EVERY, cursor=cursor, limit=2))

    assert [ids(page) for page in pages] == [["try-4", "try-3"], ["try-2", "try-1"], ["try-0"]]


async def test_rows_that_come_while_someone_turns_pages_shift_nothing(views: SqlViews, happened: Log):
    await happened(*(a_try(number) for number in range(4)))
    first = await views.attempts(ACME, EVERY, cursor=None, limit=2)

    await happened(a_try(7), a_try(8), started(attempt_id="try-0"))
    second = await views.attempts(ACME, EVERY, cursor=first.next_cursor, limit=2)

    assert (ids(first.items), ids(second.items)) == (["try-3", "try-2"], ["try-1", "try-0"])


async def test_rows_by_id_come_in_pages_too(views: SqlViews, happened: Log):
    names = [f"🚐-{number:03d}" * 8 for number in range(5)]
    await happened(*(vehicle_registered(vehicle_id=name) for name in reversed(names)))

    pages = await all_pages(lambda cursor: views.vehicles(ACME, cursor=cursor, limit=2))

    assert [ids(page, "vehicle_id") for page in pages] == [names[:2], names[2:4], names[4:]]


def cursor_of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "é",
        "\ud800",
        cursor_of({}),
        cursor_of([]),
        cursor_of(["2026-01-01T00:00:00+00:00"]),
        cursor_of(["2026-01-01T00:00:00+00:00", "5"]),
        cursor_of(["2026-01-01T00:00:00", 5]),
        cursor_of(["0001-01-01T00:00:00+14:00", 5]),
        cursor_of(["yesterday", 5]),
        cursor_of(["2026-01-01T00:00:00+00:00", 10**30]),
        cursor_of(["\ud800", 5]),
        base64.urlsafe_b64encode(b"[" * 5_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
async def test_a_cursor_that_is_not_ours_is_refused(views: SqlViews, cursor: str):
    with pytest.raises(CursorInvalid):
        await views.attempts(ACME, EVERY, cursor=cursor, limit=2)


# --- filters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AttemptFilter(decision="allowed"), ["try-2"]),
        (AttemptFilter(decision="none"), ["try-4"]),
        (AttemptFilter(reason="vehicle_suspended"), ["try-3"]),
        (AttemptFilter(charger_id="bay-2"), ["try-3"]),
        (AttemptFilter(depot_id="south"), ["try-2"]),
        (AttemptFilter(since=NOON + 2 * MINUTE), ["try-4", "try-3", "try-2"]),
        (AttemptFilter(until=NOON + 2 * MINUTE), ["try-1"]),
        (AttemptFilter(access_class="agreement"), ["try-2"]),
        (AttemptFilter(vehicle_ids=["van-9"]), ["try-2"]),
        (AttemptFilter(pseudonyms=["p-of-3"]), ["try-3"]),
        (AttemptFilter(vehicle_ids=["van-9"], pseudonyms=["p-of-3"]), ["try-3", "try-2"]),
        (AttemptFilter(id_prefix="try-"), ["try-4", "try-3", "try-2", "try-1"]),
        (AttemptFilter(id_prefix="try-2"), ["try-2"]),
        (AttemptFilter(id_prefix="try%"), []),
        (AttemptFilter(decision="denied", since=NOON + 2 * MINUTE, until=NOON + 4 * MINUTE), ["try-3"]),
        (
            AttemptFilter(since=datetime(2026, 11, 18, 13, 2, tzinfo=timezone(timedelta(hours=1))), decision="allowed"),
            ["try-2"],
        ),
    ],
)
async def test_attempts_are_found_by_what_they_are(
    views: SqlViews, happened: Log, wanted: AttemptFilter, found: list[str]
):
    await happened(
        a_try(1),
        allowed(
            attempt_id=AttemptId("try-2"),
            depot_id=DepotId("south"),
            decided_for=NOON + 2 * MINUTE,
            access_class=AccessClass.AGREEMENT,
            vehicle_id=VehicleId("van-9"),
        ),
        a_try(3, reason=Reason.VEHICLE_SUSPENDED, charger_id=ChargerId("bay-2"), identifier=ref(pseudonym="p-of-3")),
        started(attempt_id=AttemptId("try-4"), decision=SessionDecision.NONE, started_at=NOON + 4 * MINUTE),
    )

    assert ids((await views.attempts(ACME, wanted, cursor=None, limit=50)).items) == found


async def test_vehicles_are_found_by_identifier_name_class_and_agreement(views: SqlViews, happened: Log):
    await happened(
        agreement_recorded(),
        vehicle_registered(VAN, own(name="Überland 100%")),
        identifier_added("p1", VAN),
        identifier_added("p2", VAN),
        vehicle_registered(TRUCK, partnered(name="Lkw 7")),
        identifier_added("p3", TRUCK),
    )

    async def found(**wanted: Any) -> list[str]:
        return ids((await views.vehicles(ACME, **wanted)).items, "vehicle_id")

    assert await found() == [TRUCK, VAN]
    assert await found(pseudonyms=["p2", "p9"]) == [VAN]
    assert await found(pseudonyms=[]) == []
    assert await found(name="ÜBERLAND") == [VAN]
    assert await found(name="0%") == [VAN]
    assert await found(name="_") == []
    assert await found(access_class="agreement") == [TRUCK]
    assert await found(agreement_id=PARTNER) == [TRUCK]
    assert await found(agreement_id=PARTNER, access_class="own") == []


async def test_a_vehicle_comes_with_its_identifiers_in_the_order_they_were_added(views: SqlViews, happened: Log):
    await happened(vehicle_registered(), identifier_added("p2"), identifier_added("p1"))

    row = await views.vehicle(ACME, VAN)

    assert row is not None
    assert ids(row["identifiers"], "pseudonym") == ["p2", "p1"]


async def test_faults_and_mode_changes_are_found_by_charger_and_time(views: SqlViews, happened: Log):
    second = ChargerId("bay-2")
    await happened(
        faulted(NOON),
        recovered(NOON + MINUTE),
        faulted(NOON + HOUR, charger_id=second),
        requested(),
        applied(),
        requested(charger_id=second, mode=FREEVEND),
    )

    async def faults(**wanted: Any) -> list[Any]:
        every = {"charger_id": None, "since": None, "until": None, "cursor": None, "limit": 50}
        return (await views.faults(ACME, **(every | wanted))).items

    assert [(row["charger_id"], row["cleared_at"]) for row in await faults()] == [(second, None), (BAY, NOON + MINUTE)]
    assert ids(await faults(charger_id=BAY), "charger_id") == [BAY]
    assert ids(await faults(since=NOON + MINUTE), "charger_id") == [second]
    changes = await views.mode_changes(ACME, charger_id=BAY, since=None, until=None, cursor=None, limit=50)
    assert [(row["mode"], row["outcome"], row["late_s"]) for row in changes.items] == [("managed", "applied", 2.0)]


async def test_chargers_and_depots_are_found_by_id(views: SqlViews, happened: Log):
    await happened(depot_registered(), registered(), agreement_recorded())

    depot, charger = await views.depot(ACME, NORTH), await views.charger(ACME, BAY)
    assert depot is not None
    assert charger is not None
    assert (depot["time_zone"], charger["depot_id"]) == ("Europe/Berlin", NORTH)
    assert ids((await views.chargers(ACME, depot_id=NORTH, cursor=None, limit=5)).items, "charger_id") == [BAY]
    assert (await views.chargers(ACME, depot_id="south", cursor=None, limit=5)).items == []
    assert await views.agreement(ACME, PARTNER) is not None
    assert await views.attempt(ACME, TRY) is None


# --- tenants and instants -------------------------------------------------------------------------------------------


async def test_nothing_of_a_tenant_is_told_to_another(views: SqlViews, happened: Log):
    await happened(
        depot_registered(),
        registered(),
        requested(),
        faulted(),
        denied(),
        agreement_recorded(),
        vehicle_registered(),
        identifier_added("p1"),
    )
    span: dict[str, Any] = {"charger_id": None, "since": None, "until": None, "cursor": None, "limit": 50}

    pages = [
        await views.depots(OTHER, cursor=None, limit=50),
        await views.chargers(OTHER, depot_id=None, cursor=None, limit=50),
        await views.attempts(OTHER, EVERY, cursor=None, limit=50),
        await views.faults(OTHER, **span),
        await views.mode_changes(OTHER, **span),
        await views.vehicles(OTHER, pseudonyms=["p1"]),
        await views.vehicles(OTHER),
        await views.agreements(OTHER, cursor=None, limit=50),
    ]
    rows = [
        await views.depot(OTHER, NORTH),
        await views.charger(OTHER, BAY),
        await views.attempt(OTHER, TRY),
        await views.vehicle(OTHER, VAN),
        await views.agreement(OTHER, PARTNER),
    ]

    assert [page.items for page in pages] == [[]] * len(pages)
    assert rows == [None] * len(rows)


async def test_tenants_may_use_the_same_ids(views: SqlViews, happened: Log):
    await happened(vehicle_registered(), identifier_added("p1"))
    await happened(vehicle_registered(description=own(name="Theirs")), identifier_added("p9"), tenant=OTHER)

    ours, theirs = await views.vehicle(ACME, VAN), await views.vehicle(OTHER, VAN)

    assert ours is not None
    assert theirs is not None
    assert (ours["name"], ids(ours["identifiers"], "pseudonym")) == ("Van 1", ["p1"])
    assert (theirs["name"], ids(theirs["identifiers"], "pseudonym")) == ("Theirs", ["p9"])


async def test_instants_are_told_in_utc_whatever_they_came_in(views: SqlViews, happened: Log):
    local = NOON.astimezone(timezone(timedelta(hours=11, minutes=30)))
    await happened(denied(decided_for=local))

    row = await views.attempt(ACME, TRY)

    assert row is not None
    assert row["occurred_at"] == NOON
    assert row["occurred_at"].tzinfo is UTC


# --- what the decision path has to know again -----------------------------------------------------------------------


async def test_open_sessions_are_those_that_began_and_did_not_end(views: SqlViews, happened: Log):
    anyone = AttemptId("try-9")
    await happened(allowed(), started())
    await happened(allowed(), started(), ended(), tenant=OTHER)
    await happened(started(attempt_id=anyone, decision=SessionDecision.NONE, identifier=None, vehicle_id=None))

    ours, nobodys = await views.open_sessions()

    assert (ours["tenant_id"], ours["attempt_id"], ours["transaction_id"]) == (ACME, TRY, "tx-1")
    assert (ours["session_decision"], ours["meter_start_wh"], ours["connector_id"]) == ("allowed", 1_000, 2)
    assert (ours["identifier_kind"], ours["identifier_pseudonym"], ours["vehicle_id"]) == ("rfid", "p1", VAN)
    assert (nobodys["attempt_id"], nobodys["identifier_kind"]) == (anyone, None)


async def test_recent_attempts_are_those_decided_since(views: SqlViews, happened: Log):
    pin = ref("p7", IdentifierKind.PIN)
    await happened(a_try(1), a_try(2, identifier=pin), started(attempt_id=AttemptId("try-5"), started_at=NOON + HOUR))
    await happened(a_try(3), tenant=OTHER)

    rows = await views.attempts_since(NOON + 2 * MINUTE)

    assert [(row["tenant_id"], row["attempt_id"]) for row in rows] == [(ACME, "try-2"), (OTHER, "try-3")]
    assert (rows[0]["identifier_kind"], rows[0]["reason"]) == ("pin", "unknown_identifier")


async def test_connected_chargers_are_those_last_seen_so(views: SqlViews, happened: Log):
    away = ChargerId("bay-2")
    await happened(registered(), ChargerConnected(charger_id=BAY, protocol="ocpp1.6", connected_at=NOON))
    await happened(ChargerConnected(charger_id=away, protocol="ocpp1.6", connected_at=NOON))

    assert ids(list(await views.connected_chargers()), "charger_id") == [BAY]
