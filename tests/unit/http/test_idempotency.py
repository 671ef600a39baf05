"""Idempotency-Keys: one key makes one effect, also in two processes, and also when the answer to the first request is lost."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.records.idempotency import LEASE
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Role
from tests.support.http_api import HttpApi, http_api
from tests.support.stores import memory_store
from tests.unit.http.conftest import GIVEN, NIGHTS, STRANGER

KEY = {"Idempotency-Key": "once"}
RULES = "/v1/chargers/bay-1/mode-rules"
CREATING: dict[str, tuple[str, Any]] = {
    "schedule_mode": (RULES, NIGHTS),
    "schedule_mode_for_many": ("/v1/depots/north/mode-rules", {"charger_ids": "all", "rule": NIGHTS}),
    "add_exception": ("/v1/chargers/bay-1/exceptions", {"date": "2026-12-24", "mode": "freevend", "reason": "holiday"}),
    "add_calendar_exception": (
        "/v1/chargers/bay-1/exceptions",
        {"calendar_id": "holidays", "mode": "freevend", "reason": "holiday"},
    ),
    "override_mode": ("/v1/chargers/bay-1/overrides", {"mode": "freevend", "for": "PT2H", "reason": "guests"}),
    "arm_enrolment": ("/v1/chargers/bay-1/enrolment-session", {"minutes": 5}),
    "enrol_identifier": ("/v1/denied-identifiers/{denied_id}/enrol", {"vehicle_id": "new", "access_class": "own"}),
    "decide_access": ("/v1/access-decisions", {"charger_id": "bay-1", "identifier": STRANGER}),
}
CALENDAR = (
    "PUT",
    "/v1/depots/north/calendars/holidays",
    {"name": "Holidays", "days": [{"date": "2026-12-25", "reason": "Christmas"}]},
)


@asynccontextmanager
async def two_processes(tmp_path: Path, *, share_records: bool) -> AsyncIterator[tuple[HttpApi, HttpApi]]:
    """On one event store and with one set of keys; with or without common records."""
    store = memory_store()
    here, there = tmp_path / "here", tmp_path / "there"
    async with http_api(here, store=store) as first:
        await first.recorded(*GIVEN)
        shutil.copytree(here / "keys", there / "keys")
        parts = {"records.idempotency": first.container.records.idempotency()} if share_records else {}
        async with http_api(there, store=store, parts=parts) as second:
            await second.settled()
            yield first, second


async def path_of(api: HttpApi, operation: str) -> str:
    path = CREATING[operation][0]
    if "{denied_id}" not in path:
        return path
    await api.send("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": STRANGER})
    (group,) = (await api.get("/v1/denied-identifiers")).json()["items"]
    return path.format(denied_id=group["denied_id"])


@pytest.fixture
async def ready(api: HttpApi) -> HttpApi:
    await api.recorded(CALENDAR)
    return api


# --- two processes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share_records", [True, False])
async def test_one_key_sent_to_two_processes_at_once_creates_one_rule(tmp_path: Path, share_records: bool) -> None:
    async with two_processes(tmp_path, share_records=share_records) as processes:
        answers = await asyncio.gather(*(each.send("POST", RULES, NIGHTS, headers=KEY) for each in processes))
        repeated = [await each.send("POST", RULES, NIGHTS, headers=KEY) for each in processes]

        statuses = {answer.status_code for answer in answers}
        assert 201 in statuses
        assert statuses <= {201, 409}
        assert len({answer.json()["rule_id"] for answer in repeated}) == 1
        await processes[1].settled()
        (shown,) = (await processes[1].get("/v1/chargers/bay-1")).json()["mode_rules"]
        assert shown["rule_id"] == repeated[0].json()["rule_id"]


async def test_a_key_under_way_in_another_process_is_refused_until_its_lease_expires(tmp_path: Path) -> None:
    async with two_processes(tmp_path, share_records=True) as (first, second):
        records, clock = second.container.records.idempotency(), second.container.clock()
        request = (
            b"POST\n/v1/chargers/bay-1/mode-rules\n\n\n\n"
            + first.client.build_request("POST", RULES, json=NIGHTS).content
        )
        await records.begin("acme", "once", records.fingerprint_of(request), holder="dead", now=clock.now())

        waiting = await first.send("POST", RULES, NIGHTS, headers=KEY)
        first.container.clock().forward(seconds=LEASE.total_seconds())
        taken_over = await first.send("POST", RULES, NIGHTS, headers=KEY)

        assert (waiting.status_code, waiting.headers["Retry-After"]) == (409, "1")
        assert taken_over.status_code == 201


# --- lost answers ------------------------------------------------------------------------------------------------------


def fails_once(call: Callable[[int], Awaitable[bool]]) -> Callable[[int], Awaitable[bool]]:
    failures = iter([True])

    async def failing(position: int) -> bool:
        if next(failures, False):
            raise StoreUnavailable("away")
        return await call(position)

    return failing


class FailsOnce:
    """The records of the service, whose named method raises `StoreUnavailable` at its first call."""

    def __init__(self, records: Any, name: str) -> None:
        self._records = records
        self._failing: Iterator[str] = iter([name])
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name == self._name and next(self._failing, None) is not None:
            return self._fail
        return getattr(self._records, name)

    async def _fail(self, *_: Any, **__: Any) -> None:
        raise StoreUnavailable("away")


async def test_a_creation_whose_answer_cannot_be_kept_is_done_once_when_it_is_repeated(ready: HttpApi) -> None:
    for operation, (_, body) in CREATING.items():
        path, key, before = await path_of(ready, operation), {"Idempotency-Key": operation}, await ready.position()
        ready.replace_part("records.idempotency", FailsOnce(ready.container.records.idempotency(), "keep"))

        lost = await ready.send("POST", path, body, headers=key)
        made = await ready.events_after(before)
        ready.container.clock().forward(hours=3)  # past the end of the override
        again = await ready.send("POST", path, body, headers=key)

        assert (lost.status_code, lost.headers["Retry-After"]) == (503, "2"), operation
        assert again.is_success, (operation, again.text)
        assert made, f"{operation} had its effect before its answer was lost"
        assert await ready.events_after(before) == made, operation


async def test_a_creation_that_fails_after_its_append_is_done_once_when_it_is_repeated(ready: HttpApi) -> None:
    for operation, (_, body) in CREATING.items():
        path, key, before = await path_of(ready, operation), {"Idempotency-Key": operation}, await ready.position()
        ready.replace_process(settled=fails_once(ready.process.settled))

        lost = await ready.send("POST", path, body, headers=key)
        made = await ready.events_after(before)
        ready.container.clock().forward(hours=3)
        again = await ready.send("POST", path, body, headers=key)

        assert (lost.status_code, lost.headers["Retry-After"]) == (503, "2"), operation
        assert again.is_success, (operation, again.text)
        assert made, operation
        assert await ready.events_after(before) == made, operation


async def test_a_key_that_is_used_again_a_day_later_creates_another_override(ready: HttpApi) -> None:
    path, body = CREATING["override_mode"]
    first = await ready.send("POST", path, body, headers=KEY)
    ready.container.clock().forward(seconds=timedelta(days=1).total_seconds())

    second = await ready.send("POST", path, body, headers=KEY)

    assert second.status_code == 201
    assert second.json()["override_id"] != first.json()["override_id"]


# --- records that are away ---------------------------------------------------------------------------------------------


async def test_a_store_that_fails_inside_a_middleware_is_a_503_with_retry_after(ready: HttpApi) -> None:
    before = await ready.position()
    ready.replace_part("records.idempotency", FailsOnce(ready.container.records.idempotency(), "begin"))

    answer = await ready.send("POST", RULES, NIGHTS, headers=KEY)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-request-id" in answer.headers
    assert await ready.position() == before
    assert (await ready.send("POST", RULES, NIGHTS, headers=KEY)).status_code == 201


async def test_a_store_that_fails_while_a_request_waits_for_its_log_position_is_a_503(ready: HttpApi) -> None:
    async def away(_: int) -> bool:
        raise StoreUnavailable("away")

    ready.replace_process(settled=away)

    answer = await ready.get("/v1/chargers", headers={"X-Log-Position": "1"})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


async def test_a_command_that_the_role_may_not_give_leaves_its_key_unused(ready: HttpApi) -> None:
    refused = await ready.send("POST", RULES, NIGHTS, headers=KEY, role=Role.VIEWER)
    other = await ready.send("POST", RULES, {**NIGHTS, "name": "Else"}, headers=KEY)

    assert (refused.status_code, other.status_code) == (403, 201)
