"""`access-policy timeline`."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated

import typer

from access_policy.entrypoints.cli.completion import Charger
from access_policy.entrypoints.cli.printing import document, session_of
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer()


@app.command()
def timeline(
    ctx: typer.Context,
    charger_id: Charger,
    begin: Annotated[str | None, typer.Option("--from", help="[default: today]")] = None,
    until: Annotated[str | None, typer.Option(help="[default: a week later]")] = None,
    as_of: Annotated[str | None, typer.Option(help="Show the timeline as planned at this time")] = None,
) -> None:
    """Draw a charger's week: its mode at each hour, with the cause."""
    from access_policy.entrypoints.cli.week import PLAIN, draw

    session = session_of(ctx)
    charger = session.get(f"/v1/chargers/{segment(charger_id)}")
    zone = session.zone(charger["time_zone"])
    today = datetime.combine(datetime.now(zone).date(), time(), zone)
    starts = session.instant(begin, charger=charger_id) or _text(today)
    first = datetime.fromisoformat(starts).astimezone(zone)
    week = datetime.combine(first.date() + timedelta(days=7), time(), zone)
    answer = session.get(
        f"/v1/chargers/{segment(charger_id)}/timeline",
        **{
            "from": starts,
            "until": session.instant(until, charger=charger_id) or _text(week),
            "as_of": session.instant(as_of, charger=charger_id, ago=True),
        },
    )
    if document(session, answer):
        return
    session.out.print(f"{charger_id}, times of {zone.key}", markup=False)
    for line in draw(answer["segments"], zone, now=datetime.now(UTC), columns=session.out.width):
        session.out.print(line if session.out.encoding.startswith("utf") else line.plain.translate(PLAIN), markup=False)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
