"""axe-core as a file of the service under test: a browser keeps it, compiled, from one page to the next."""

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
# No path to what is well, none to what is not, and no style sheet fetched again: the one rule that would read it is off.
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
    """Applications made within the block have it."""
    with patch.object(console, "ROUTERS", (router, *console.ROUTERS)):
        yield


async def violations_of(page: Page) -> list[dict[str, Any]]:
    """All that axe-core finds: `id`, `impact`, `help` and `nodes` of each violation."""
    await page.evaluate(_LOADED, PATH)
    found: list[dict[str, Any]] = await page.evaluate(VIOLATIONS)
    return found
