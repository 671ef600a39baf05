"""`access-policy status`, `profiles`, `faults`, `lockouts`, `report`, `unenrolled`, `mode-compliance`,
`reservation-report` and `mode-changes`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.completion import agreements, vehicles
from access_policy.entrypoints.cli.depots import Limit
from access_policy.entrypoints.cli.history import (
    ChargerOption,
    DepotOption,
    Since,
    Until,
    next_second,
    period,
    print_newest,
    text_of,
)
from access_policy.entrypoints.cli.identities import identity, place
from access_policy.entrypoints.cli.printing import columns, document, session_of, shown, table
from access_policy.entrypoints.cli.saving import save
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()

ACCESS_GROUPS = (
    *("day", "hour", "weekday", "depot", "charger", "vehicle", "agreement"),
    *("access_class", "reason", "would_deny", "decision"),
)
VehicleOption = Annotated[
    str | None, typer.Option(autocompletion=vehicles, help="Vehicle id, or its beginning [default: all]")
]
Partner = Annotated[
    str | None,
    typer.Option("--agreement", autocompletion=agreements, help="A report for the partner of this agreement"),
]
PRINTED = Path("-")
CsvFile = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Save a CSV file; - prints it")]
ParquetFile = Annotated[Path | None, typer.Option("--parquet", metavar="FILE", help="Save a Parquet file; - prints it")]


@app.command()
def report(
    ctx: typer.Context,
    by: Annotated[str, typer.Option(help="Comma-separated: " + ", ".join(ACCESS_GROUPS))] = "day",
    begin: Annotated[str | None, typer.Option("--from", help="Start of the period [default: 30 days ago]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the period [default: now]")] = None,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    vehicle: VehicleOption = None,
    agreement: Partner = None,
    csv: CsvFile = None,
    parquet: ParquetFile = None,
) -> None:
    """Count attempts by day, charger, reason and so on."""
    session = session_of(ctx)
    query = {"group_by": by, **_period(session, begin, until, charger=charger, depot=depot, days=30)}
    query |= {
        "vehicle_id": identity(session, "vehicles", vehicle),
        "agreement_id": identity(session, "agreements", agreement),
    }
    _report(session, "/v1/reports/access", query, csv, parquet, nothing="no attempts in this period")


@app.command()
def unenrolled(
    ctx: typer.Context,
    begin: Annotated[str | None, typer.Option("--from", help="Start of the period [default: 30 days ago]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the period [default: now]")] = None,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    csv: CsvFile = None,
    parquet: ParquetFile = None,
) -> None:
    """List refused identifiers without a vehicle, by depot."""
    session = session_of(ctx)
    query = _period(session, begin, until, charger=charger, depot=depot, days=30)
    path = "/v1/reports/unenrolled-identifiers"
    _report(session, path, query, csv, parquet, nothing="no unenrolled identifiers in this period")


def _period(
    session: Session, begin: str | None, until: str | None, *, charger: str | None, depot: str | None, days: int
) -> dict[str, str | None]:
    """Return a report's query: charger, depot and period, by default the last `days` days."""
    now = next_second()
    charger, depot = place(session, charger, depot)
    return {
        "charger_id": charger,
        "depot_id": depot,
        "from": session.instant(begin, charger=charger, depot=depot, ago=True) or text_of(now - timedelta(days=days)),
        "until": session.instant(until, charger=charger, depot=depot, ago=True) or text_of(now),
    }


def _report(
    session: Session, path: str, query: Mapping[str, Any], csv: Path | None, parquet: Path | None, *, nothing: str
) -> None:
    for file, kind in ((csv, "text/csv"), (parquet, "application/vnd.apache.parquet")):
        if file is not None:
            content = session.request("GET", path, query=query, headers={"Accept": kind}).content
            save(session, content, None if file == PRINTED else file)
    if csv is not None or parquet is not None:
        return
    response = session.request("GET", path, query=query, headers={"Accept": "application/json"})
    answer = session.document(response)
    if not document(session, answer):
        rows = answer["rows"]
        names = [name for name in (rows[0] if rows else ()) if not name.endswith("_local")]  # instants are local here
        table(session, rows, columns(*names), nothing=nothing)


@app.command("mode-compliance")
def mode_compliance(
    ctx: typer.Context,
    by: Annotated[str, typer.Option(help="Comma-separated: day, hour, weekday, depot, charger")] = "day",
    begin: Annotated[str | None, typer.Option("--from", help="Start of the period [default: seven days ago]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the period [default: now]")] = None,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    on_time: Annotated[
        int | None, typer.Option(help="Seconds within which a transition is on time [default: 60]")
    ] = None,
    csv: CsvFile = None,
    parquet: ParquetFile = None,
) -> None:
    """Report how many mode transitions were on time, late or missed."""
    session = session_of(ctx)
    period = _period(session, begin, until, charger=charger, depot=depot, days=7)
    query = {"group_by": by, "on_time_s": on_time, **period}
    _report(session, "/v1/reports/mode-compliance", query, csv, parquet, nothing="no transitions in this period")


