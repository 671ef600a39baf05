"""Open consoles beside load: the weight of each page, the time to the first live update, the delay of updates, and the p99 of
decisions with and without consoles.

`serve` runs in two processes, as in production, with 200 chargers; load and consoles are separate processes. The consoles do
what the pages' `live.js` does; one real Chromium measures the first update. Runs without and with consoles take turns.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import httpx
from playwright.async_api import async_playwright

from access_policy.application.ports.identity import Identity, Role
from access_policy.domain.ids import ActorId
from access_policy.entrypoints.http.console.navigation import ENTRIES
from access_policy.entrypoints.processes.one_time_links import one_time_link
from access_policy.settings import Settings
from benchmarks.console_client import STAGES
from benchmarks.durable_server import CONTEXT
from benchmarks.propagation import clients, cpu_s, load, prepared, serving, share_of

CHARGERS: Final = 200
CONSOLES: Final = 20
ROUNDS: Final = 3
FIRST_UPDATES: Final = 5
AS_LONG_AS_NEEDED_S: Final = 3_600.0
CONNECTED_S: Final = 5.0  # until the load has started
CHROMIUM: Final = "/usr/bin/chromium"
_ASSET: Final = re.compile(r'(?:href|src)="(/console/assets/[^"]+)"')


@dataclass(frozen=True, slots=True)
class Weight:
    """Compressed bytes of a page's bodies as sent. On the second visit, files that the first visit may keep are not sent."""

    page: str
    first: int
    second: int


@dataclass
class Consoles:
    """`without_p99_ms` and `with_p99_ms` have one decision p99 per round. `delays_ms` are the times from a decision to its
    fragment in a console, and `stages_ms` their parts. `office_cpu_s` is the office's processor time beside consoles.
    """

    per_second: float
    without_p99_ms: list[float] = field(default_factory=list)
    with_p99_ms: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    stages_ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in STAGES})
    office_cpu_s: float = 0.0
    seconds: float = 0.0  # beside consoles
    first_updates_ms: list[float] = field(default_factory=list)
    fragments: int = 0
    weights: list[Weight] = field(default_factory=list)

    def __str__(self) -> str:
        pages = "\n".join(f"  {each.page}: {each.first:,} and {each.second:,} bytes" for each in self.weights)
        stages = ", ".join(
            f"{name} {share_of(each, 0.5):.0f} and {share_of(each, 0.95):.0f}" for name, each in self.stages_ms.items()
        )
        return (
            f"{CHARGERS} chargers, {self.per_second:,.0f} attempts a second, without and with {CONSOLES} consoles: "
            f"p99 of decisions {median(self.without_p99_ms):.1f} and {median(self.with_p99_ms):.1f} ms\n"
            f"an attempt is shown after: p50 {share_of(self.delays_ms, 0.5):.0f} ms, p95 "
            f"{share_of(self.delays_ms, 0.95):.0f} ms; {self.fragments:,} fragments; the office's processor time "
            f"{100 * self.office_cpu_s / self.seconds:.0f} % of one processor\n"
            f"of it, p50 and p95 in ms: {stages}\n"
            f"from opening the page to its first live update, in Chromium: median {median(self.first_updates_ms):.0f} ms\n"
            f"weight at the first and the second visit:\n{pages}"
        )


def measure(seconds: float, per_second: float) -> Consoles:
    return asyncio.run(_measure(seconds, per_second))


async def _measure(seconds: float, per_second: float) -> Consoles:
    found = Consoles(per_second)
    with tempfile.TemporaryDirectory(prefix="consoles-") as directory:
        await prepared(Path(directory), chargers=CHARGERS)
        async with serving(Path(directory)) as (http, ocpp):
            async with httpx.AsyncClient(base_url=http, trust_env=False, timeout=30, follow_redirects=True) as visitor:
                await visitor.get(await _link(Path(directory), http))
                found.weights = [await _weight(visitor, each.path) for each in ENTRIES]
                cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
            for _ in range(ROUNDS):
                found.without_p99_ms.append((await load(ocpp, CHARGERS, seconds, per_second))["p99_ms"])
                async with _consoles(http, cookie, found):
                    began, before = perf_counter(), cpu_s(Path(directory), "office")
                    found.with_p99_ms.append((await load(ocpp, CHARGERS, seconds, per_second))["p99_ms"])
                    found.office_cpu_s += cpu_s(Path(directory), "office") - before
                    found.seconds += perf_counter() - began
            under_way = asyncio.create_task(load(ocpp, CHARGERS, AS_LONG_AS_NEEDED_S, per_second))
            await asyncio.sleep(CONNECTED_S)
            for _ in range(FIRST_UPDATES):
                found.first_updates_ms.append(await _first_update_ms(await _link(Path(directory), http)))
            under_way.cancel()
            await asyncio.wait({under_way})
    return found


async def _link(directory: Path, http: str) -> str:
    who = Identity(tenant_id=CONTEXT.tenant_id, role=Role.ADMIN, subject=ActorId("bench"), depots=None)
    return await one_time_link(Settings(data=directory), who, int(http.rpartition(":")[2]))


async def _weight(visitor: httpx.AsyncClient, path: str) -> Weight:
    """Load a page as a browser does, which keeps `immutable` files and requests the others again."""
    page = await visitor.get(path)
    page.raise_for_status()
    first, second = page.num_bytes_downloaded, page.num_bytes_downloaded
    for asset in dict.fromkeys(_ASSET.findall(page.text)):
        answer = await visitor.get(asset)
        answer.raise_for_status()
        first += answer.num_bytes_downloaded
        if "immutable" not in answer.headers.get("cache-control", ""):
            second += answer.num_bytes_downloaded
    return Weight(path, first, second)


async def _first_update_ms(link: str) -> float:
    """Sign in with a new browser, without a cache, and open the attempts."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(link, wait_until="commit")
        origin = "/".join(link.split("/")[:3])
        await page.goto("about:blank")
        began = perf_counter()
        await page.goto(f"{origin}/console/attempts", wait_until="domcontentloaded")
        shown = await page.locator("#attempts").inner_text()
        await page.wait_for_function("shown => document.querySelector('#attempts').innerText !== shown", arg=shown)
        took_ms = 1000 * (perf_counter() - began)
        await browser.close()
    return took_ms


@asynccontextmanager
async def _consoles(http: str, cookie: str, found: Consoles) -> AsyncIterator[None]:
    async with clients("console_client", http, cookie, str(CONSOLES)) as figures:
        yield
        told = await figures()
        found.delays_ms += told["delays_ms"]
        for name in STAGES:
            found.stages_ms[name] += told[name]
        found.fragments += told["fragments"]
