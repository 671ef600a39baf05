"""The chargers: search, filters, export, and the way to register, import and edit them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from access_policy.application.ports.views import Views as ViewsPort
from access_policy.application.queries.charger_sync import Sync
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console import board_reading as reading
from access_policy.entrypoints.http.console import words
from access_policy.entrypoints.http.console.board_reading import BoardRow
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.shared_readings import Shared, SharedReadings, seen_by
from access_policy.entrypoints.http.dependencies import Profiles, Views
from access_policy.entrypoints.http.middleware import CONSOLE_CHARGER_IMPORTS
from access_policy.entrypoints.http.v1.charger_reader import ChargerReader, Chargers

router: APIRouter = pages_router()

CHARGERS: Final = "/console/chargers"
ON_A_PAGE: Final = 100
OFFLINE: Final = "offline"
RETIRED: Final = "retired"
STATES: Final = {**{each.value: words.sync_in_words(each) for each in Sync}, OFFLINE: "Offline", RETIRED: "Retired"}

State = Sync | Literal["offline", "retired", ""]


@dataclass(frozen=True, slots=True)
class Asked:
    """A search. `state` is empty for all chargers in service. `mode` is the expected mode."""

    q: str
    state: str
    mode: str
    profile: str
    enforcement: str
    page: int

    def parameters(self, **changed: Any) -> dict[str, Any]:
        """Return the parameters that are not the default, without the page and with some of them changed."""
        found = {"q": self.q, "state": self.state, "mode": self.mode, "profile": self.profile}
        found["enforcement"] = self.enforcement
        return {name: value or None for name, value in {**found, **changed}.items()}

    @property
    def is_narrowed(self) -> bool:
        return bool(self.q or self.mode or self.profile or self.enforcement)

    def matching(self, rows: Iterable[BoardRow]) -> list[BoardRow]:
        """Apply all filters except the one by state."""
        return [row for row in reading.matching(rows, self.q, None) if self._fits(row)]

    def _fits(self, row: BoardRow) -> bool:
        charger = row.charger
        return (
            self.mode in ("", charger.expected_mode)
            and self.profile in ("", charger.profile)
            and self.enforcement in ("", charger.enforcement)
        )

    def in_state(self, rows: Iterable[BoardRow]) -> list[BoardRow]:
        if not self.state:
            return [row for row in rows if row.charger.retired_at is None]
        return [row for row in rows if self.state in states_of(row)]


def states_of(row: BoardRow) -> tuple[str, ...]:
    """Return the states of a charger, which may be both offline and in its expected mode."""
    charger = row.charger
    if charger.retired_at is not None:
        return (RETIRED,)
    return (charger.sync.value,) if charger.connected else (charger.sync.value, OFFLINE)


async def _asked(
    q: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[State, Query()] = "",
    mode: Annotated[AccessMode | Literal[""], Query()] = "",
    profile: Annotated[str, Query(max_length=64)] = "",
    enforcement: Annotated[Enforcement | Literal[""], Query()] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Asked:
    return Asked(q.strip(), str(state), str(mode), profile, str(enforcement), page)


AskedChargers = Annotated[Asked, Depends(_asked)]


@router.get(CHARGERS, dependencies=visitors(READERS))
async def chargers_page(
    here: Here, asked: AskedChargers, views: Views, chargers: Chargers, profiles: Profiles, shared: Shared
) -> HTMLResponse:
    rows = await _rows(here, views, chargers, shared)
    matching = asked.matching(rows)
    found = asked.in_state(matching)
    titles = {each.name: each.title for each in profiles.all(here.caller.tenant_id)}
    begin = (asked.page - 1) * ON_A_PAGE
    return await here.page_cooperatively(
        "chargers.html",
        asked=asked,
        rows=found[begin : begin + ON_A_PAGE],
        number=len(found),
        has_more=len(found) > begin + ON_A_PAGE,
        are_any=bool(rows),
        tabs=_tabs(asked, matching),
        titles=titles,
        used=sorted({(titles.get(each, each), each) for each in {row.charger.profile for row in rows}}),
        states=STATES,
        depot_names={each.depot_id: each.settings.name for each in here.depots},
        shows_depots=here.depot is None and len(here.depots) > 1,
        imports=CONSOLE_CHARGER_IMPORTS if here.administers and here.caller.depots is None else None,
        base=CHARGERS,
    )


async def _rows(here: Visit, views: ViewsPort, chargers: ChargerReader, shared: SharedReadings) -> list[BoardRow]:
    """Return all chargers, including retired ones, read once for all consoles that follow changes."""

    async def read() -> list[BoardRow]:
        return await reading.read_rows(here, chargers, await reading.all_chargers(here, views), also_retired=True)

    if not here.is_fragment:
        return await read()
    key = (CHARGERS, here.caller.tenant_id, here.caller.depots, here.depot_id)
    rows: list[BoardRow] = await shared.get(key, seen_by(here.request), read)
    return rows


def _tabs(asked: Asked, rows: Iterable[BoardRow]) -> list[tuple[str, str, int]]:
    """Return the states that occur, and the chosen one, each as value, title and number of chargers."""
    counted = Counter(state for row in rows for state in states_of(row))
    in_service = sum(row.charger.retired_at is None for row in rows)
    occurring = [each for each in STATES if counted[each] or asked.state == each]
    return [("", "All", in_service), *((each, STATES[each], counted[each]) for each in occurring)]
