"""`access-policy sessions`, `attempts` and `decide`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import Attempt
from access_policy.entrypoints.cli.completion import Charger, Depot
from access_policy.entrypoints.cli.depots import Limit
from access_policy.entrypoints.cli.history import (
    ChargerOption,
    DepotOption,
    Since,
    Until,
    identifier,
    period,
    place_of,
    print_newest,
)
from access_policy.entrypoints.cli.identities import place, whole_id
from access_policy.entrypoints.cli.printing import (
    Column,
    columns,
    compact,
    document,
    done,
    field,
    in_local_times,
    local,
    session_of,
    shown,
    styled,
    table,
)
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()
attempts = typer.Typer(no_args_is_help=True)
sessions = typer.Typer(no_args_is_help=True)

FOLLOW_EVERY_S = 1.0


@sessions.callback()
def _sessions() -> None:
    """Make `sessions` a group even though it has only one command."""


@sessions.command("end")
def end_session(
    ctx: typer.Context,
    attempt_id: Attempt,
    reason: Annotated[str, typer.Option(help="Recorded with your name")],
) -> None:
    """Record the end of an open session, and ask its charger to stop it if the charger is connected."""
    session = session_of(ctx)
    session.confirm(f"end the session of attempt {attempt_id}")
    answer = session.command("POST", f"/v1/sessions/{segment(attempt_id)}/end", {"reason": reason})
    stop = answer["asked_to_stop"]
    charger = f"charger {answer['charger_id']}"
    text = f"{charger} answered the stop request: {stop}" if stop else f"{charger} is not connected"
    done(session, answer, f"ended the session of attempt {attempt_id}; {text}")


@attempts.command("list")
def list_attempts(
    ctx: typer.Context,
    decision: Annotated[str | None, typer.Option(help="allowed, denied or none")] = None,
    reason: Annotated[str | None, typer.Option(help="Reason code, such as unknown_identifier")] = None,
    would_deny: Annotated[str | None, typer.Option(help="Under observe: the reason that would have denied it")] = None,
    charger: ChargerOption = None,
    entrance: Annotated[str | None, typer.Option(help="Only attempts at this entrance; its whole id")] = None,
    depot: DepotOption = None,
    begin: Since = None,
    until: Until = None,
    limit: Limit = 50,
) -> None:
    """List attempts at chargers and entrances, newest first."""
    session = session_of(ctx)
    charger, depot = place(session, charger, depot)
    rows = session.pages(
        "/v1/access-events",
        limit,
        decision=decision,
        reason=reason,
        would_deny=would_deny,
        charger_id=charger,
        entrance_id=entrance,
        depot_id=depot,
        **period(session, begin, until, charger=charger, depot=depot),
    )
    print_newest(session, rows, _LAYOUT, limit, nothing="no attempts")


@attempts.command("show")
def show_attempt(ctx: typer.Context, attempt_id: Attempt) -> None:
    """Explain an attempt's decisions row by row, and show its session."""
    session = session_of(ctx)
    answer = session.get(f"/v1/access-events/{segment(attempt_id)}")
    if document(session, answer):
        return
    answer = in_local_times(session, answer)
    for name, of in _LAYOUT:
        if text := styled(of(answer)):
            session.out.print(f"{name.ljust(10)} ", text)
    for each in answer["decisions"]:
        session.out.print(f"\ndecided at {each['decided_for']} ({each['stage']}):", markup=False)
        _explanation(session, each["explanation"])
        changed = [name for name, since in each["changed_since"].items() if since]
        if changed:
            session.out.print(f"  since then the {' and the '.join(changed)} changed", markup=False)
    if answer["session"] is not None:
        session.out.print(f"\nsession: {shown(answer['session'])}", markup=False)


@attempts.command("allow")
def allow_attempt(
    ctx: typer.Context,
    attempt_id: Attempt,
    reason: Annotated[str, typer.Option(help="Recorded with your name")],
    until: Annotated[str | None, typer.Option(help="End of the permission")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="Duration, such as 2h, 90m or PT2H")] = None,
) -> None:
    """Let a refused identifier, or its vehicle, charge at the attempt's depot for a limited time."""
    session = session_of(ctx)
    body = compact(reason=reason, until=session.instant(until)) | compact(**{"for": session.span(lasts)})
    answer = session.command("POST", f"/v1/access-events/{segment(attempt_id)}/allow", body)
    who = answer["vehicle_id"] or f"{answer['kind']} {answer['masked']}"
    until = in_local_times(session, answer)["until"]
    done(session, answer, f"{who} may charge at {answer['depot_id']} until {until}")


