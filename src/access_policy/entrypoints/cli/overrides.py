"""`access-policy override`, `lift` and `overrides`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import Mode
from access_policy.entrypoints.cli.choosing import Chargers, OneOrPattern, chosen, for_each
from access_policy.entrypoints.cli.completion import Charger
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.printing import columns, compact, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()


@app.command()
def override(
    ctx: typer.Context,
    charger: Chargers,
    mode: Mode,
    reason: Annotated[str, typer.Option(help="Recorded with your name")],
    begin: Annotated[str | None, typer.Option("--from", help="Start of the override [default: now]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the override, such as 18:00 or 'tomorrow 06:00'")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="Duration, such as 2h, 90m or PT2H")] = None,
    until_next_transition: Annotated[
        bool, typer.Option("--until-next-transition", help="Until the schedule changes the mode")
    ] = False,
    if_match: IfMatch = None,
) -> None:
    """Override the schedules of chargers with a mode for a limited time."""
    session = session_of(ctx)
    common = compact(mode=mode, reason=reason, until_next_transition=until_next_transition or None)
    common |= compact(**{"for": session.span(lasts)})

    def override_one(charger_id: str) -> tuple[Any, str]:
        times = {name: session.instant(at, charger=charger_id) for name, at in (("from", begin), ("until", until))}
        path = f"/v1/chargers/{segment(charger_id)}/overrides"
        answer = session.command("POST", path, {**common, **compact(**times)}, if_match=if_match)
        short = "; power is short there, and the energy gate still applies" if answer.get("narrowings") else ""
        return answer, f"override {answer['override_id']} on {answer.get('charger_id', charger_id)}{short}"

    for_each(session, chosen(session, charger), override_one)


@app.command()
def lift(
    ctx: typer.Context,
    charger: OneOrPattern,
    override_id: Annotated[
        str | None, typer.Argument(metavar="OVERRIDE", help="Override id [default: the only current one]")
    ] = None,
    if_match: IfMatch = None,
) -> None:
    """End an override now; with a pattern such as 'bay-*', end the only override of each charger."""
    session = session_of(ctx)
    ids = chosen(session, [charger])
    what = f"the override {override_id}" if override_id else "the override"
    session.confirm(f"lift {what} of {', '.join(ids)}")

    def lift_one(charger_id: str) -> tuple[Any, str]:
        lifted = override_id or _only_override(session, charger_id)
        path = f"/v1/chargers/{segment(charger_id)}/overrides/{segment(lifted)}"
        return session.command("DELETE", path, if_match=if_match), f"override {lifted} is lifted at {charger_id}"

    for_each(session, ids, lift_one)


def _only_override(session: Session, charger_id: str) -> str:
    now = datetime.now(UTC)
    overrides = session.get(f"/v1/chargers/{segment(charger_id)}")["overrides"]
    live: list[str] = [each["override_id"] for each in overrides if datetime.fromisoformat(each["until"]) > now]
    if not live:
        session.refuse(f"charger {charger_id} has no override to lift")
    if len(live) > 1:
        session.refuse(f"charger {charger_id} has several overrides; name one of them: {', '.join(live)}")
    return live[0]


@app.command("overrides")
def list_overrides(ctx: typer.Context, charger_id: Charger) -> None:
    """List a charger's overrides, including past ones."""
    session = session_of(ctx)
    charger = session.get(f"/v1/chargers/{segment(charger_id)}")
    shown = columns("override_id", "mode", "from", "until", "reason", "made_by")
    table(session, charger["overrides"], shown, about=charger, nothing="no overrides")
