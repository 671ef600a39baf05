"""`access-policy timeline`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from access_policy.entrypoints.cli.choosing import SomeChargers, chosen
from access_policy.entrypoints.cli.history import DepotOption
from access_policy.entrypoints.cli.identities import identity
from access_policy.entrypoints.cli.moments import rfc3339
from access_policy.entrypoints.cli.printing import document, session_of
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

if TYPE_CHECKING:
    from rich.text import Text

app = typer.Typer()


@app.command()
def timeline(
    ctx: typer.Context,
    charger: SomeChargers = None,
    depot: DepotOption = None,
    begin: Annotated[str | None, typer.Option("--from", help="First instant [default: today]")] = None,
    until: Annotated[
        str | None, typer.Option(help="End [default: a week later; for several chargers a day later]")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Show the timeline as planned at this time")] = None,
) -> None:
    """Draw the mode at each hour with the cause: a charger's week, or the day of several chargers or of a depot."""
    session = session_of(ctx)
    if bool(charger) is (depot is not None):
        raise typer.BadParameter("give either chargers or --depot", param_hint="CHARGER")
    if depot is not None:
        depot = identity(session, "depots", depot)
        found = list(session.pages("/v1/chargers", None, depot_id=depot))
        if not found:
            session.get(f"/v1/depots/{segment(str(depot))}")  # an unknown depot ends the command here
            session.refuse(f"the depot {depot} has no chargers")
    else:
        found = [session.get(f"/v1/chargers/{segment(each)}") for each in chosen(session, charger or [])]
    is_week = depot is None and len(found) == 1
    answers = [_timeline(session, each, begin, until, as_of, days=7 if is_week else 1) for each in found]
    if document(session, answers[0] if is_week else {"items": answers}):
        return
    if is_week:
        _draw_week(session, answers[0])
    else:
        _draw_days(session, answers)


def _timeline(
    session: Session, charger: Mapping[str, Any], begin: str | None, until: str | None, as_of: str | None, *, days: int
) -> Any:
    charger_id = charger["charger_id"]
    zone = session.zone(charger["time_zone"])
    today = datetime.combine(datetime.now(zone).date(), time(), zone)
    starts = session.instant(begin, charger=charger_id) or rfc3339(today.astimezone(UTC))
    first = datetime.fromisoformat(starts).astimezone(zone)
    ends = datetime.combine(first.date() + timedelta(days=days), time(), zone)
    query = {
        "from": starts,
        "until": session.instant(until, charger=charger_id) or rfc3339(ends.astimezone(UTC)),
        "as_of": session.instant(as_of, charger=charger_id, ago=True),
    }
    return session.get(f"/v1/chargers/{segment(charger_id)}/timeline", **query)


def _draw_week(session: Session, answer: Any) -> None:
    from access_policy.entrypoints.cli.week import draw

    zone = session.zone(answer["time_zone"])
    session.out.print(f"{answer['charger_id']}, times of {zone.key}", markup=False)
    _print(session, draw(answer["segments"], zone, now=datetime.now(UTC), columns=session.out.width))


def _draw_days(session: Session, answers: Iterable[Any]) -> None:
    """Draw the chargers, grouped by time zone."""
    from access_policy.entrypoints.cli.several_timelines import draw_several

    by_zone = sorted(answers, key=lambda each: (each["time_zone"], each["charger_id"]))
    for name, group in groupby(by_zone, key=lambda each: each["time_zone"]):
        zone = session.zone(name)
        session.out.print(f"times of {zone.key}", markup=False)
        timelines = {each["charger_id"]: each["segments"] for each in group}
        _print(session, draw_several(timelines, zone, now=datetime.now(UTC), columns=session.out.width))


def _print(session: Session, lines: Iterable[Text]) -> None:
    from access_policy.entrypoints.cli.timeline_cells import PLAIN

    is_utf = session.out.encoding.startswith("utf")
    for line in lines:
        session.out.print(line if is_utf else line.plain.translate(PLAIN), markup=False)