@attempts.command("disallow")
def end_allowance(ctx: typer.Context, attempt_id: Attempt) -> None:
    """End the permission of an attempt now."""
    session = session_of(ctx)
    session.confirm(f"end the permission of attempt {attempt_id}")
    answer = session.command("DELETE", f"/v1/access-events/{segment(attempt_id)}/allow")
    done(session, answer, f"ended the permission of attempt {attempt_id}")


@attempts.command("allowed")
def list_allowances(ctx: typer.Context, depot_id: Depot) -> None:
    """List the permissions that are in force at a depot."""
    session = session_of(ctx)
    items = session.get(f"/v1/depots/{segment(depot_id)}/ad-hoc-permissions")["items"]
    names = ("attempt_id", "vehicle_id", "kind", "masked", "until", "reason", "given_by")
    table(session, items, columns(*names), about={"depot_id": depot_id}, nothing="no ad-hoc permissions")


@attempts.command("follow")
def follow_attempts(ctx: typer.Context, charger: ChargerOption = None, depot: DepotOption = None) -> None:
    """Print new attempts until Ctrl-C."""
    import msgspec

    session = session_of(ctx)
    for row in _new_attempts(session, *place(session, charger, depot)):
        if session.as_json:
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
            sys.stdout.flush()
        else:
            localised = in_local_times(session, row)
            session.out.print("  ".join(shown(of(localised)) for _, of in _LAYOUT), markup=False)


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


_LAYOUT: list[Column] = [
    ("when", field("occurred_at")),
    ("charger", place_of),
    ("decision", field("decision")),
    ("reason", _reason),
    ("vehicle", field("vehicle_id")),
    ("identifier", identifier),
    ("attempt", field("attempt_id")),
]


@app.command()
def decide(
    ctx: typer.Context,
    charger_id: Charger,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="rfid, mac, emaid, pin, plate or other")],
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="The identifier, in any spelling", show_default=False)
    ] = None,
    entrance: Annotated[
        str | None, typer.Option(help="Decide at this entrance (its whole id) instead of at CHARGER")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Instant of the decision [default: now]")] = None,
    record: Annotated[bool, typer.Option("--record", help="Record it as an attempt")] = False,
) -> None:
    """Decide whether an identifier may charge at a charger, or enter at an entrance (`decide --entrance gate plate B-AB1234`),
    with the explanation. Nothing is recorded without --record."""
    session = session_of(ctx)
    if entrance is None:
        charger_id = whole_id(session, "chargers", charger_id)
        where = {"charger_id": charger_id}
    else:
        kind, value = _shifted(charger_id, kind, value)
        where = {"entrance_id": entrance}
    if value is None:
        raise typer.BadParameter("VALUE is missing; give the identifier after its kind")
    body = where | compact(at=session.instant(at, charger=where.get("charger_id")))
    body |= {"identifier": {"kind": kind, "value": value}, "dry_run": not record}
    answer = session.command("POST", "/v1/access-decisions", body)
    if document(session, answer):
        return
    session.out.print(styled(answer["decision"]), f": {answer['reason']}", sep="")
    _explanation(session, answer["explanation"])
    if answer["valid_until"] is not None:
        zone = session.zones.of({"charger_id": answer["deciding_charger_id"] or charger_id})
        session.out.print(f"valid until {local(answer['valid_until'], zone)}", markup=False)
    if answer["driver_text"] is not None:
        session.out.print(f"the driver reads: {answer['driver_text']['text']}", markup=False)


def _shifted(kind: str, value: str, more: str | None) -> tuple[str, str]:
    """Return the arguments of a decision at an entrance, where no charger comes first."""
    if more is not None:
        raise typer.BadParameter("--entrance replaces CHARGER; give only KIND and VALUE")
    return kind, value


def _explanation(session: Session, steps: list[Any]) -> None:
    for step in steps:
        session.out.print(f"  {'=>' if step['decided'] else ' .'} {step['text']}", markup=False)
