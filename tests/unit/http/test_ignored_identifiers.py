"""A denied identifier is left out of the list until it is denied after some days, or is listed again."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.domain.vehicle_registry.events import DeniedIdentifierIgnored, DeniedIdentifierListed
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import STRANGER

ATTEMPT = ("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": STRANGER})


async def listed(api: HttpApi, query: str = "") -> list[str]:
    items = (await api.get(f"/v1/denied-identifiers{query}")).json()["items"]
    return [each["denied_id"] for each in items]


async def denied(api: HttpApi) -> str:
    await api.recorded(ATTEMPT)
    (denied_id,) = await listed(api)
    return denied_id


async def test_ignored_identifier_is_left_out_of_the_list_until_it_is_denied_after_its_days(api: HttpApi) -> None:
    denied_id = await denied(api)
    clock: Any = api.container.clock()

    ignored = await api.recorded(
        ("POST", f"/v1/denied-identifiers/{denied_id}/ignore", {"reason": "a neighbour", "days": 2})
    )
    clock.forward(hours=47)
    await api.recorded(ATTEMPT)
    assert (await listed(api), await listed(api, "?ignored=true")) == ([], [denied_id])
    clock.forward(hours=1)
    await api.recorded(ATTEMPT)

    assert [type(each) for each in ignored] == [DeniedIdentifierIgnored]
    assert await listed(api) == [denied_id]


async def test_identifier_listed_again_is_shown_at_once_and_again_changes_nothing(api: HttpApi) -> None:
    path = f"/v1/denied-identifiers/{await denied(api)}/ignore"
    ignore, again = ("POST", path, {"reason": "a neighbour"}), ("DELETE", path, None)

    assert len(await api.recorded(ignore)) == 1
    assert await api.recorded(ignore) == []
    assert [type(each) for each in await api.recorded(again)] == [DeniedIdentifierListed]
    assert await api.recorded(again) == []
    assert len(await listed(api)) == 1


@pytest.mark.parametrize(
    ("denied_id", "body", "status"),
    [
        ("none", {"reason": "x"}, 404),
        (None, {"reason": " "}, 422),
        (None, {"reason": "x", "days": 0}, 422),
        (None, {}, 422),
    ],
)
async def test_ignoring_that_is_impossible_is_refused(
    api: HttpApi, denied_id: str | None, body: Any, status: int
) -> None:
    known = await denied(api)
    before = await api.position()

    answer = await api.send("POST", f"/v1/denied-identifiers/{denied_id or known}/ignore", body)

    assert (answer.status_code, await api.position()) == (status, before)
