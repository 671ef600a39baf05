"""`access-policy denied` and `enrolment`."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.entrypoints.cli.completion import Charger
from access_policy.entrypoints.cli.depots import Limit
from access_policy.entrypoints.cli.printing import columns, detail, done, field, given, local, session_of, table
from access_policy.entrypoints.cli.session import part

denied = typer.Typer(no_args_is_help=True)
app = typer.Typer(no_args_is_help=True)


@denied.command("list")
def list_denied(ctx: typer.Context, limit: Limit = None) -> None:
    """Identifiers that nobody has, the latest first."""
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
    table(session, session.pages("/v1/denied-identifiers", limit), shown, nothing="nothing was refused as unknown")


@denied.command("enrol")
def enrol(
    ctx: typer.Context,
    denied_id: str,
    vehicle_id: Annotated[str, typer.Option("--vehicle")],
    name: Annotated[str | None, typer.Option(help="Of a new vehicle [default: its id]")] = None,
    own: Annotated[bool, typer.Option("--own", help="A new vehicle of the own fleet")] = False,
    agreement: Annotated[str | None, typer.Option(help="A new vehicle under this agreement")] = None,
) -> None:
    """Make the identifier one of a vehicle, which is registered if there is none of that id."""
    session = session_of(ctx)
    access_class = "agreement" if agreement is not None else "own" if own else None
    body = given(vehicle_id=vehicle_id, name=name, access_class=access_class, agreement_id=agreement)
    answer = session.command("POST", f"/v1/denied-identifiers/{part(denied_id)}/enrol", body)
    done(session, answer, f"vehicle {vehicle_id} has {len(answer['identifiers'])} identifiers")


@app.command("arm")
def arm(
    ctx: typer.Context,
    charger_id: Charger,
    minutes: Annotated[int, typer.Option()] = 5,
    kind: Annotated[
        str | None, typer.Option(help="What will be presented, such as mac: checked against the profile")
    ] = None,
) -> None:
    """For some minutes: the next unknown identifier presented at the charger is offered."""
    session = session_of(ctx)
    answer = session.command(
        "POST", f"/v1/chargers/{part(charger_id)}/enrolment-session", given(minutes=minutes, kind=kind)
    )
    until = local(answer["expires_at"], session.zones.of({"charger_id": charger_id}))
    done(session, answer, f"{charger_id} is armed until {until}")


@app.command("show")
def show(ctx: typer.Context, charger_id: Charger) -> None:
    session = session_of(ctx)
    answer = session.get(f"/v1/chargers/{part(charger_id)}/enrolment-session")
    detail(
        session,
        answer,
        [name for name, _ in columns("state", "armed_at", "armed_by", "expires_at", "offered", "vehicle_id")],
    )


@app.command("cancel")
def cancel(ctx: typer.Context, charger_id: Charger) -> None:
    session = session_of(ctx)
    answer = session.command("DELETE", f"/v1/chargers/{part(charger_id)}/enrolment-session")
    done(session, answer, f"{charger_id} is not armed any more")
