"""One search for everything: vehicles, cards, chargers, agreements, and attempts by the beginning of their id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from access_policy.application.ports.views import PAGE_MAX, AttemptFilter, Row
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console import board_reading
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.vehicle_search import find_vehicles
from access_policy.entrypoints.http.dependencies import Views
from access_policy.entrypoints.http.v1.vehicle_models import VehicleReader, Vehicles

router: APIRouter = pages_router()

SEARCH: Final = "/console/search"
SHOWN_MAX: Final = 20  # of each kind
PREFIX_MIN: Final = 4  # characters of an attempt's id


@router.get(SEARCH, dependencies=visitors(READERS))
async def search(
    here: Here, views: Views, vehicles: Vehicles, q: Annotated[str, Query(max_length=200)] = ""
) -> HTMLResponse:
    text = q.strip()
    if not text:
        return here.page("search.html", q="", vehicles=[], chargers=[], agreements=[], attempts=[])
    found = await find_vehicles(here, vehicles, text, access_class=None, cursor=None, limit=SHOWN_MAX)
    return here.page(
        "search.html",
        q=text,
        vehicles=found.items[:SHOWN_MAX],
        chargers=_matching(await board_reading.all_chargers(here, views), text, ("charger_id", "charge_point_id")),
        agreements=await _agreements(here, views, text),
        attempts=await _attempts(here, views, vehicles, text),
    )


def _matching(rows: Sequence[Row], text: str, names: Sequence[str]) -> list[Row]:
    wanted = text.casefold()
    return [row for row in rows if any(wanted in str(row[name]).casefold() for name in names)][:SHOWN_MAX]


async def _agreements(here: Visit, views: Views, text: str) -> list[Row]:
    page = await views.agreements(here.caller.tenant_id, cursor=None, limit=PAGE_MAX)
    return _matching(page.items, text, ("agreement_id", "name", "fleet"))


async def _attempts(here: Visit, views: Views, vehicles: VehicleReader, text: str) -> Sequence[Row]:
    """Find attempts by the beginning of their id, otherwise by the identifier."""
    tenant_id = here.caller.tenant_id
    if len(text) >= PREFIX_MIN:
        by_id = AttemptFilter(id_prefix=text, depot_id=here.depot_id)
        page = await views.attempts(tenant_id, by_id, cursor=None, limit=SHOWN_MAX)
        if page.items:
            return page.items
    pseudonyms = vehicles.spellings(tenant_id, text)
    if not pseudonyms:
        return []
    of_identifier = AttemptFilter(pseudonyms=pseudonyms, depot_id=here.depot_id)
    return (await views.attempts(tenant_id, of_identifier, cursor=None, limit=SHOWN_MAX)).items
