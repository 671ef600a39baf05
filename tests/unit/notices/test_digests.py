"""Digests of depots, over histories in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.digests.watch import DigestWatch
from access_policy.domain.access.reasons import Reason
from access_policy.domain.notices.digests import DenialCount, DepotDigestMade, day_to_digest
from tests.support.builders import NOON
from tests.support.http_api import HttpApi, http_api
from tests.unit.http.conftest import DEPOT, GIVEN, NIGHTS, RFID, STRANGER

DUE = (NOON + timedelta(days=1)).replace(hour=5, minute=30)  # 06:30 in Berlin


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=GIVEN) as made:
        await made.done("PUT", "/v1/depots/north", {**DEPOT, "digest_at": "06:30"})
        await made.done("POST", "/v1/chargers/bay-1/mode-rules", {**NIGHTS, "mode": "freevend"})
        for presented in (RFID, STRANGER, STRANGER):
            await made.done("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": presented})
        await made.settled()
        yield made


async def made_at(api: HttpApi, now: datetime) -> list[Any]:
    """The digests that two processes which have just started record at this time."""
    api.container.clock().set(now)
    before, queries = await api.position(), api.container.queries
    for _ in range(2):
        watch = DigestWatch(
            api.container.deciding.view(),
            api.container.stores.store(),
            api.container.clock(),
            queries.access_reports(),
            queries.mode_compliance(),
            api.container.read_side.models().followed_to,
        )
        await watch.check()
        await watch.check()
    await api.settled()
    return await api.events_after(before)


async def test_digest_is_made_once_at_the_local_time_of_the_depot(api: HttpApi) -> None:
    assert await made_at(api, DUE - timedelta(seconds=1)) == []

    (digest,) = await made_at(api, DUE)

    assert isinstance(digest, DepotDigestMade)
    assert (digest.since, digest.until) == (DUE - timedelta(days=1), DUE)
    assert (digest.attempts, digest.allowed, digest.denied) == (3, 1, 2)
    assert digest.denials == (DenialCount(reason=Reason.UNKNOWN_IDENTIFIER, denials=2),)
    assert (digest.transitions, digest.missed, digest.pending, digest.unreachable) == (2, 1, 1, 2)
    assert [(each.charger_id, each.missed, each.pending) for each in digest.problems] == [("bay-1", 1, 1)]
    assert await made_at(api, DUE + timedelta(hours=5)) == [], "another process looks again"


async def test_digest_of_a_depot_without_the_setting_is_not_made(api: HttpApi) -> None:
    await api.done("PUT", "/v1/depots/north", DEPOT)
    await api.settled()

    assert await made_at(api, DUE) == []


async def test_digest_that_is_six_hours_late_is_left_out(api: HttpApi) -> None:
    assert await made_at(api, DUE + timedelta(hours=6)) == []


async def test_digest_waits_until_the_read_models_have_followed(api: HttpApi) -> None:
    async def behind() -> int:
        return 0

    api.container.clock().set(DUE)
    queries, before = api.container.queries, await api.position()
    parts = (api.container.deciding.view(), api.container.stores.store(), api.container.clock())
    watch = DigestWatch(*parts, queries.access_reports(), queries.mode_compliance(), behind)

    await watch.check()

    assert await api.position() == before


async def test_day_to_digest_has_25_hours_when_the_clock_goes_back(api: HttpApi) -> None:
    depot = next(iter(api.container.deciding.view().depots_of("acme")))
    day = day_to_digest(depot, datetime(2026, 10, 25, 6, 0, tzinfo=UTC))

    assert day is not None
    assert (day[1] - day[0], day[1].hour) == (timedelta(hours=25), 5)
