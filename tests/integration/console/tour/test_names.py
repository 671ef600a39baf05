"""Names that operators could give to break a page: each page shows them as they are, and nothing of them is run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from access_policy.application.ports.identity import NO_TENANT, Role
from tests.integration.console.tour.conftest import Place
from tests.support.console_furnishing import Names, furnish
from tests.support.console_looks import WIDTHS, arrive
from tests.support.console_pages import PHONE, ServedDepot, served_depot, serving_client, visiting
from tests.support.console_tour import EMPTY, STOPS

PLANTED: Final = '<img src=x onerror="planted=1"><b data-planted>'
NAMES: Final = Names(
    agreement=f"{PLANTED}agreement",
    fleet=f"{PLANTED}fleet",
    ending=f"{PLANTED}trial",
    vehicle=f"{PLANTED}vehicle {{number}}",
    schedule=f"{PLANTED}schedule",
    rule=f"{PLANTED}rule",
    calendar=f"{PLANTED}calendar",
    holiday=f"{PLANTED}holiday",
    reason=f"{PLANTED}reason",
)
CHARGER: Final = "<b data-planted>bay & 'co'"
DEPOT: Final = "planted-yard"
RIVAL: Final = "<b data-planted>rival"
SHOWN: Final = f"""() => [
  typeof planted,
  document.querySelectorAll("[data-planted], img[src=x]").length,
  {WIDTHS},
  [document.body.innerText, ...[...document.querySelectorAll("input")].map((each) => each.value)].join(" "),
]"""
SHOWN_ON: Final = {
    "board": ("depot", CHARGER, "reason"),
    "charger": (CHARGER, "reason"),
    "vehicles": ("vehicle 104",),
    "vehicle": ("vehicle 104",),
    "agreements": ("agreement", "fleet"),
    "overrides": ("reason",),
    "schedules": ("schedule",),
    "calendars": ("calendar", "holiday"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def planted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with served_depot(tmp_path_factory.mktemp("planted")) as served:
        yield served, await _planted_in(served)


async def _planted_in(depot: ServedDepot) -> dict[str, str]:
    body = {"name": f"{PLANTED}depot", "time_zone": "Europe/Berlin"}
    await depot.send("PUT", f"/v1/depots/{DEPOT}", body)
    profile = (await depot.send("GET", "/v1/chargers/bay-2"))["profile"]
    for charger_id, point in ((CHARGER, "PY-1"), ("gate-2", "PY-2")):
        body = {"charge_point_id": point, "depot_id": DEPOT, "profile": profile, "baseline_mode": "freevend"}
        await depot.client.put("/v1/chargers/" + charger_id.replace("/", "%2F"), json=body)
    return dict(await furnish(depot, DEPOT, [CHARGER, "gate-2"], CHARGER, NAMES))


async def test_names_with_html_are_text_on_every_page(browser: Browser, planted: Place) -> None:
    depot, ids = planted
    faults: list[str] = []
    async with visiting(browser, depot, subject=f"{PLANTED}olga") as visitor:
        page = await visitor.open("/console/signed-in")
        await page.set_viewport_size(PHONE)
        for stop in STOPS:
            await arrive(visitor, page, stop.path(ids))
            run, elements, (width, room), shown = await page.evaluate(SHOWN)
            faults += [f"{stop.page}: {error}" for error in visitor.errors]
            if run != "undefined" or elements:
                faults.append(f"{stop.page}: the name became {elements} elements")
            if width > room:
                faults.append(f"{stop.page} is {width} px wide")
            for text in SHOWN_ON.get(stop.page, ()):
                name = text if text == CHARGER else f"{PLANTED}{text}"
                if name not in shown:
                    faults.append(f"{stop.page} does not show {name}")

    assert faults == [], "\n".join(faults)


async def test_tenant_with_html_in_its_name_is_text_on_every_page(browser: Browser, planted: Place) -> None:
    depot, _ = planted
    headers = {"Authorization": f"Bearer {_token_of_the_installation(depot)}"}
    body = {"name": f"{PLANTED}tenant", "data_region": "eu-central-1"}
    await depot.send("PUT", f"/v1/tenants/{quote(RIVAL, safe='')}", body, headers=headers)
    async with serving_client(depot.service, RIVAL) as client:
        of_rival = ServedDepot(depot.service, client, {}, tenant=RIVAL)
        await of_rival.send("PUT", "/v1/depots/rival", {"name": f"{PLANTED}depot", "time_zone": "Europe/Berlin"})
        faults: list[str] = []
        async with visiting(browser, of_rival) as visitor:
            page = await visitor.open("/console/signed-in")
            assert RIVAL in await page.locator("#who").inner_text()
            for stop in EMPTY:
                await arrive(visitor, page, stop.path({"depot_id": "rival"}))
                await page.evaluate("document.getElementById('account').open = true")
                run, elements, _, shown = await page.evaluate(SHOWN)
                if run != "undefined" or elements:
                    faults.append(f"{stop.page}: the name became {elements} elements")
                if RIVAL not in shown:
                    faults.append(f"{stop.page} does not show {RIVAL}")

    assert faults == [], "\n".join(faults)


def _token_of_the_installation(depot: ServedDepot) -> str:
    tokens = depot.service.container.stores.tokens()
    return str(tokens.issue(NO_TENANT, Role.INSTALLATION, subject="setup", ttl=timedelta(minutes=5)))
