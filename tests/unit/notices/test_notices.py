"""Notices, looked for over histories in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.notices.watch import NoticeWatch
from access_policy.application.ports.event_store import Append
from access_policy.application.streams import condition_stream
from access_policy.domain.charger_condition.events import ChargerConnected, ChargerDisconnected
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.notices.notices import AgreementEndsSoon, ChargerUnreachableAtTransition
from tests.support.builders import NOON
from tests.support.http_api import HttpApi, http_api
from tests.support.stores import happened
from tests.unit.http.conftest import AGREEMENT, GIVEN, NIGHTS

ACME, BAY = TenantId("acme"), ChargerId("bay-1")
CONNECTED = ChargerConnected(charger_id=BAY, protocol="ocpp1.6", connected_at=NOON)
GONE = ChargerDisconnected(charger_id=BAY, reason="lost", disconnected_at=NOON)
DUE = NOON.replace(hour=21)  # 22:00 in Berlin
OPEN_BY_DAY = (
    "PUT",
    "/v1/chargers/bay-1",
    {"charge_point_id": "CP-1", "depot_id": "north", "baseline_mode": "freevend"},
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=GIVEN) as made:
        await made.done(*OPEN_BY_DAY[:2], {**OPEN_BY_DAY[2], "profile": "ocpp16-central"})
        await made.done("POST", "/v1/chargers/bay-1/mode-rules", NIGHTS)
        yield made


async def condition(api: HttpApi, *events: Any) -> None:
    append = Append(condition_stream(ACME, BAY), 0, tuple(map(happened, events)))
    await api.container.stores.store().append([append])
    await api.settled()


async def noted(api: HttpApi, at: Any) -> list[Any]:
    """The notices that a process which has just started records at this time."""
    api.container.clock().set(at)
    before = await api.position()
    watch = NoticeWatch(api.container.deciding.view(), api.container.stores.store(), api.container.clock())
    await watch.check()
    await watch.check()
    return await api.events_after(before)


async def test_charger_that_is_not_connected_a_minute_after_a_transition_is_noted_once(api: HttpApi) -> None:
    await condition(api, CONNECTED, GONE)

    assert await noted(api, DUE + timedelta(seconds=59)) == []
    (notice,) = await noted(api, DUE + timedelta(seconds=60))
    assert isinstance(notice, ChargerUnreachableAtTransition)
    assert (notice.charger_id, notice.mode, notice.due_at) == (BAY, "managed", DUE)
    assert notice.cause.name == "Nights"
    assert await noted(api, DUE + timedelta(minutes=5)) == [], "another process looks again"


@pytest.mark.parametrize(
    ("events", "after"),
    [
        ((CONNECTED,), timedelta(minutes=5)),
        ((), timedelta(minutes=5)),
        ((CONNECTED, GONE), timedelta(minutes=31)),
        ((CONNECTED, GONE), timedelta(minutes=-1)),
    ],
    ids=["connected", "never connected", "long ago", "before it"],
)
async def test_charger_is_not_noted_without_a_recent_transition_that_it_missed(
    api: HttpApi, events: tuple[Any, ...], after: timedelta
) -> None:
    if events:
        await condition(api, *events)

    assert await noted(api, DUE + after) == []


async def test_agreement_that_ends_within_a_fortnight_is_noted_once_for_each_end(api: HttpApi) -> None:
    ends = NOON + timedelta(days=20)
    await api.done("PUT", "/v1/agreements/couriers", {**AGREEMENT, "valid_until": ends.isoformat()})
    await api.settled()

    assert await noted(api, ends - timedelta(days=14, seconds=1)) == []
    (notice,) = await noted(api, ends - timedelta(days=14))
    assert notice == AgreementEndsSoon(
        agreement_id=notice.agreement_id, ends_at=ends, noted_at=ends - timedelta(days=14)
    )
    assert await noted(api, ends - timedelta(days=3)) == []
    later = ends + timedelta(days=2)
    await api.done("PUT", "/v1/agreements/couriers", {**AGREEMENT, "valid_until": later.isoformat()})
    await api.settled()
    assert [each.ends_at for each in await noted(api, ends - timedelta(days=2))] == [later]
    assert await noted(api, later) == []
