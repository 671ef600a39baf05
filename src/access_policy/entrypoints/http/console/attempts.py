"""The attempts, live: denied and allowed, with filters that are links."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from access_policy.application.ports.views import Page
from access_policy.domain.access.reasons import Reason
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console.attempts_asked import PERIOD_WORDS, Asked, AskedAttempts
from access_policy.entrypoints.http.console.fragments import Fragment, drawn
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.shared_readings import Shared, seen_by
from access_policy.entrypoints.http.dependencies import Views
from access_policy.entrypoints.http.v1.access_event_models import AccessEvent
from access_policy.entrypoints.http.v1.vehicle_models import VehicleReader, Vehicles

router: APIRouter = pages_router()

ATTEMPTS: Final = "/console/attempts"
ON_A_PAGE: Final = 50


@router.get(ATTEMPTS, dependencies=visitors(READERS))
async def attempts(here: Here, asked: AskedAttempts, views: Views, vehicles: Vehicles) -> HTMLResponse:
    return here.page("attempts.html", **_listed(asked, await _read(here, asked, views, vehicles)))


@router.get(ATTEMPTS + "/rows", dependencies=visitors(READERS))
async def attempt_rows(
    request: Request, here: Here, asked: AskedAttempts, views: Views, vehicles: Vehicles, shared: Shared
) -> HTMLResponse:
    """Return the list for live updates, rendered once for all consoles that show the same."""
    audience = here.audience

    async def draw() -> Fragment:
        return drawn("attempts_rows.html", audience, **_listed(asked, await _read(here, asked, views, vehicles)))

    fragment: Fragment = await shared.get(("attempts", audience, asked), seen_by(request), draw)
    return fragment.answer(request)


async def _read(here: Visit, asked: Asked, views: Views, vehicles: VehicleReader) -> Page:
    wanted = await asked.filter(here, vehicles)
    return await views.attempts(here.caller.tenant_id, wanted, cursor=asked.cursor, limit=ON_A_PAGE)


def _listed(asked: Asked, page: Page) -> dict[str, Any]:
    return {
        "asked": asked,
        "attempts": [AccessEvent.of(row) for row in page.items],
        "next_cursor": page.next_cursor,
        "base": ATTEMPTS,
        "reasons": list(Reason),
        "periods": PERIOD_WORDS,
    }
