"""`access-policy denied` and `enrolment`."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.arguments import Denied
from access_policy.entrypoints.cli.completion import Charger, agreements
from access_policy.entrypoints.cli.depots import Limit
from access_policy.entrypoints.cli.identities import identity
from access_policy.entrypoints.cli.printing import columns, compact, detail, done, field, local, session_of, table
from access_policy.entrypoints.cli.quoting import segment

denied = typer.Typer(no_args_is_help=True)
app = typer.Typer(no_args_is_help=True)

_CHANGING_MAC = (
    "Another MAC ({masked}) was denied at this charger soon after. The vehicle {vehicle} probably changes its MAC at each "
    "connection and cannot be identified by it: enrol a card or a PIN, or use Plug & Charge."
)


@denied.command("list")
def list_denied(ctx: typer.Context, limit: Limit = None) -> None:
    """List denied identifiers without a vehicle, latest first."""
    session = session_of(ctx)
    shown = [
        ("id", field("denied_id")),
        ("kind", field("kind")),
        ("value", lambda row: row.get("value") or row["masked"]),
        ("attempts", field("attempts")),
        ("last seen", field("last_seen")),
        ("chargers", field("charger_ids")),
        ("bytes reversed", field("byte_reversed_vehicle_id")),
    ]
    table(session, session.pages("/v1/denied-identifiers", limit), shown, nothing="no denied identifiers")


@denied.command("ignore")
def ignore_identifier(
    ctx: typer.Context,
    denied_id: Denied,
    reason: Annotated[str, typer.Option(help="Recorded with your name")],
    days: Annotated[int, typer.Option(help="List it again if it is denied after this many days")] = 30,
) -> None:
    """Leave a denied identifier out of the list."""
    session = session_of(ctx)
    path = f"/v1/denied-identifiers/{segment(denied_id)}/ignore"
    done(session, session.command("POST", path, {"reason": reason, "days": days}), f"{denied_id} is ignored")


@denied.command("unignore")
def list_identifier_again(ctx: typer.Context, denied_id: Denied) -> None:
    """List a denied identifier again."""
    session = session_of(ctx)
    path = f"/v1/denied-identifiers/{segment(denied_id)}/ignore"
    done(session, session.command("DELETE", path), f"{denied_id} is listed again")


@denied.command("enrol")
def enrol(
    ctx: typer.Context,
    denied_id: Denied,
    vehicle_id: Annotated[str, typer.Option("--vehicle", help="Whole id of the vehicle")],
    name: Annotated[str | None, typer.Option(help="Name of a new vehicle [default: its id]")] = None,
    own: Annotated[bool, typer.Option("--own", help="Register a new vehicle of the own fleet")] = False,
    agreement: Annotated[
        str | None, typer.Option(autocompletion=agreements, help="Register a new vehicle under this agreement")
    ] = None,
) -> None:
    """Add the identifier to a vehicle; register the vehicle if it does not exist."""
    session = session_of(ctx)
    access_class = "agreement" if agreement is not None else "own" if own else None
    body = compact(vehicle_id=vehicle_id, name=name, access_class=access_class)
    body |= compact(agreement_id=identity(session, "agreements", agreement))
    answer = session.command("POST", f"/v1/denied-identifiers/{segment(denied_id)}/enrol", body)
    done(session, answer, f"vehicle {vehicle_id} has {counted(len(answer['identifiers']), 'identifier')}")


@app.command("arm")
def arm(
    ctx: typer.Context,
    charger_id: Charger,
    minutes: Annotated[int, typer.Option(help="Minutes until it ends by itself")] = 5,
    kind: Annotated[
        str | None, typer.Option(help="Kind that will be presented, such as mac; checked against the profile")
    ] = None,
) -> None:
    """Offer the next unknown identifier presented at the charger, for some minutes."""
    session = session_of(ctx)
    answer = session.command(
        "POST", f"/v1/chargers/{segment(charger_id)}/enrolment-session", compact(minutes=minutes, kind=kind)
    )
    until = local(answer["expires_at"], session.zones.of({"charger_id": charger_id}))
    done(session, answer, f"{charger_id} is armed until {until}")


@app.command("show")
def show(ctx: typer.Context, charger_id: Charger) -> None:
    """Show a charger's enrolment session."""
    session = session_of(ctx)
    answer = session.get(f"/v1/chargers/{segment(charger_id)}/enrolment-session")
    detail(
        session,
        answer,
        [name for name, _ in columns("state", "armed_at", "armed_by", "expires_at", "offered", "vehicle_id")],
    )
    if answer.get("other_mac") is not None and not session.as_json:
        session.out.print(_CHANGING_MAC.format(masked=answer["other_mac"]["masked"], vehicle=answer["vehicle_id"]))


@app.command("cancel")
def cancel(ctx: typer.Context, charger_id: Charger) -> None:
    """Cancel a charger's enrolment session."""
    session = session_of(ctx)
    answer = session.command("DELETE", f"/v1/chargers/{segment(charger_id)}/enrolment-session")
    done(session, answer, f"{charger_id} is no longer armed")
