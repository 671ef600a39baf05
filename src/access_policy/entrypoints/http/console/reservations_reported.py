"""The part of the reports about reservations: their outcomes by day and by source, and who was ready on time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from access_policy.application.plan.reader import PlanFilter
from access_policy.application.plan.status import PlanStatus
from access_policy.application.ports.views import ReservationFilter
from access_policy.application.queries.reservation_report import COUNTS, ReservationGroupBy, ReservationReports
from access_policy.entrypoints.http.console import charts
from access_policy.entrypoints.http.console.here import Visit
from access_policy.entrypoints.http.console.plan_words import source_in_words
from access_policy.entrypoints.http.console.reports_asked import Asked
from access_policy.entrypoints.http.v1.plan_reader import PlanShown
from access_policy.entrypoints.http.v1.reservation_models import Reservation

LOOKED_AT_MAX: Final = timedelta(days=32)  # because readiness needs every reservation of the period


@dataclass(frozen=True, slots=True)
class Readiness:
    """Counts of the reservations with a target whose charge has ended or met it. `late`: the target was met after the
    departure."""

    on_time: int
    late: int
    short: int


@dataclass(frozen=True, slots=True)
class ReservationsReported:
    """The report. `share` is the share of kept reservations among those kept or missed; None if there are none.
    `by_source` has a source, its partner and the counts. `readiness` None: the period is longer than
    `LOOKED_AT_MAX`."""

    totals: dict[str, int]
    share: float | None
    days: list[tuple[str, str, dict[str, int]]]
    chart: charts.ColumnChart
    by_source: list[tuple[str, dict[str, int]]]
    readiness: Readiness | None


async def reservations_reported(
    here: Visit, asked: Asked, reports: ReservationReports, plan: PlanShown
) -> ReservationsReported:
    """Return the report of the reservations that start in the period, at the chosen depot and charger."""
    where = ReservationFilter(
        since=asked.since, until=asked.until, depot_id=here.depot_id, charger_id=asked.charger_id or None
    )
    tenant_id = here.caller.tenant_id
    by_day = (await reports(tenant_id, [ReservationGroupBy.DAY], where)).rows
    by_source = (await reports(tenant_id, [ReservationGroupBy.SOURCE, ReservationGroupBy.PARTNER], where)).rows
    totals = {name: sum(row[name] for row in by_day) for name in COUNTS}
    decided = totals["kept"] + totals["missed"]
    days = _days(asked, by_day)
    readiness = None
    if asked.until - asked.since <= LOOKED_AT_MAX:
        wanted = PlanFilter(where=where, statuses=frozenset({PlanStatus.READY, PlanStatus.SHORT}))
        found = await plan.all(here.caller, wanted)
        readiness = readiness_of(each for each in found.items if each.start >= asked.since)
    return ReservationsReported(
        totals=totals,
        share=totals["kept"] / decided if decided else None,
        days=days,
        chart=charts.column_chart([(label, _in_words(title, row), _parts(row)) for label, title, row in days]),
        by_source=[(_source(row), row) for row in by_source],
        readiness=readiness,
    )


def readiness_of(rows: Iterable[Reservation]) -> Readiness:
    """Count the readiness of `rows`, which are ready or short."""
    on_time = late = short = 0
    for row in rows:
        if row.status is not PlanStatus.READY:
            short += 1
        elif _ready_on_time(row):
            on_time += 1
        else:
            late += 1
    return Readiness(on_time, late, short)


def _ready_on_time(row: Reservation) -> bool:
    """Return whether the charge met its target by the departure, or by the end of the window if it has no departure."""
    due = row.end if row.assignment is None else row.assignment.departure or row.end
    ready_at = None if row.charge is None else row.charge.ended_at or row.charge.measured_at
    return ready_at is not None and ready_at <= due


def _days(asked: Asked, rows: Sequence[dict[str, Any]]) -> list[tuple[str, str, dict[str, int]]]:
    """Return label, title and counts of each day, including those without reservations."""
    found = {_day(row["day"]): row for row in rows}
    nothing = dict.fromkeys(COUNTS, 0)
    return [
        (f"{day.day} {day:%b}", f"{day:%a} {day.day} {day:%b %Y}", found.get(day, nothing))
        for day in sorted({*asked.days, *found})
    ]


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _parts(row: dict[str, int]) -> dict[str, int]:
    return {
        "allowed": row["kept"] - row["late"],
        "free": row["late"],
        "denied": row["missed"],
        "managed": row["open"],
    }


def _in_words(title: str, row: dict[str, int]) -> str:
    return (
        f"{title}: {row['kept']} kept, {row['late']} of them late, {row['missed']} missed, {row['open']} still open, "
        f"{row['cancelled'] + row['replaced']} cancelled or replaced"
    )


def _source(row: dict[str, Any]) -> str:
    return f"{source_in_words(row['source'])}, {row['partner']}" if row["partner"] else source_in_words(row["source"])
