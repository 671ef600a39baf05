"""`access-policy chargers`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import NewCharger
from access_policy.entrypoints.cli.choosing import Chargers, chosen, for_each
from access_policy.entrypoints.cli.completion import Charger, depots
from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.history import DepotOption
from access_policy.entrypoints.cli.identities import chargers_of, identity, whole_id
from access_policy.entrypoints.cli.many_results import results
from access_policy.entrypoints.cli.printing import compact, detail, done, field, session_of, table
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer(no_args_is_help=True)


@app.command("put")
def put_charger(
    ctx: typer.Context,
    charger_id: NewCharger,
    charge_point_id: Annotated[str, typer.Option(help="The charge point id with which it connects")],
    depot_id: Annotated[
        str, typer.Option("--depot", autocompletion=depots, help="Depot that it belongs to, or the beginning of its id")
    ],
    profile: Annotated[str, typer.Option(help="Capability profile; see: access-policy profiles")],
    baseline_mode: Annotated[str, typer.Option(help="freevend or managed")],
    enforcement: Annotated[str | None, typer.Option(help="enforce or observe")] = None,
    connectors: Annotated[int | None, typer.Option(help="Number of its connectors [default: 1]")] = None,
    on_window_start: Annotated[str | None, typer.Option(help="let_finish or stop_unauthorised")] = None,
    on_store_outage: Annotated[str | None, typer.Option(help="spool or refuse")] = None,
    offline_starts: Annotated[str | None, typer.Option(help="closed, list or open")] = None,
    reservation_only: Annotated[
        bool | None,
        typer.Option(
            "--reservation-only/--open-to-all", help="Whether it admits only holders of reservations [default: no]"
        ),
    ] = None,
    password: Annotated[str | None, typer.Option(envvar="ACCESS_POLICY_CHARGER_PASSWORD", help="HTTP Basic")] = None,
    if_match: IfMatch = None,
) -> None:
    """Register a charger, or replace its settings."""
    session = session_of(ctx)
    body = compact(
        charge_point_id=charge_point_id,
        depot_id=whole_id(session, "depots", depot_id),
        profile=profile,
        baseline_mode=baseline_mode,
        enforcement=enforcement,
        connectors=connectors,
        on_window_start=on_window_start,
        on_store_outage=on_store_outage,
        offline_starts=offline_starts,
        reservation_only=reservation_only,
        password=password,
    )
    answer = session.command("PUT", f"/v1/chargers/{segment(charger_id)}", body, if_match=if_match)
    done(session, answer, f"charger {charger_id} is set")


@app.command("list")
def list_chargers(
    ctx: typer.Context,
    depot_id: DepotOption = None,
    sync: Annotated[
        str | None, typer.Option(help="in_sync, pending, unreachable, failed, unsupported, drifted")
    ] = None,
    limit: Limit = None,
) -> None:
    """List chargers with their current state."""
    session = session_of(ctx)
    rows = session.pages("/v1/chargers", limit, depot_id=identity(session, "depots", depot_id), sync=sync)
    table(
        session,
        rows,
        [
            ("charger", field("charger_id")),
            ("depot", field("depot_id")),
            ("connected", field("connected")),
            ("expected", field("expected_mode")),
            ("applied", field("applied_mode")),
            ("sync", field("sync")),
            ("because", lambda row: _cause(row["expected_cause"])),
            ("next", _next),
        ],
        nothing="no chargers",
    )


@app.command("show")
def show_charger(
    ctx: typer.Context,
    charger_id: Charger,
    as_of: Annotated[str | None, typer.Option(help="Show the state that was recorded at this time")] = None,
) -> None:
    """Show a charger's settings and state."""
    session = session_of(ctx)
    path = f"/v1/chargers/{segment(charger_id)}"
    detail(session, session.get(path, as_of=session.instant(as_of, charger=charger_id, ago=True)))


@app.command("retire")
def retire_charger(ctx: typer.Context, charger: Chargers, if_match: IfMatch = None) -> None:
    """Retire chargers."""
    session = session_of(ctx)
    ids = chosen(session, charger)
    session.confirm(f"retire the {'charger' if len(ids) == 1 else 'chargers'} {', '.join(ids)}")

    def retire(charger_id: str) -> tuple[Any, str]:
        answer = session.command("DELETE", f"/v1/chargers/{segment(charger_id)}", if_match=if_match)
        return answer, f"charger {charger_id} is retired"

    for_each(session, ids, retire)


@app.command("rotate-password")
def rotate_password(ctx: typer.Context, charger: Chargers) -> None:
    """Give each connected charger a new password. The old one is valid until the charger has used the new one."""
    session = session_of(ctx)

    def rotate(charger_id: str) -> tuple[Any, str]:
        answer = session.command("POST", f"/v1/chargers/{segment(charger_id)}/rotate-password")
        return answer, f"charger {charger_id} has a new password"

    for_each(session, chosen(session, charger), rotate)


@app.command("copy-policy")
def copy_policy(
    ctx: typer.Context,
    charger_id: Charger,
    to: Annotated[
        list[str],
        typer.Argument(
            metavar="CHARGER...", help="Ids or patterns, such as 'bay-*', or 'all' for the depot's chargers"
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and record nothing")] = False,
    add: Annotated[bool, typer.Option("--add", help="Keep the other chargers' own rules and exceptions")] = False,
) -> None:
    """Copy the rules, exceptions and baseline mode of this charger to others."""
    session = session_of(ctx)
    named = "all" if to == ["all"] else chargers_of(session, to) or []
    fitting = named if named == "all" else [each for each in named if each != charger_id or each in to]
    body = {"charger_ids": fitting, "dry_run": dry_run, "replace": not add}
    results(session, session.command("POST", f"/v1/chargers/{segment(charger_id)}/copy-policy", body))


def _cause(cause: Any) -> str:
    return str(cause["kind"]) if cause["id"] is None else f"{cause['kind']} {cause['name']}"


def _next(row: Any) -> str:
    upcoming = row["next_transition"]
    return "" if upcoming is None else f"{upcoming['mode']} at {upcoming['at']}"
