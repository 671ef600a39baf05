"""`access-policy energy what-if`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.completion import Depot
from access_policy.entrypoints.cli.energy import settable
from access_policy.entrypoints.cli.history import next_second, text_of
from access_policy.entrypoints.cli.identities import whole_id
from access_policy.entrypoints.cli.printing import columns, compact, document, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()


@app.command("what-if")
def energy_what_if(
    ctx: typer.Context,
    depot_id: Depot,
    own_and_agreement_below_w: Annotated[
        int | None, typer.Option(help="Propose: below it, in watts, only own and agreement vehicles may start")
    ] = None,
    own_only_below_w: Annotated[
        int | None, typer.Option(help="Propose: below it, in watts, only own vehicles may start")
    ] = None,
    node: Annotated[str | None, typer.Option(help="Propose an envelope for this node, with --limit-w")] = None,
    limit_w: Annotated[int | None, typer.Option(help="Import limit of the proposed envelope, in watts")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="Start of the period [default: 30 days ago]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the period [default: now]")] = None,
) -> None:
    """Judge recorded attempts again under a proposed envelope, or other thresholds of the enabled gate policy."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    if (node is None) != (limit_w is None):
        raise typer.BadParameter("an envelope needs --node and --limit-w")
    thresholds = compact(own_and_agreement_below_w=own_and_agreement_below_w, own_only_below_w=own_only_below_w)
    if not thresholds and node is None:
        raise typer.BadParameter("no proposal; give --node and --limit-w, or a threshold")
    now = next_second()
    start = session.instant(begin, depot=depot_id, ago=True) or text_of(now - timedelta(days=30))
    end = session.instant(until, depot=depot_id, ago=True) or text_of(now)
    body: dict[str, Any] = {"from": start, "until": end}
    if thresholds:
        known = session.get(f"/v1/depots/{segment(depot_id)}/energy-policy")
        body["policy"] = settable(known) | thresholds | {"enabled": True}
    if node is not None:
        body["envelope"] = {"node_id": node, "valid_from": start, "valid_until": end, "import_limit_w": limit_w}
    answer = session.document(session.request("POST", f"/v1/depots/{segment(depot_id)}/energy/what-if", body=body))
    if not document(session, answer):
        _refusals(session, answer)


def _refusals(session: Session, answer: Any) -> None:
    session.out.print(
        f"{counted(answer['attempts'], 'attempt')}: {answer['refused_after']} refused for energy, "
        f"{answer['refused_before']} as recorded; {answer['newly_refused']} newly refused, "
        f"{answer['newly_admitted']} newly admitted",
        markup=False,
    )
    if not answer["complete"]:
        session.err.print("only the newest attempts of this period were judged; choose a shorter period")
    names = ("occurred_at", "charger_id", "vehicle_id", "reason", "level", "was_refused", "is_refused", "attempt_id")
    if answer["examples"]:
        table(session, answer["examples"], columns(*names))