@app.command("reservation-report")
def reservation_report(
    ctx: typer.Context,
    by: Annotated[str, typer.Option(help="Comma-separated: day, depot, charger, group, source, partner")] = "day",
    begin: Annotated[str | None, typer.Option("--from", help="Start of the period [default: 30 days ago]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the period [default: now]")] = None,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    csv: CsvFile = None,
    parquet: ParquetFile = None,
) -> None:
    """Report how many reservations were kept, missed, early, late or overran."""
    session = session_of(ctx)
    query = {"group_by": by, **_period(session, begin, until, charger=charger, depot=depot, days=30)}
    _report(session, "/v1/reports/reservations", query, csv, parquet, nothing="no reservations in this period")


@app.command("energy-report")
def energy_report(
    ctx: typer.Context,
    part: Annotated[str, typer.Option(help="starts, limits, lineage or silences")] = "starts",
    by: Annotated[
        str, typer.Option(help="Comma-separated: day, depot, charger, level, limit_source, envelope")
    ] = "day",
    begin: Annotated[str | None, typer.Option("--from", help="Start of the period [default: 30 days ago]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the period [default: now]")] = None,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    csv: CsvFile = None,
    parquet: ParquetFile = None,
) -> None:
    """Report starts that energy gates admitted and refused, time above limits, lineage of starts, or silent feeds."""
    session = session_of(ctx)
    query = {"part": part, "group_by": by, **_period(session, begin, until, charger=charger, depot=depot, days=30)}
    _report(session, "/v1/reports/energy", query, csv, parquet, nothing="no energy gates in this period")


@app.command("mode-changes")
def mode_changes(
    ctx: typer.Context,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    begin: Since = None,
    until: Until = None,
    limit: Limit = 50,
) -> None:
    """List mode switches: when each was due, when it was applied, and the evidence."""
    session = session_of(ctx)
    charger, depot = place(session, charger, depot)
    query = period(session, begin, until, charger=charger, depot=depot)
    rows = session.pages("/v1/mode-changes", limit, charger_id=charger, depot_id=depot, **query)
    names = ("due_at", "charger_id", "mode", "outcome", "applied_at", "lateness_s", "how_known")
    print_newest(session, rows, columns(*names), limit, nothing="no mode changes")


@app.command()
def faults(
    ctx: typer.Context, charger: ChargerOption = None, begin: Since = None, until: Until = None, limit: Limit = 50
) -> None:
    """List charger faults, without errors that only signalled a denial."""
    session = session_of(ctx)
    charger, _ = place(session, charger, None)
    query = period(session, begin, until, charger=charger)
    rows = session.pages("/v1/faults", limit, charger_id=charger, **query)
    names = ("occurred_at", "charger_id", "connector_id", "error_code", "vendor_error_code", "info", "cleared_at")
    print_newest(session, rows, columns(*names), limit, nothing="no faults")


@app.command()
def lockouts(
    ctx: typer.Context, charger: ChargerOption = None, begin: Since = None, until: Until = None, limit: Limit = 50
) -> None:
    """List lock-outs after too many wrong PINs."""
    session = session_of(ctx)
    charger, _ = place(session, charger, None)
    query = period(session, begin, until, charger=charger)
    rows = session.pages("/v1/pin-lockouts", limit, charger_id=charger, **query)
    names = ("locked_at", "locked_until", "charger_id", "source", "attempt_id")
    print_newest(session, rows, columns(*names), limit, nothing="no lock-outs")


@app.command()
def profiles(ctx: typer.Context) -> None:
    """List the available capability profiles."""
    session = session_of(ctx)
    table(session, session.get("/v1/profiles")["items"], columns("name", "title", "protocols", "mode_control"))


@app.command()
def status(ctx: typer.Context) -> None:
    """Show whether the service is ready and the chargers are in their modes."""
    session = session_of(ctx)
    ready = session.ready()
    if not ready["ready"]:
        if not document(session, ready):
            session.out.print(f"not ready: {shown(ready['parts'])}", markup=False)
        raise typer.Exit(1)
    chargers = list(session.pages("/v1/chargers", None))
    in_state: dict[str, int] = {}
    for charger in chargers:
        in_state[charger["sync"]] = in_state.get(charger["sync"], 0) + 1
    if document(session, {**ready, "chargers": in_state}):
        return
    session.out.print(f"ready: {shown(ready['parts'])}", markup=False)
    session.out.print(f"{counted(len(chargers), 'charger')}: {shown(in_state) or 'none'}", markup=False)
