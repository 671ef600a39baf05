"""axe-core, served by the service under test, so that a browser caches it in compiled form across pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from fastapi import APIRouter
from fastapi.responses import Response
from playwright.async_api import Page

from access_policy.entrypoints.http import console
from access_policy.entrypoints.http.console.assets import FOREVER

ROOT: Final = Path(__file__).resolve().parents[2]
AXE: Final = ROOT / "tests/node/node_modules/axe-core/axe.min.js"
PATH: Final = "/axe-core.js"
# Without details of passed rules and CSS selectors, and without fetching style sheets, which only a disabled rule would need.
VIOLATIONS: Final = """async () => (await axe.run(
  {resultTypes: ["violations"], selectors: false, preload: {assets: ["media"]}})).violations"""
_LOADED: Final = """(path) => window.axe === undefined && new Promise((loaded, failed) => {
  const script = document.createElement("script");
  script.src = path;
  script.onload = () => { script.remove(); loaded(); };
  script.onerror = () => failed(new Error("the service under test does not serve axe-core"));
  document.head.append(script);
})"""

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def _axe() -> Response:
    return Response(AXE.read_bytes(), media_type="text/javascript", headers={"Cache-Control": FOREVER})


@contextmanager
def serving_axe() -> Iterator[None]:
    """Serve axe-core from the applications that are created within the block."""
    with patch.object(console, "ROUTERS", (router, *console.ROUTERS)):
        yield


async def violations_of(page: Page) -> list[dict[str, Any]]:
    """Return `id`, `impact`, `help` and `nodes` of each violation that axe-core finds."""
    await page.evaluate(_LOADED, PATH)
    found: list[dict[str, Any]] = await page.evaluate(VIOLATIONS)
    return found
