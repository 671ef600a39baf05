"""`access-policy attempts`, `decide`, `what-if`, `report`, `faults`, `lockouts`, `profiles` and `status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from access_policy.entrypoints.cli.completion import Charger, chargers, depots
from access_policy.entrypoints.cli.depots import Limit
from access_policy.entrypoints.cli.printing import (
    Column,
    columns,
    document,
    field,
    given,
    in_local_times,
    local,
    session_of,
    shown,
    styled,
    table,
)
from access_policy.entrypoints.cli.session import Session, part

app = typer.Typer()
attempts = typer.Typer(no_args_is_help=True)

FOLLOW_EVERY_S = 1.0

Since = Annotated[str | None, typer.Option("--from")]
Until = Annotated[str | None, typer.Option()]
ChargerOption = Annotated[str | None, typer.Option("--charger", autocompletion=chargers)]
DepotOption = Annotated[str | None, typer.Option("--depot", autocompletion=depots)]


@attempts.command("list")
def list_attempts(
    ctx: typer.Context,
    decision: Annotated[str | None, typer.Option(help="allowed, denied or none")] = None,
    reason: Annotated[str | None, typer.Option()] = None,
    would_deny: Annotated[str | None, typer.Option(help="The reason under observe")] = None,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    begin: Since = None,
    until: Until = None,
    limit: Limit = 50,
) -> None:
    """Attempts, the newest first."""
    session = session_of(ctx)
    rows = session.pages(
        "/v1/access-events",
        limit,
        decision=decision,
        reason=reason,
        would_deny=would_deny,
        charger_id=charger,
        depot_id=depot,
        **_period(session, begin, until, charger=charger, depot=depot),
    )
    _newest(session, rows, _LAYOUT, limit, nothing="no attempts")


def _newest(
    session: Session, rows: Iterator[Any], layout: Sequence[Column], limit: int | None, *, nothing: str
) -> None:
    """A list that has no end, as far as was asked for; says so where there is more."""
    found = list(rows)
    has_more = session.has_more
    table(session, found, layout, nothing=nothing)
    if has_more:
        session.err.print(f"these are the newest {limit}; --limit shows more")


@attempts.command("show")
def show_attempt(ctx: typer.Context, attempt_id: str) -> None:
    """Why it was decided so, row by row, and what came of it."""
    session = session_of(ctx)
    answer = session.get(f"/v1/access-events/{part(attempt_id)}")
    if document(session, answer):
        return
    answer = in_local_times(session, answer)
    for name, of in _LAYOUT:
        session.out.print(f"{name.ljust(10)} ", styled(of(answer)))
    for each in answer["decisions"]:
        session.out.print(f"\ndecided at {each['decided_for']} ({each['stage']}):", markup=False)
        _explanation(session, each["explanation"])
        changed = [name for name, since in each["changed_since"].items() if since]
        if changed:
            session.out.print(f"  since then the {' and the '.join(changed)} changed", markup=False)
    if answer["session"] is not None:
        session.out.print(f"\nsession: {shown(answer['session'])}", markup=False)


@attempts.command("follow")
def follow_attempts(ctx: typer.Context, charger: ChargerOption = None, depot: DepotOption = None) -> None:
    """Attempts as they come, until Ctrl-C."""
    session = session_of(ctx)
    for row in _new_attempts(session, charger, depot):
        if session.as_json:
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
            sys.stdout.flush()
        else:
            told = in_local_times(session, row)
            session.out.print("  ".join(shown(of(told)) for _, of in _LAYOUT), markup=False)


def _new_attempts(session: Session, charger: str | None, depot: str | None) -> Iterator[Any]:
    since = datetime.now(UTC)
    known: set[str] = set()
    while True:
        query = {"from": (since - timedelta(seconds=30)).isoformat().replace("+00:00", "Z")}
        fresh = [
            row
            for row in session.pages("/v1/access-events", 200, charger_id=charger, depot_id=depot, **query)
            if row["attempt_id"] not in known and datetime.fromisoformat(row["occurred_at"]) >= since
        ]
        known.update(row["attempt_id"] for row in fresh)
        yield from reversed(fresh)
        time.sleep(FOLLOW_EVERY_S)


def _reason(row: Any) -> str:
    return f"{row['reason']} (would be {row['would_deny']})" if row["would_deny"] else shown(row["reason"])


def _identifier(row: Any) -> str:
    return "" if row["identifier"] is None else f"{row['identifier']['kind']} {row['identifier']['masked']}"


_LAYOUT: list[Column] = [
    ("when", field("occurred_at")),
    ("charger", field("charger_id")),
    ("decision", field("decision")),
    ("reason", _reason),
    ("vehicle", field("vehicle_id")),
    ("identifier", _identifier),
    ("attempt", field("attempt_id")),
]


def _period(
    session: Session, begin: str | None, until: str | None, *, charger: str | None = None, depot: str | None = None
) -> dict[str, str | None]:
    return {
        "from": session.instant(begin, charger=charger, depot=depot),
        "until": session.instant(until, charger=charger, depot=depot),
    }


@app.command()
def decide(
    ctx: typer.Context,
    charger_id: Charger,
    kind: Annotated[str, typer.Argument(help="rfid, mac, emaid, pin, plate or other")],
    value: str,
    at: Annotated[str | None, typer.Option(help="[default: now]")] = None,
    record: Annotated[bool, typer.Option("--record", help="Record it as an attempt")] = False,
) -> None:
    """May this identifier charge here, and why? Records nothing unless told to."""
    session = session_of(ctx)
    body = given(charger_id=charger_id, at=session.instant(at, charger=charger_id))
    body |= {"identifier": {"kind": kind, "value": value}, "dry_run": not record}
    answer = session.command("POST", "/v1/access-decisions", body)
    if document(session, answer):
        return
    session.out.print(styled(answer["decision"]), f": {answer['reason']}", sep="")
    _explanation(session, answer["explanation"])
    if answer["valid_until"] is not None:
        until = local(answer["valid_until"], session.zones.of({"charger_id": charger_id}))
        session.out.print(f"holds until {until}", markup=False)


def _explanation(session: Session, steps: list[Any]) -> None:
    for step in steps:
        session.out.print(f"  {'=>' if step['decided'] else ' .'} {step['text']}", markup=False)


@app.command("what-if")
def what_if(
    ctx: typer.Context,
    changes: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="JSON: the changes of POST /v1/what-if")
    ] = None,
    enforcement: Annotated[str | None, typer.Option(help="Of all chargers: enforce or observe")] = None,
    baseline_mode: Annotated[str | None, typer.Option(help="Of all chargers: freevend or managed")] = None,
    suspend: Annotated[list[str] | None, typer.Option(help="Vehicle, as if it were suspended")] = None,
    end_agreement: Annotated[list[str] | None, typer.Option(help="As if it had ended")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="[default: a week ago]")] = None,
    until: Annotated[str | None, typer.Option(help="[default: now]")] = None,
    charger: Annotated[list[str] | None, typer.Option(help="[default: all]")] = None,
) -> None:
    """What would have been decided differently under proposed changes: those of the file and of the options."""
    session = session_of(ctx)
    now = _next_second()
    proposed = _proposed(session, changes)
    proposed |= given(enforcement=enforcement, baseline_mode=baseline_mode)
    for name, more in (
        ("vehicles", [{"vehicle_id": each, "suspended": True} for each in suspend or []]),
        ("agreements", [{"agreement_id": each, "end": True} for each in end_agreement or []]),
    ):
        if more:
            proposed[name] = [*proposed.get(name, []), *more]
    if not proposed:
        raise typer.BadParameter("propose something: a FILE, or an option such as --enforcement")
    only = charger[0] if charger and len(charger) == 1 else None
    body = given(charger_ids=charger) | {
        "from": session.instant(begin, charger=only) or _text(now - timedelta(days=7)),
        "until": session.instant(until, charger=only) or _text(now),
        "changes": proposed,
    }
    answer = session.document(session.ask("POST", "/v1/what-if", body=body))
    if not document(session, answer):
        _differences(session, answer)


def _proposed(session: Session, file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, OSError) as error:
        session.refuse(f"{file}: {error}")


def _differences(session: Session, answer: Any) -> None:
    counts = f"{answer['newly_denied']} newly denied, {answer['newly_allowed']} newly allowed"
    session.out.print(
        f"{answer['attempts']} attempts, {answer['different']} decided differently: {counts}", markup=False
    )
    if not answer["complete"]:
        session.err.print("only the newest attempts of this period were looked at; ask for a shorter one")
    change: list[Column] = [
        ("before", lambda row: _outcome(row["before"])),
        ("after", lambda row: _outcome(row["after"])),
    ]
    table(session, answer["counts"], [*change, ("count", field("count"))], nothing="nothing would change")
    if answer["examples"]:
        session.out.print("\nfor example")
        about: list[Column] = [
            ("when", field("occurred_at")),
            ("charger", field("charger_id")),
            ("identifier", _identifier),
        ]
        table(session, answer["examples"], [*about, *change, ("attempt", field("attempt_id"))])


def _outcome(outcome: Any) -> str:
    return f"{outcome['decision']} {outcome['would_deny'] or outcome['reason']}"


@app.command()
def report(
    ctx: typer.Context,
    by: Annotated[
        str, typer.Option(help="Some of day, depot, charger, access_class, reason, would_deny, decision")
    ] = "day",
    begin: Annotated[str | None, typer.Option("--from", help="[default: thirty days ago]")] = None,
    until: Annotated[str | None, typer.Option(help="[default: now]")] = None,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print a CSV file")] = False,
) -> None:
    """Attempts counted."""
    session = session_of(ctx)
    now = _next_second()
    query = {
        "group_by": by,
        "charger_id": charger,
        "depot_id": depot,
        "from": session.instant(begin, charger=charger, depot=depot) or _text(now - timedelta(days=30)),
        "until": session.instant(until, charger=charger, depot=depot) or _text(now),
    }
    accept = "text/csv" if csv else "application/json"
    answered = session.ask("GET", "/v1/reports/access", query=query, headers={"Accept": accept})
    if csv:
        typer.echo(answered.content, nl=False)
        return
    answer = session.document(answered)
    if not document(session, answer):
        rows = answer["rows"]
        table(session, rows, columns(*(rows[0] if rows else ())), nothing="no attempts in this period")


@app.command()
def faults(
    ctx: typer.Context, charger: ChargerOption = None, begin: Since = None, until: Until = None, limit: Limit = 50
) -> None:
    """Charger faults, without those that only showed a denial."""
    session = session_of(ctx)
    query = _period(session, begin, until, charger=charger)
    rows = session.pages("/v1/faults", limit, charger_id=charger, **query)
    names = ("occurred_at", "charger_id", "connector_id", "error_code", "vendor_error_code", "info", "cleared_at")
    _newest(session, rows, columns(*names), limit, nothing="no faults")


@app.command()
def lockouts(
    ctx: typer.Context, charger: ChargerOption = None, begin: Since = None, until: Until = None, limit: Limit = 50
) -> None:
    """Where too many wrong PINs were typed."""
    session = session_of(ctx)
    query = _period(session, begin, until, charger=charger)
    rows = session.pages("/v1/pin-lockouts", limit, charger_id=charger, **query)
    names = ("locked_at", "locked_until", "charger_id", "source", "attempt_id")
    _newest(session, rows, columns(*names), limit, nothing="no lock-outs")


@app.command()
def profiles(ctx: typer.Context) -> None:
    """Capability profiles that chargers can be given."""
    session = session_of(ctx)
    table(session, session.get("/v1/profiles")["items"], columns("name", "title", "protocols", "mode_control"))


@app.command()
def status(ctx: typer.Context) -> None:
    """Is the service ready, and are the chargers in their modes?"""
    session = session_of(ctx)
    ready = session.ready()
    if not ready["ready"]:
        if not document(session, ready):
            session.out.print(f"not ready: {shown(ready['parts'])}", markup=False)
        raise typer.Exit(1)
    chargers = list(session.pages("/v1/chargers", None))
    counted: dict[str, int] = {}
    for charger in chargers:
        counted[charger["sync"]] = counted.get(charger["sync"], 0) + 1
    if document(session, {**ready, "chargers": counted}):
        return
    session.out.print(f"ready: {shown(ready['parts'])}", markup=False)
    session.out.print(f"{len(chargers)} chargers: {shown(counted) or 'none'}", markup=False)


def _next_second() -> datetime:
    """So that what has just happened is in a period that ends now."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
