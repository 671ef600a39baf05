"""A service that answers slowly: the page asks for a part again when it has rested, not as soon as the last answer is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from playwright.async_api import Page, Request, Route

from tests.support.console_pages import Visitor

DEADLINE_S: Final = 60.0
HELD_MS: Final = 6_000  # on the page's clock, which only the test moves on
REST_FACTOR: Final = 2  # as in live.js
STEP_MS: Final = 50
CHECK_INTERVAL_S: Final = 0.02
FINISHED: Final = "addEventListener('htmx:finally:request', () => { window.finishedAt = Date.now() }, {once: true})"
ATTEMPT: Final = """new BroadcastChannel("access-policy-live").postMessage(
    {is: "event", kind: "attempt", key: "bay-1", id: 0})"""


class Held:
    """Requests for the list of attempts, each held until it is let go."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.release = asyncio.Event()

    async def take(self, route: Route, request: Request) -> None:
        self.asked.append(request)
        await self.release.wait()
        await route.continue_()


async def moved_on_until(page: Page, is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await is_so():
            await page.clock.run_for(STEP_MS)


async def now_ms(page: Page) -> int:
    return int(await page.evaluate("Date.now()"))


async def sent(page: Page) -> None:
    """Return when the requests that the page has made so far have come here: `/healthz` passes this process after them."""
    await page.evaluate("fetch('/healthz').then(answer => answer.text())")


async def test_page_asks_again_after_twice_the_time_that_the_last_answer_took(lone_visitor: Visitor) -> None:
    page = await lone_visitor.open("/console/attempts?depot_id=north-yard")
    held = Held()

    async def asked() -> bool:
        return bool(held.asked)

    await page.route("**/console/attempts/rows*", held.take)
    await page.route("**/healthz", lambda route: route.continue_())
    await page.clock.install()
    await page.reload()
    other = await lone_visitor.open("/console/attempts?depot_id=north-yard")  # a tab hears only what another one says
    await page.clock.pause_at(await now_ms(page) + 60_000)
    began_ms = await now_ms(page)
    await other.evaluate(ATTEMPT)
    await moved_on_until(page, asked)

    await other.evaluate(ATTEMPT)
    await page.clock.run_for(HELD_MS)
    await sent(page)
    assert len(held.asked) == 1

    await page.evaluate(FINISHED)
    held.release.set()
    async with asyncio.timeout(DEADLINE_S):
        # The page's clock stands: how long the answer takes here is not what it measures.
        while (finished_ms := await page.evaluate("window.finishedAt ?? null")) is None:  # noqa: ASYNC110
            await asyncio.sleep(CHECK_INTERVAL_S)
    await sent(page)
    assert len(held.asked) == 1

    await page.clock.run_for(REST_FACTOR * (finished_ms - began_ms) + STEP_MS)
    await sent(page)
    assert len(held.asked) == 2
