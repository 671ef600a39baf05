"""Options and output of commands that list history: a period, a charger or depot, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.completion import chargers, depots
from access_policy.entrypoints.cli.printing import Column, table
from access_policy.entrypoints.cli.session import Session

Since = Annotated[str | None, typer.Option("--from", help="Such as 2h, 7d, yesterday, 18:00 or 2026-11-20 06:00")]
Until = Annotated[str | None, typer.Option(help="Written as --from [default: now]")]
ChargerOption = Annotated[
    str | None,
    typer.Option("--charger", autocompletion=chargers, help="Charger id, or its beginning [default: all]"),
]
DepotOption = Annotated[
    str | None, typer.Option("--depot", autocompletion=depots, help="Depot id, or its beginning [default: all]")
]


def period(
    session: Session, begin: str | None, until: str | None, *, charger: str | None = None, depot: str | None = None
) -> dict[str, str | None]:
    return {
        "from": session.instant(begin, charger=charger, depot=depot, ago=True),
        "until": session.instant(until, charger=charger, depot=depot, ago=True),
    }


def print_newest(
    session: Session, rows: Iterator[Any], layout: Sequence[Column], limit: int | None, *, nothing: str
) -> None:
    """Print at most `limit` rows, and a note if there are more."""
    found = list(rows)
    has_more = session.has_more
    table(session, found, layout, nothing=nothing)
    if has_more:
        session.err.print(f"these are the newest {limit}; show more with --limit")


def place_of(row: Any) -> str:
    """Return the charger or the entrance of an attempt."""
    return str(row["charger_id"]) if row["entrance_id"] is None else f"entrance {row['entrance_id']}"


def identifier(row: Any) -> str:
    return "" if row["identifier"] is None else f"{row['identifier']['kind']} {row['identifier']['masked']}"


def next_second() -> datetime:
    """Return the next full second, so that a period until then includes events of this second."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)


def text_of(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
