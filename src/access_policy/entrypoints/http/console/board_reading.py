"""The rows of the board, and their groups."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.views import Row, Views
from access_policy.application.queries.charger_sync import Sync
from access_policy.entrypoints.http.console import words
from access_policy.entrypoints.http.console.here import Visit
from access_policy.entrypoints.http.console.pictures import Picture
from access_policy.entrypoints.http.console.problems_shown import ATTENTION, ProblemShown, problem_of
from access_policy.entrypoints.http.v1.charger_models import ChargerStatus
from access_policy.entrypoints.http.v1.charger_reader import ChargerReader

PAGE: Final = 200
AT_A_TIME: Final = 20  # chargers in one iteration of the event loop
COLLAPSED_FROM: Final = 24  # a group of chargers without problems is closed from this size on
ORDER: Final = (Sync.DRIFTED, Sync.FAILED, Sync.UNREACHABLE, Sync.PENDING, Sync.UNSUPPORTED, Sync.IN_SYNC)
NEVER: Final = datetime.min.replace(tzinfo=UTC)
_PREFIX = re.compile(r"^(.*?)[-_ .]?\d*$")


@dataclass(frozen=True, slots=True)
class BoardRow:
    charger: ChargerStatus
    problem: ProblemShown | None
    session: Row | None
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    rows: list[BoardRow]
    is_open: bool
    sync: str | None = None


async def read_rows(
    here: Visit, chargers: ChargerReader, found: Sequence[Row], *, also_retired: bool = False
) -> list[BoardRow]:
    charging = await chargers.charging(here.caller.tenant_id, found)
    rows = []
    async for row in cooperatively(found, at_a_time=AT_A_TIME):
        status = await chargers.status(here.caller.tenant_id, row, charging)
        if status is not None and (also_retired or status.retired_at is None):
            rows.append(
                BoardRow(status, problem_of(status), next(iter(reversed(charging.get(status.charger_id, ()))), None))
            )
    return rows


async def all_chargers(here: Visit, views: Views) -> list[Row]:
    """Return the chargers of the chosen depot, or of all the visitor's depots."""
    rows: list[Row] = []
    cursor = None
    while True:
        found = await views.chargers(here.caller.tenant_id, depot_id=here.depot_id, cursor=cursor, limit=PAGE)
        rows += found.items
        if (cursor := found.next_cursor) is None:
            return rows


def matching(rows: Iterable[BoardRow], text: str, sync: Sync | None) -> list[BoardRow]:
    """Filter rows. `text` matches part of a charger's ids, its model or the vehicle that is charging."""
    wanted = text.casefold().strip()
    return [row for row in rows if (sync is None or row.charger.sync is sync) and wanted in _searched(row)]


def _searched(row: BoardRow) -> str:
    charger = row.charger
    parts = [charger.charger_id, charger.charge_point_id, charger.model or "", charger.profile]
    return " ".join([*parts, (row.session or {}).get("vehicle_id") or ""]).casefold()


def problems_first(rows: Iterable[BoardRow]) -> list[ProblemShown]:
    """Return the problems, the most severe first and, among equals, the oldest first."""
    found = [row.problem for row in rows if row.problem is not None]
    return sorted(found, key=lambda each: (each.severity, each.since or NEVER, each.charger.charger_id))


def grouped(rows: Sequence[BoardRow], by: str, *, all_open: bool) -> list[Group]:
    """Group the rows. If there are many chargers, groups without problems are collapsed."""
    groups: defaultdict[tuple[int, str], list[BoardRow]] = defaultdict(list)
    for row in rows:
        groups[_group(row, by)].append(row)
    some_closed = len(rows) > COLLAPSED_FROM and len(groups) > 1 and not all_open
    return [
        Group(
            name,
            of_group,
            not some_closed or _needs_a_look(of_group),
            str(of_group[0].charger.sync) if by == "state" else None,
        )
        for (_, name), of_group in sorted(groups.items())
    ]


def _group(row: BoardRow, by: str) -> tuple[int, str]:
    match by:
        case "state":
            return ORDER.index(row.charger.sync), words.sync_in_words(row.charger.sync)
        case "prefix":
            return 0, prefix_of(row.charger.charger_id)
        case _:
            return 0, "All chargers"


def prefix_of(charger_id: str) -> str:
    """Return the name of a charger without its number: `bay` for `bay-12`."""
    match = _PREFIX.match(charger_id)
    return (match[1] if match else "") or "Others"


def groups_of(charger_ids: Iterable[str]) -> dict[str, list[str]]:
    """Group the chargers by their name without its number; each group is in order."""
    groups: dict[str, list[str]] = {}
    for charger_id in sorted(charger_ids):
        groups.setdefault(prefix_of(charger_id), []).append(charger_id)
    return groups


def _needs_a_look(rows: Iterable[BoardRow]) -> bool:
    return any(row.problem is not None and row.problem.severity < ATTENTION for row in rows)
