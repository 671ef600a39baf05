"""The reports: attempts, denials and energy, mode compliance, reservations, identifiers without a vehicle; and the same
as files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from access_policy.adapters.report_files.parquet import ParquetFiles
from access_policy.application.queries.access_report import COUNTS, GroupBy
from access_policy.application.queries.compliance_measures import LATENESS, ComplianceGroup
from access_policy.application.queries.energy_report import EnergyReportPart
from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.console import charts, words
from access_policy.entrypoints.http.console.energy_reported import energy_reported
from access_policy.entrypoints.http.console.here import Here
from access_policy.entrypoints.http.console.reports_asked import Asked, AskedFor
from access_policy.entrypoints.http.console.reservations_reported import reservations_reported
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.security import SECURITY
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.v1 import reports as api
from access_policy.entrypoints.http.v1.plan_reader import Plan
from access_policy.entrypoints.http.v1.reports import (
    Access,
    Compliance,
    EnergyOfSites,
    ReportAnswers,
    ReservationsKept,
    Unenrolled,
)

router: APIRouter = pages_router()

REPORTS: Final = "/console/reports"
ROWS_SHOWN: Final = 15
CLASSES: Final = {"own": "Own vehicles", "agreement": "Vehicles with an agreement", "unknown": "Unknown vehicles"}
WEEKDAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LATENESS_WORDS: Final = ("up to 1 s", "1 to 10 s", "10 s to 1 min", "1 to 5 min", "5 min to 1 h", "over 1 h")
MEDIA: Final = {"csv": "text/csv", "parquet": api.PARQUET}


@router.get(REPORTS, dependencies=visitors(READERS))
async def reports(
    here: Here,
    asked: AskedFor,
    access: Access,
    compliance: Compliance,
    unenrolled: Unenrolled,
    kept: ReservationsKept,
    of_energy: EnergyOfSites,
    plan: Plan,
) -> HTMLResponse:
    tenant_id, wanted = here.caller.tenant_id, asked.wanted(here)
    over_time = (await access(tenant_id, [GroupBy(asked.by)], wanted)).rows
    by_reason = (await access(tenant_id, [GroupBy.DECISION, GroupBy.REASON], wanted)).rows
    by_class = (await access(tenant_id, [GroupBy.ACCESS_CLASS], wanted)).rows
    by_charger = (await compliance(tenant_id, [ComplianceGroup.CHARGER], asked.question(here))).rows
    unknown = (await unenrolled(tenant_id, wanted)).rows
    counted = _over_time(asked, over_time)
    return here.page(
        "reports.html",
        asked=asked,
        page=REPORTS,
        totals={name: sum(row[name] for row in over_time) for name in COUNTS},
        counted=counted,
        chart=charts.column_chart([(label, _in_words(title, row), _parts(row)) for label, title, row in counted]),
        denials=charts.bars(_by_size([(words.reason_in_words(row["reason"]), row["denied"]) for row in by_reason])),
        energy=charts.bars(_by_size([(CLASSES[row["access_class"]], row["energy_wh"]) for row in by_class])),
        compliance=_compliance(by_charger),
        reservations=await reservations_reported(here, asked, kept, plan) if asked.counts_reservations else None,
        of_sites=await energy_reported(here, asked, of_energy) if asked.counts_reservations else None,
        unknown=unknown[:ROWS_SHOWN],
        unknown_count=len(unknown),
        may_enrol=here.may(OPERATORS) and here.caller.depots is None,
    )


@router.get(REPORTS + "/files/{name}.{kind}", dependencies=visitors(READERS))
async def file(
    here: Here,
    asked: AskedFor,
    name: Literal["access", "mode-compliance", "reservations", "energy", "unenrolled-identifiers"],
    kind: Literal["csv", "parquet"],
    access: Access,
    compliance: Compliance,
    unenrolled: Unenrolled,
    kept: ReservationsKept,
    of_energy: EnergyOfSites,
    parquet: Annotated[ParquetFiles, provided(lambda c: c.queries.parquet_files)],
    group_by: str = "day",
) -> Response:
    """Return the API's file of the report, for the period and the filters of the page. For `energy`, `group_by` names
    the part."""
    answers = ReportAnswers(parquet, MEDIA[kind])
    common: dict[str, Any] = {
        "caller": here.caller,
        "answers": answers,
        "from_": asked.since,
        "until": asked.until,
        "depot_id": here.depot_id,
        "charger_id": asked.charger_id or None,
    }
    if name == "access":
        ids: dict[str, Any] = {key: asked.filters()[key] for key in ("vehicle_id", "agreement_id")}
        response = await api.report_access(access_reports=access, group_by=group_by, **common, **ids)
    elif name == "mode-compliance":
        response = await api.report_mode_compliance(mode_compliance=compliance, group_by=group_by, **common)
    elif name == "reservations":
        response = await api.report_reservations(reservation_reports=kept, group_by=group_by, **common)
    elif name == "energy":
        part = EnergyReportPart(group_by) if group_by in list(EnergyReportPart) else EnergyReportPart.STARTS
        response = await api.report_energy(energy_reports=of_energy, part=part, **common)
    else:
        response = await api.report_unenrolled_identifiers(unenrolled=unenrolled, **common)
    saved_as = f"{name}-{asked.first}-to-{asked.last}.{kind}"
    response.headers.update({**SECURITY, "Content-Disposition": f'attachment; filename="{saved_as}"'})
    return response


def _over_time(asked: Asked, rows: Sequence[dict[str, Any]]) -> list[tuple[str, str, dict[str, int]]]:
    """Return label, title and counts of each day, hour or weekday, including those without attempts."""
    found = {row[asked.by]: row for row in rows}
    nothing = dict.fromkeys(COUNTS, 0)
    if asked.by == "hour":
        return [(f"{hour:02d}", f"{hour:02d}:00 to {hour + 1:02d}:00", found.get(hour, nothing)) for hour in range(24)]
    if asked.by == "weekday":
        names = zip(WEEKDAYS, WEEKDAY_NAMES, strict=True)
        return [(name, name, found.get(weekday, nothing)) for weekday, name in names]
    return [
        (f"{day.day} {day:%b}", f"{day:%a} {day.day} {day:%b %Y}", found.get(day.isoformat(), nothing))
        for day in sorted({*asked.days, *map(type(asked.first).fromisoformat, found)})
    ]


def _parts(row: dict[str, int]) -> dict[str, int]:
    free = row["attempts"] - row["allowed"] - row["denied"]
    return {"allowed": row["allowed"], "free": free, "denied": row["denied"]}


def _in_words(title: str, row: dict[str, int]) -> str:
    return f"{title}: {row['allowed']} allowed, {row['denied']} denied, {_parts(row)['free']} without a decision"


def _by_size(values: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    added: dict[str, int] = {}
    for label, value in values:
        added[label] = added.get(label, 0) + value
    return sorted(((label, value) for label, value in added.items() if value), key=lambda each: (-each[1], each[0]))


def _compliance(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the compliance of all chargers together, and the chargers with the least time in their modes."""
    expected_s = sum(row["expected_s"] for row in rows)
    counts = {
        name: sum(row[name] for row in rows) for name in ("transitions", "on_time", "late", "missed", "unreachable")
    }
    lateness = [(label, sum(row[name] for row in rows)) for name, label in zip(LATENESS, LATENESS_WORDS, strict=True)]
    with_share = [row for row in rows if row["in_expected_mode_share"] is not None]
    return {
        **counts,
        "share": sum(row["in_expected_mode_s"] for row in rows) / expected_s if expected_s else None,
        "lateness": charts.bars(lateness),
        "worst": sorted(with_share, key=lambda row: (row["in_expected_mode_share"], row["charger_id"]))[:ROWS_SHOWN],
        "chargers": len(with_share),
    }
