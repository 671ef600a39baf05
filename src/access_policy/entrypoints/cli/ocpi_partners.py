"""`access-policy ocpi-partners`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import OcpiPartner
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.printing import columns, compact, detail, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)

SHOWN = ("partner_id", "name", "own_party", "state", "enabled", "versions_url")
KEPT = ("name", "own_party", "own_name", "bookable", "terms", "enabled")
TERMS = {
    "early_start": "early_start_min",
    "late_stop": "late_stop_min",
    "no_show_after": "no_show_after_min",
    "change_until": "change_until_min",
    "cancel_until": "cancel_until_min",
}

Minutes = Annotated[int | None, typer.Option(metavar="MINUTES")]


@app.command("put")
def put_partner(
    ctx: typer.Context,
    partner_id: OcpiPartner,
    name: Annotated[str | None, typer.Option(help="Name that people will see")] = None,
    own_party: Annotated[str | None, typer.Option(help="Your party id towards this partner, such as DE-BTF")] = None,
    own_name: Annotated[str | None, typer.Option(help="Your name, as this partner sees it")] = None,
    depot: Annotated[list[str] | None, typer.Option(help="It may book all of this depot; repeatable")] = None,
    group: Annotated[list[str] | None, typer.Option(help="It may book DEPOT/GROUP; repeatable")] = None,
    charger: Annotated[list[str] | None, typer.Option(help="It may book DEPOT/CHARGER; repeatable")] = None,
    early_start: Annotated[int | None, typer.Option(help="Minutes that its drivers may start early")] = None,
    late_stop: Annotated[int | None, typer.Option(help="Minutes that its drivers may stay longer")] = None,
    no_show_after: Annotated[int | None, typer.Option(help="Minutes after which a late driver loses the slot")] = None,
    change_until: Annotated[int | None, typer.Option(help="Minutes before the start; no change after that")] = None,
    cancel_until: Annotated[
        int | None, typer.Option(help="Minutes before the start; no cancellation after that")
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it may connect")] = None,
    if_match: IfMatch = None,
) -> None:
    """Add a partner and print its registration token once, or change the named settings. Requires the admin role."""
    session = session_of(ctx)
    path = _path(partner_id)
    before = session.find(path)
    terms = compact(
        early_start_min=early_start,
        late_stop_min=late_stop,
        no_show_after_min=no_show_after,
        change_until_min=change_until,
        cancel_until_min=cancel_until,
    )
    kept = {} if before is None else {each: before[each] for each in KEPT}
    named = compact(name=name, own_party=own_party, own_name=own_name, enabled=enabled)
    if depot or group or charger:
        named["bookable"] = _bookable(session, depot or [], group or [], charger or [])
    if terms:
        named["terms"] = {**(kept.get("terms") or {}), **terms}
    body = {"bookable": [], **kept, **named}
    version = if_match or (None if before is None else str(before["version"]))
    answer = session.command("PUT", path, body, if_match=version)
    token = answer.get("token")
    token_shown = f"; its registration token, shown only now: {token}" if token else ""
    done(session, answer, f"OCPI partner {answer['partner_id']} saved{token_shown}")


@app.command("list")
def list_partners(ctx: typer.Context) -> None:
    """List OCPI partners."""
    session = session_of(ctx)
    table(session, session.get("/v1/ocpi-partners")["items"], columns(*SHOWN), nothing="no OCPI partners")


@app.command("show")
def show_partner(ctx: typer.Context, partner_id: OcpiPartner) -> None:
    """Show an OCPI partner."""
    session = session_of(ctx)
    detail(session, session.get(_path(partner_id)))


@app.command("invite")
def invite_partner(ctx: typer.Context, partner_id: OcpiPartner, if_match: IfMatch = None) -> None:
    """Print a new registration token. This ends the connection and invalidates every earlier token."""
    session = session_of(ctx)
    session.confirm(f"end the connection of {partner_id} and issue a new registration token")
    answer = session.command("POST", f"{_path(partner_id)}/token", if_match=if_match)
    done(session, answer, f"the registration token of {partner_id}, shown only now: {answer['token']}")


@app.command("register")
def register(
    ctx: typer.Context,
    partner_id: OcpiPartner,
    versions_url: Annotated[str, typer.Option(help="The partner's versions URL, https://…")],
    partner_token: Annotated[
        str, typer.Option(help="The registration token that it gave you", envvar="ACCESS_POLICY_OCPI_TOKEN")
    ],
) -> None:
    """Exchange credentials at the partner, with the registration token that it gave you."""
    session = session_of(ctx)
    body = {"versions_url": versions_url, "token": partner_token}
    answer = session.command("POST", f"{_path(partner_id)}/register", body)
    done(session, answer, f"connected with {partner_id}: {', '.join(answer['connected_modules'])}")


@app.command("remove")
def remove_partner(ctx: typer.Context, partner_id: OcpiPartner, if_match: IfMatch = None) -> None:
    """Remove a partner with its tokens and the records of its bookings, and cancel its reservations that have not begun."""
    session = session_of(ctx)
    session.confirm(f"remove the OCPI partner {partner_id}, its tokens and records, and cancel its future bookings")
    answer = session.command("DELETE", _path(partner_id), if_match=if_match)
    cancelled, kept = answer["cancelled_reservations"], answer["kept_reservations"]
    done(
        session,
        answer,
        f"OCPI partner {partner_id} is removed; reservations cancelled: {cancelled}, running to their end: {kept}",
    )


def _path(partner_id: str) -> str:
    return f"/v1/ocpi-partners/{segment(partner_id)}"


def _bookable(session: Session, depots: list[str], groups: list[str], chargers: list[str]) -> list[dict[str, Any]]:
    """Return what the partner may book. A depot that is given both as a whole and with a place is ambiguous and
    refused."""
    found: dict[str, dict[str, Any]] = {depot_id: {"depot_id": depot_id} for depot_id in depots}
    for field, places in (("group_ids", groups), ("charger_ids", chargers)):
        for place in places:
            depot_id, slash, place_id = place.partition("/")
            if not slash or depot_id in depots:
                session.refuse(f"{place}: write DEPOT/ID, and leave out --depot {depot_id}")
            found.setdefault(depot_id, {"depot_id": depot_id}).setdefault(field, []).append(place_id)
    return list(found.values())
