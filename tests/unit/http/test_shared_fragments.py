"""Fragments that many consoles receive: drawn once, and only for visitors who may see the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from access_policy.application.ports.identity import Role
from access_policy.domain.ids import DepotId, TenantId
from access_policy.entrypoints.http.console import attempts, board_rows, shared_readings
from access_policy.entrypoints.http.console.audience import Audience
from access_policy.entrypoints.http.console.templating import environment
from tests.support.builders import BERLIN, NOON
from tests.support.http_api import HttpApi, http_api
from tests.unit.http.conftest import CHARGER, DEPOT, STRANGER

SOUTH = {**CHARGER, "charge_point_id": "CP-S", "depot_id": "south"}
OURS = (
    ("PUT", "/v1/depots/north", DEPOT),
    ("PUT", "/v1/depots/south", {**DEPOT, "name": "South"}),
    ("PUT", "/v1/chargers/bay-1", CHARGER),
    ("PUT", "/v1/chargers/south-1", SOUTH),
    ("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": STRANGER}),
    ("POST", "/v1/access-decisions", {"charger_id": "south-1", "identifier": STRANGER}),
)
ATTEMPTS, ROWS = "/console/attempts/rows", "/console/board/rows?charger_id=bay-1&charger_id=south-1"
SEEN = {"X-Seen-Position": "1"}


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpApi]:
    monkeypatch.setattr(shared_readings, "GAP_MIN_S", 0.0)
    monkeypatch.setattr(shared_readings, "GAP_MAX_S", 0.0)
    monkeypatch.setattr(shared_readings, "KEPT_S", 3_600.0)  # whatever is shared stays so for the test
    async with http_api(tmp_path, given=OURS) as api:
        yield api


async def shown(api: HttpApi, path: str, **who: Any) -> str:
    answer = await api.get(path, headers=SEEN, **who)
    assert answer.status_code == 200, answer.text
    return answer.text


def chargers_in(html: str) -> set[str]:
    return {each for each in ("bay-1", "south-1") if each in html}


async def test_attempts_are_drawn_once_for_all_who_see_the_same(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    draw = attempts.drawn
    monkeypatch.setattr(attempts, "drawn", lambda *args, **context: drawn.append(args) or draw(*args, **context))

    pages = {await shown(api, ATTEMPTS) for _ in range(5)}

    assert (len(pages), len(drawn)) == (1, 1)


async def test_rows_of_the_board_are_drawn_once_for_all_who_see_the_same(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {await shown(api, ROWS) for _ in range(2)}
    monkeypatch.setattr(board_rows, "environment", lambda: pytest.fail("a row is drawn again"))

    pages.add(await shown(api, ROWS))

    assert len(pages) == 1
    assert chargers_in(pages.pop()) == {"bay-1", "south-1"}


async def test_attempts_of_another_depot_are_not_shared(api: HttpApi) -> None:
    assert chargers_in(await shown(api, ATTEMPTS)) == {"bay-1", "south-1"}

    assert chargers_in(await shown(api, ATTEMPTS, depots=["south"])) == {"south-1"}
    assert chargers_in(await shown(api, ATTEMPTS, depots=["north"])) == {"bay-1"}
    assert chargers_in(await shown(api, ATTEMPTS + "?depot_id=north")) == {"bay-1"}
    assert chargers_in(await shown(api, ATTEMPTS + "?charger_id=south-1")) == {"south-1"}


async def test_rows_of_another_depot_are_not_shared(api: HttpApi) -> None:
    assert chargers_in(await shown(api, ROWS)) == {"bay-1", "south-1"}

    assert chargers_in(await shown(api, ROWS + "&depot_id=north")) == {"bay-1"}
    assert chargers_in(await shown(api, "/console/board/rows?charger_id=south-1", depots=["south"])) == {"south-1"}
    refused = await api.get(ROWS, depots=["south"], headers=SEEN)
    assert (refused.status_code, chargers_in(refused.text)) == (404, {"bay-1"})  # the id that was asked for


async def test_another_tenant_gets_nothing_of_what_is_shared(api: HttpApi) -> None:
    assert chargers_in(await shown(api, ATTEMPTS)) == chargers_in(await shown(api, ROWS)) == {"bay-1", "south-1"}

    assert chargers_in(await shown(api, ATTEMPTS, tenant="rival")) == set()
    assert chargers_in(await shown(api, ROWS, tenant="rival")) == set()


async def test_row_that_an_operator_may_choose_is_not_shared_with_a_viewer(api: HttpApi) -> None:
    operators = await shown(api, ROWS, role=Role.OPERATOR)
    viewers = await shown(api, ROWS, role=Role.VIEWER)

    assert 'name="charger_ids"' in operators
    assert 'name="charger_ids"' not in viewers


@pytest.mark.parametrize(
    "other",
    [
        {"tenant_id": TenantId("rival")},
        {"depots": frozenset({DepotId("north")})},
        {"role": Role.VIEWER},
        {"depot_id": DepotId("north")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_audience_differs_by_tenant_depots_role_and_chosen_depot(other: dict[str, Any]) -> None:
    audience = Audience(TenantId("acme"), None, Role.OPERATOR, None, BERLIN, NOON)

    assert replace(audience, **other) != audience
    assert replace(audience, now=NOON.replace(minute=1)) == audience


def test_shared_fragment_with_a_token_of_one_visitor_fails() -> None:
    audience = Audience(TenantId("acme"), None, Role.OPERATOR, None, BERLIN, NOON)

    for name in ("csrf", "request", "caller"):
        with pytest.raises(UndefinedError):
            environment().from_string("{{ here." + name + " }}").render(here=audience)
