"""The board: problems first, then all chargers of a depot, now or as a picture of a day or a week."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.views import Row
from access_policy.application.ports.views import Views as ViewsPort
from access_policy.application.queries.charger_sync import Sync
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.domain.ids import ChargerId
from access_policy.domain.mode_schedule.timeline import timeline
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console import board_reading as reading
from access_policy.entrypoints.http.console import pictures
from access_policy.entrypoints.http.console.board_reading import BoardRow
from access_policy.entrypoints.http.console.board_rows import SharedRow, rows_drawn
from access_policy.entrypoints.http.console.fragments import Fragment
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.pictures import Window
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.shared_readings import Shared, SharedReadings, seen_by
from access_policy.entrypoints.http.dependencies import Policies, Views
from access_policy.entrypoints.http.fields import Day
from access_policy.entrypoints.http.v1.charger_reader import ChargerReader, Chargers

router: APIRouter = pages_router()

BOARD: Final = "/console/board"
LOOK_BACK: Final = timedelta(days=3)  # for the mode in force when a window begins
CHANGES_MAX: Final = 20_000  # mode changes read for one picture page
PICTURES_AT_A_TIME: Final = 5

View = Literal["now", "day", "week"]


@dataclass(frozen=True, slots=True)
class Shown:
    """The view, filter and grouping of the board; every link of the page changes one of them."""

    view: View
    day: date | None
    group: str
    q: str
    sync: Sync | None

    def parameters(self, **changed: Any) -> dict[str, Any]:
        """Return the parameters that are not the default."""
        found = {
            "view": None if self.view == "now" else self.view,
            "day": self.day,
            "group": None if self.group == "state" else self.group,
            "q": self.q or None,
            "sync": None if self.sync is None else self.sync.value,
        }
        return {**found, **changed}


async def _shown(
    view: Annotated[View, Query()] = "now",
    day: Annotated[Day | Literal[""] | None, Query()] = None,
    group: Annotated[Literal["state", "prefix", "none"], Query()] = "state",
    q: Annotated[str, Query(max_length=100)] = "",
    sync: Annotated[Sync | Literal[""] | None, Query()] = None,
) -> Shown:
    return Shown(view, day or None, group, q, sync or None)


Asked = Annotated[Shown, Depends(_shown)]


@router.get(BOARD, dependencies=visitors(READERS))
async def board(here: Here, asked: Asked, views: Views, chargers: Chargers, policies: Policies) -> HTMLResponse:
    rows = await reading.read_rows(here, chargers, await reading.all_chargers(here, views))
    shown = await _pictured(here, asked, views, policies, reading.matching(rows, asked.q, asked.sync))
    problems = reading.problems_first(rows)
    return await here.page_cooperatively("board.html", rows=rows, problems=problems, **_listed(here, asked, shown))


@router.get(BOARD + "/problems", dependencies=visitors(READERS))
async def problems(here: Here, asked: Asked, views: Views, chargers: Chargers, shared: Shared) -> HTMLResponse:
    """Return the part of the board above the chargers, for live updates."""
    rows = await _shared_rows(here, views, chargers, shared)
    return await here.page_cooperatively(
        "board_problems.html", rows=rows, asked=asked, problems=reading.problems_first(rows)
    )


@router.get(BOARD + "/chargers", dependencies=visitors(READERS))
async def all_rows(
    here: Here, asked: Asked, views: Views, chargers: Chargers, policies: Policies, shared: Shared
) -> HTMLResponse:
    rows = reading.matching(await _shared_rows(here, views, chargers, shared), asked.q, asked.sync)
    shown = await _pictured(here, asked, views, policies, rows)
    return await here.page_cooperatively("board_chargers.html", **_listed(here, asked, shown))


@router.get(BOARD + "/rows", dependencies=visitors(READERS))
async def some_rows(
    here: Here,
    asked: Asked,
    views: Views,
    chargers: Chargers,
    policies: Policies,
    shared: Shared,
    charger_id: Annotated[list[str] | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """Return the rows of these chargers, for the live updates of a page that shows them."""
    found = await _some_shared_rows(here, views, chargers, shared, frozenset(charger_id or ()))
    if asked.view == "now":
        return Fragment(await rows_drawn(here.audience, found)).answer(here.request)
    shown = await _pictured(here, asked, views, policies, [each.row for each in found])
    return await here.page_cooperatively("board_rows.html", **_listed(here, asked, shown))


async def _shared_rows(
    here: Visit, views: ViewsPort, chargers: ChargerReader, shared: SharedReadings
) -> list[BoardRow]:
    """Return all rows of the board, read once for all consoles that show the same chargers."""

    async def read() -> list[BoardRow]:
        return await reading.read_rows(here, chargers, await reading.all_chargers(here, views))

    key = ("board", here.caller.tenant_id, here.caller.depots, here.depot_id)
    rows: list[BoardRow] = await shared.get(key, seen_by(here.request), read)
    return rows


async def _some_shared_rows(
    here: Visit, views: ViewsPort, chargers: ChargerReader, shared: SharedReadings, wanted: Collection[str]
) -> list[SharedRow]:
    """Like `_shared_rows`, but for these chargers only."""

    async def read(names: Collection[str]) -> dict[str, SharedRow]:
        found = await views.chargers_of(here.caller.tenant_id, names)
        rows = await reading.read_rows(here, chargers, [each for each in found if _is_shown(here, each)])
        return {row.charger.charger_id: SharedRow(row) for row in rows}

    key = ("rows", here.caller.tenant_id, here.caller.depots, here.depot_id)
    found = await shared.some(key, wanted, seen_by(here.request), read)
    return list(found.values())


def _is_shown(here: Visit, row: Row) -> bool:
    return here.depot_id in (None, row["depot_id"])


def _listed(here: Visit, asked: Shown, rows: Sequence[BoardRow]) -> dict[str, Any]:
    window = window_of(here, asked)
    return {
        "asked": asked,
        "groups": reading.grouped(rows, asked.group, all_open=bool(asked.q or asked.sync)),
        "window": window,
        "ticks": [] if window is None else pictures.ticks(window),
        "clock_changes": [] if window is None else pictures.clock_changes(window),
        "board": BOARD,
    }


def window_of(here: Visit, asked: Shown) -> Window | None:
    """Return the requested day or week, or the current one if none was requested."""
    if asked.view == "now":
        return None
    first = asked.day or here.now.astimezone(here.zone).date()
    if asked.view == "day":
        return Window.of(first, 1, here.zone)
    return Window.of(first - timedelta(days=first.weekday()), 7, here.zone)


async def _pictured(
    here: Visit, asked: Shown, views: ViewsPort, policies: ChargerAccessPolicies, rows: list[BoardRow]
) -> list[BoardRow]:
    window = window_of(here, asked)
    if window is None:
        return rows
    changes = await changes_of(here, views, window, {row.charger.charger_id for row in rows})
    found = []
    async for row in cooperatively(rows, at_a_time=PICTURES_AT_A_TIME):
        policy = await policies.find(here.caller.tenant_id, ChargerId(row.charger.charger_id))
        if policy is None:
            continue
        of_zone = window.on_the_clock_of(row.charger.time_zone)
        expected = timeline(policy.plan, of_zone.start, of_zone.end).segments
        drawn = pictures.picture(of_zone, expected, changes[row.charger.charger_id], here.now)
        found.append(replace(row, picture=drawn))
    return found


async def changes_of(here: Visit, views: ViewsPort, window: Window, of: set[str]) -> defaultdict[str, list[Row]]:
    """Return the mode changes of these chargers up to the window's end, oldest first, including some days before it."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    only = next(iter(of)) if len(of) == 1 else None
    cursor, read = None, 0
    while read < CHANGES_MAX:
        page = await views.mode_changes(
            here.caller.tenant_id,
            charger_id=only,
            depot_id=here.depot_id,
            since=window.start - LOOK_BACK,
            until=window.end,
            cursor=cursor,
            limit=reading.PAGE,
        )
        for row in page.items:
            if row["charger_id"] in of:
                found[row["charger_id"]].insert(0, row)
        read += len(page.items)
        if (cursor := page.next_cursor) is None:
            break
        await asyncio.sleep(0)
    return found
