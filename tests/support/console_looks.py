"""The looks of a tour, what is checked at each stop, and what it leaves in `build/tour`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page, ViewportSize

from tests.support import pictures
from tests.support.console_pages import ROOT, WAIT_MS, ServedDepot, Visitor, serious_among, visiting
from tests.support.console_tour import Ids, Stop
from tests.support.served_axe import violations_of

TOUR: Final = ROOT / "build/tour"
AXE_RESULTS: Final = TOUR / "axe"
TABLE: Final = TOUR / "axe.md"
IMPACTS: Final = ("critical", "serious", "moderate", "minor")
# Without a locator, whose script Playwright adds to each page that uses one, for a tenth of a page's CPU seconds.
FOLLOWED: Final = """() => new Promise((isFollowed) => {
  const mark = document.getElementById("live");
  const look = () => { if (!mark || mark.dataset.state === "on") isFollowed(); };
  if (mark) new MutationObserver(look).observe(mark, {attributes: true});
  look();
})"""
WIDTHS: Final = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


@dataclass(frozen=True, slots=True)
class Look:
    width: int
    theme: str
    height: int = 900

    @property
    def window(self) -> ViewportSize:
        return {"width": self.width, "height": self.height}

    def __str__(self) -> str:
        return f"{self.width}-{self.theme}"


LOOKS: Final = (Look(1280, "light"), Look(390, "light", 844), Look(1280, "dark"))


def in_turn(stops: Sequence[Stop], looks: int) -> Iterator[tuple[Look, list[Stop]]]:
    """So many looks at each stop; in a short tour the first stop has the first look, the second the second, and so on."""
    for number, look in enumerate(LOOKS):
        seen = [stop for at, stop in enumerate(stops) if (number - at) % len(LOOKS) < looks]
        if seen:
            yield look, seen


async def walk(
    browser: Browser,
    depot: ServedDepot,
    ids: Ids,
    stops: Sequence[Stop],
    *,
    looks: int,
    suffix: str = "",
    then: Callable[[Stop, Page], Awaitable[None]] | None = None,
) -> list[str]:
    """Visit them. Return the faults, each with its page: an empty list is a good tour. `suffix` is of the pages' names.

    `then` is called once for each stop, last, and may change the page. The visitor asks for less motion.
    """
    faults, finished = [], set[str]()
    for look, seen in in_turn(stops, looks):
        wishes = {"color_scheme": look.theme, "reduced_motion": "reduce", "locale": "en-GB"}
        async with visiting(browser, depot, **wishes) as visitor:
            page = await visitor.open("/console/signed-in")
            for stop in seen:
                name = f"{stop.page}{suffix}-{look}"
                if page.viewport_size != look.window:
                    await page.set_viewport_size(look.window)
                await arrive(visitor, page, stop.path(ids))
                faults += await look_at(visitor, page, name)
                if then is not None and stop.page not in finished:
                    await then(stop, page)
                    finished.add(stop.page)
    write_table()
    return faults


async def look_at(visitor: Visitor, page: Page, name: str) -> list[str]:
    """Let axe read the page, which is open, and take its picture. Return its faults, each with `name`."""
    if pictures.are_taken():
        await _picture(page, name)
    return [f"{name}: {fault}" for fault in await _faults(visitor, page, name)]


async def arrive(visitor: Visitor, page: Page, path: str) -> None:
    """Open the page and wait until it follows changes; a page without the frame of the console follows none."""
    visitor.errors.clear()
    await page.goto(visitor.depot.url + path)
    async with asyncio.timeout(WAIT_MS / 1_000):
        await page.evaluate(FOLLOWED)


async def _picture(page: Page, name: str) -> None:
    """The whole page in a window of its height, so that parts which stick to the window's edge are where they belong."""
    TOUR.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    assert before is not None
    height = await page.evaluate("document.documentElement.scrollHeight")
    await page.set_viewport_size({"width": before["width"], "height": max(height, before["height"])})
    await page.screenshot(path=TOUR / f"{name}.png", full_page=True, animations="disabled")
    await page.set_viewport_size(before)


async def _faults(visitor: Visitor, page: Page, name: str) -> list[str]:
    width, room = await page.evaluate(WIDTHS)
    sideways = [f"{width} px wide in a window of {room} px"] if width > room else []
    violations = await violations_of(page)
    AXE_RESULTS.mkdir(parents=True, exist_ok=True)
    counted = {impact: _count(violations, impact) for impact in IMPACTS}
    rules = sorted(f"{each['id']} ({each['impact']})" for each in violations)
    (AXE_RESULTS / f"{name}.json").write_text(json.dumps({"counts": counted, "rules": rules}), "utf-8")
    return [*visitor.errors, *sideways, *serious_among(violations)]


def _count(violations: Iterable[dict[str, Any]], impact: str) -> int:
    return sum(len(each["nodes"]) for each in violations if each["impact"] == impact)


def write_table() -> None:
    """`build/tour/axe.md`: each page seen so far, with the number of violating elements by their impact."""
    head = f"| page | {' | '.join(IMPACTS)} | rules |\n|-|{'-:|' * len(IMPACTS)}-|\n"
    TABLE.write_text(head + "".join(map(_row, sorted(AXE_RESULTS.glob("*.json")))), "utf-8")


def _row(file: Path) -> str:
    found = json.loads(file.read_text("utf-8"))
    counts = " | ".join(str(found["counts"][impact]) for impact in IMPACTS)
    return f"| {file.stem} | {counts} | {', '.join(found['rules'])} |\n"
