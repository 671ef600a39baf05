"""A served depot and a signed-in Chromium: what tests of the console's pages begin with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize, WebError

from access_policy.application.ports.identity import Identity, Role
from access_policy.domain.ids import ActorId, DepotId, TenantId
from access_policy.entrypoints.demo.api import DemoApi
from access_policy.entrypoints.demo.fleet import CENTRAL, KEYED, OWN_CARD, SHOWS_ERRORS, STRANGER_CARD, TENANT, ZONE
from access_policy.entrypoints.demo.once import all_chargers
from access_policy.entrypoints.processes.one_time_links import one_time_link
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from simulated_charger import SimulatedCharger
from tests.support import pictures
from tests.support.console_browsers import WINDOW, context_for, context_of_its_own
from tests.support.places import prepare_file
from tests.support.plain_http import plain_client
from tests.support.served_axe import serving_axe, violations_of

ROOT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = ROOT / "build/screenshots"
DESK: Final = WINDOW
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
WAIT_MS: Final = 20_000  # a deadline for a busy machine, not an expectation
SERIOUS: Final = frozenset({"serious", "critical"})


@dataclass
class ServedDepot:
    """The demo's depot, with denied and allowed attempts and a switched charger, behind the real service."""

    service: Service
    client: httpx.AsyncClient  # an admin's
    chargers: dict[str, SimulatedCharger]
    tenant: str = TENANT

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service.http_port}"

    async def send(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """The body of the answer, which must be a success."""
        answer = await self.client.request(method, path, json=body, **how)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def sign_in_link(
        self, role: Role = Role.ADMIN, *, subject: str = "olga", depots: Sequence[str] | None = None
    ) -> str:
        who = Identity(
            tenant_id=TenantId(self.tenant),
            role=role,
            subject=ActorId(subject),
            depots=None if depots is None else frozenset(map(DepotId, depots)),
        )
        return await one_time_link(self.service.settings, who, self.service.http_port)


@asynccontextmanager
async def served_depot(
    directory: Path, before: Callable[[Settings], Awaitable[None]] | None = None
) -> AsyncIterator[ServedDepot]:
    """`before` writes to the store before the service opens it."""
    prepare_file(directory / "views.sqlite")
    settings = Settings(data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    if before is not None:
        await before(settings)
    async with AsyncExitStack() as closing:
        with serving_axe():
            service = await closing.enter_async_context(Service(settings).running())
        client = await closing.enter_async_context(serving_client(service, TENANT))
        api = DemoApi(str(client.base_url), client.headers["Authorization"].removeprefix("Bearer "))
        closing.push_async_callback(api.close)
        await api.set_up()
        chargers = all_chargers(f"ws://127.0.0.1:{service.ocpp_port}/ocpp")
        await _set_up(client)
        for each in (KEYED, SHOWS_ERRORS, CENTRAL):
            await closing.enter_async_context(chargers[each.charger_id])
        await asyncio.gather(
            *(chargers[each.charger_id].until_ready(timeout_s=60) for each in (KEYED, SHOWS_ERRORS, CENTRAL))
        )
        await _visits(chargers)
        yield ServedDepot(service, client, chargers)


@asynccontextmanager
async def serving_client(service: Service, tenant: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's API, as an admin."""
    token = service.container.stores.tokens().issue(tenant, Role.ADMIN, subject="setup", ttl=timedelta(hours=3))
    headers, url = {"Authorization": f"Bearer {token}"}, f"http://127.0.0.1:{service.http_port}"
    async with plain_client(base_url=url, headers=headers, timeout=30) as client:
        yield client


async def _set_up(client: httpx.AsyncClient) -> None:
    """A second depot without chargers, managed nights at the first one, and its denying charger managed all day. The first
    one's operating day has begun hours ago and lasts for hours, at whatever time the tests run."""
    now = datetime.now(UTC).astimezone(ZoneInfo(ZONE))
    today = now.date().isoformat()
    settings = {"day_starts_at": f"{now - timedelta(hours=8):%H}:00"}
    nights = {
        "name": "Nights",
        "mode": "managed",
        "recurrence": "FREQ=DAILY",
        "start": "22:00",
        "end": "06:00",
        "applies_from": today,
    }
    always = {"name": "Always", "mode": "managed", "recurrence": "FREQ=DAILY", "start": "00:00", "end": "00:00"}
    always |= {"end_day_offset": 1, "applies_from": today, "priority": 5}
    south = {"name": "South yard", "time_zone": "Europe/London"}
    for method, path, body in (
        ("PUT", "/v1/depots/south-yard", south),
        ("PUT", "/v1/depots/north-yard/reservation-settings", settings),
        ("POST", "/v1/depots/north-yard/mode-rules", {"charger_ids": "all", "rule": nights}),
        ("POST", "/v1/depots/north-yard/mode-rules", {"charger_ids": ["bay-2", "bay-4"], "rule": always}),
    ):
        answer = await client.request(method, path, json=body)
        assert answer.is_success, answer.text


async def _visits(chargers: dict[str, SimulatedCharger]) -> None:
    for charger, vehicle in ((SHOWS_ERRORS, STRANGER_CARD), (CENTRAL, STRANGER_CARD), (CENTRAL, OWN_CARD)):
        await chargers[charger.charger_id].try_to_charge(
            identifier=vehicle.presents, vehicle=vehicle.on_the_cable, for_s=0.2, patience_s=10.0
        )


@dataclass
class Visitor:
    """A browser of one person. `elsewhere` are its requests to any address but the service's; to other hosts they fail.

    Requests are watched and not intercepted: Playwright would send each of them through this process, without a cache.
    `requested` are the URLs of all of them.
    """

    depot: ServedDepot
    context: BrowserContext
    requested: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def open(self, path: str = "/console/", *, wide: bool = True) -> Page:
        """A new tab on that page."""
        page = await self.context.new_page()
        page.set_default_timeout(WAIT_MS)
        if not wide:
            await page.set_viewport_size(PHONE)
        await page.goto(self.depot.url + path)
        return page

    def note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def fail(self, error: WebError) -> None:
        self.errors.append(str(error.error))

    def watch(self, request: Request) -> None:
        self.requested.append(request.url)
        if not request.url.startswith(f"{self.depot.url}/"):
            self.elsewhere.append(request.url)


@asynccontextmanager
async def visiting(
    browser: Browser,
    depot: ServedDepot,
    role: Role | None = Role.ADMIN,
    *,
    subject: str = "olga",
    shared: bool = True,
    **context: Any,
) -> AsyncIterator[Visitor]:
    """A signed-in browser; `role=None`: not signed in. `context` are options of Playwright's `new_context`.

    `shared=False`: a browser that nobody has used and nobody will use, for tests that give it scripts or a clock.
    """
    opening = context_for(browser, depot.url, context) if shared else context_of_its_own(browser, context)
    async with opening as watched:
        visitor = watched.watcher = Visitor(depot, watched.context)
        if role is not None:
            await sign_in(visitor, role, subject=subject)
        yield visitor
    assert visitor.elsewhere == [], "the console asked other hosts"


async def sign_in(visitor: Visitor, role: Role = Role.ADMIN, *, subject: str = "olga") -> None:
    """By a link, without the page that follows: tests of signing in open it in a tab."""
    link = await visitor.depot.sign_in_link(role, subject=subject)
    answer = await visitor.context.request.get(link, max_redirects=0)
    assert answer.status == HTTPStatus.SEE_OTHER, await answer.text()


def serious_among(violations: list[dict[str, Any]]) -> list[str]:
    return [
        f"{each['id']}: {each['help']} at {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in violations
        if each["impact"] in SERIOUS
    ]


async def check_page(visitor: Visitor, page: Page) -> None:
    """No serious violation of accessibility, no error in the browser's console, no sideways scrolling on a phone."""
    assert visitor.errors == [], "\n".join(visitor.errors)
    serious = serious_among(await violations_of(page))
    assert serious == [], "\n".join(serious)
    await check_width(page)


async def check_width(page: Page) -> None:
    """No sideways scrolling on a phone."""
    before = page.viewport_size
    if before != PHONE:
        await page.set_viewport_size(PHONE)
    width, room = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= room, f"{page.url} is {width} px wide on a phone of {room} px"
    if before is not None and before != PHONE:
        await page.set_viewport_size(before)


async def screenshots(page: Page, name: str) -> None:
    """`build/screenshots/NAME-desk.png`, `-phone.png` and `-dark.png`: for people to look at."""
    if not pictures.are_taken():
        return
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for suffix, size, scheme in (("desk", DESK, "light"), ("phone", PHONE, "light"), ("dark", DESK, "dark")):
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.screenshot(path=SCREENSHOTS / f"{name}-{suffix}.png", full_page=True, animations="disabled")
    await page.emulate_media(color_scheme="light")
    if before is not None:
        await page.set_viewport_size(before)
