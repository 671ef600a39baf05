"""Chromium for tests of pages. Browser contexts are reused, because starting one takes half a CPU second."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from playwright.async_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Request,
    ViewportSize,
    WebError,
    async_playwright,
)

# The headless shell is Chromium without desktop windows, which would take more than half of a page's CPU seconds.
CHROMIUM: Final = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "chromium"
NO_OTHER_HOST: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
TABS_SHARE_A_PROCESS: Final = "--process-per-site"  # all tabs of one context
# A page lives too short for V8's optimising compilers: they took a third of the CPU seconds of a run of axe.
NO_OPTIMISING_COMPILERS: Final = "--js-flags=--no-turbofan --no-maglev"
# Chromium heeds only the last --disable-features, so this begins with those of Playwright. With the last two, Chromium makes a
# new frame and a new view for each page of the same site, which took a fifth of the CPU seconds of opening it.
DISABLED_FEATURES: Final = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "PreconnectToSearch",
    "RenderDocument",
    "ProactivelySwapBrowsingInstance",
)
ARGUMENTS: Final = (
    "--no-sandbox",
    "--lang=en-GB",
    NO_OTHER_HOST,
    TABS_SHARE_A_PROCESS,
    NO_OPTIMISING_COMPILERS,
    f"--disable-features={','.join(DISABLED_FEATURES)}",
)

WINDOW: Final[ViewportSize] = {"width": 1280, "height": 900}


class Watcher(Protocol):
    """Receives the requests, console messages and errors of the tabs of a context."""

    def watch(self, request: Request) -> None: ...

    def note(self, message: ConsoleMessage) -> None: ...

    def fail(self, error: WebError) -> None: ...


@dataclass
class Watched:
    """A context and the visitor who uses it now. Chromium is subscribed to once: each subscription takes 8 ms."""

    context: BrowserContext
    watcher: Watcher | None = None

    def __post_init__(self) -> None:
        self.context.on("request", lambda request: self.watcher and self.watcher.watch(request))
        self.context.on("console", lambda message: self.watcher and self.watcher.note(message))
        self.context.on("weberror", lambda error: self.watcher and self.watcher.fail(error))


@dataclass
class Reusable(Watched):
    """`session` controls a tab that stays open, because the rendering process of a site ends with its last tab."""

    session: CDPSession | None = None


_Options = frozenset[tuple[str, Any]]
_idle: dict[tuple[Browser, _Options], list[Reusable]] = {}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        for kept in [each for each in _idle if each[0] is browser]:
            del _idle[kept]
        await browser.close()


@asynccontextmanager
async def context_for(browser: Browser, origin: str, options: Mapping[str, Any]) -> AsyncIterator[Watched]:
    """Yield a browser context for pages of `origin`, without cookies, storage and tabs of earlier tests.

    The context keeps its rendering process and its cached assets, whose URLs change with their content. `options` are
    Playwright's options of `new_context`. A context is closed instead of reused if the block or the clean-up fails.
    """
    idle = _idle.setdefault((browser, frozenset(options.items())), [])
    reusable = idle.pop() if idle else await _opened(browser, origin, options)
    try:
        yield reusable
        await _empty(reusable, origin)
    except BaseException:  # an open page would send requests to a service that may have stopped
        await reusable.context.close()
        raise
    reusable.watcher = None
    idle.append(reusable)


@asynccontextmanager
async def context_of_its_own(browser: Browser, options: Mapping[str, Any]) -> AsyncIterator[Watched]:
    """Yield a context that is closed after its use, for tests that add scripts or a clock."""
    context = await browser.new_context(viewport=WINDOW, **options)
    try:
        yield Watched(context)
    finally:
        await context.close()


async def _opened(browser: Browser, origin: str, options: Mapping[str, Any]) -> Reusable:
    context = await browser.new_context(viewport=WINDOW, **options)
    staying = await context.new_page()
    await staying.goto(f"{origin}/healthz")
    return Reusable(context, session=await context.new_cdp_session(staying))


async def _empty(reusable: Reusable, origin: str) -> None:
    assert reusable.session is not None
    for tab in reusable.context.pages[1:]:
        await tab.close()
    await reusable.context.clear_cookies()
    await reusable.session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
