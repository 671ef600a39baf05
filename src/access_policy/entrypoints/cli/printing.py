"""Answers for people: tables, details and sentences. With `--json` the API's own document and nothing else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from access_policy.entrypoints.cli.session import Session, harmless

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], Any]]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_BROKEN_NEVER = 20  # characters of a word that a narrow terminal must not break

_STYLES = {
    "allowed": "green",
    "denied": "red",
    "in_sync": "green",
    "failed": "red",
    "drifted": "red",
    "unreachable": "yellow",
    "pending": "yellow",
    "managed": "blue",
    "freevend": "green",
    "add": "green",
    "change": "yellow",
    "remove": "red",
    "error": "bold red",
}


def session_of(ctx: typer.Context) -> Session:
    found: Session = ctx.obj
    return found


def document(session: Session, answer: Any) -> bool:
    """Printed as JSON if that was asked for; then nothing else is to be printed."""
    if session.as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(answer)))  # bytes: JSON is UTF-8, whatever the terminal is
    return session.as_json


def table(
    session: Session,
    rows: Iterable[Row],
    columns: Sequence[Column],
    *,
    about: Row | None = None,
    nothing: str = "nothing there",
) -> None:
    """`about`: the charger or depot whose clock shows the times, where the rows do not say."""
    items = list(rows)
    if document(session, {"items": items}):
        return
    if not items:
        session.err.print(nothing)
        return
    local_rows = (in_local_times(session, row, about) for row in items)
    cells = [[of(row) for _, of in columns] for row in local_rows]
    names = [name for name, _ in columns]
    if not session.out.is_terminal:  # for pipes: tabs, and nothing cut off
        for line in (names, *cells):
            sys.stdout.write("\t".join(map(shown, line)) + "\n")
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    told = [place for place in range(len(names)) if any(shown(line[place]) for line in cells)]
    for place in told:
        grid.add_column(names[place], overflow="fold", no_wrap=all(_is_word(line[place]) for line in cells))
    for line in cells:
        grid.add_row(*(styled(line[place]) for place in told))
    session.out.print(grid)


def _is_word(value: Any) -> bool:
    text = shown(value)
    return len(text) <= _BROKEN_NEVER and " " not in text


def in_local_times(session: Session, row: Row, about: Row | None = None) -> Any:
    """What an answer's instants are on the clocks of the depot it is about."""
    return _with_local_times(row, lambda: session.zones.of(about or row))


def _with_local_times(value: Any, zone: Callable[[], ZoneInfo]) -> Any:
    match value:
        case str():
            return local(value, zone()) if _INSTANT.fullmatch(value) else value
        case Mapping():
            return {name: _with_local_times(each, zone) for name, each in value.items()}
        case list():
            return [_with_local_times(each, zone) for each in value]
        case _:
            return value


def detail(session: Session, answer: Row, names: Sequence[str] | None = None) -> None:
    """One thing, a line a field; what is empty is left out."""
    if document(session, answer):
        return
    answer = in_local_times(session, answer)
    fields = {name: answer[name] for name in names or answer if answer.get(name) not in (None, [], {}, "")}
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            session.out.print(f"{name}:", markup=False)
            for each in value:
                inner = ", ".join(f"{key} {shown(one)}" for key, one in each.items() if one not in (None, [], {}))
                session.out.print(f"  - {inner}", markup=False)
        else:
            session.out.print(Text(f"{name.ljust(width)}  ").append_text(styled(value)))


def done(session: Session, answer: Any, sentence: str) -> None:
    if not document(session, answer):
        session.out.print(sentence, markup=False)


def styled(value: Any) -> Text:
    text = shown(value)
    return Text(text, style=_STYLES.get(text, ""))


def shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{key} {shown(each)}" for key, each in value.items() if each is not None)
        case list() | tuple():
            return ", ".join(shown(each) for each in value)
        case _:
            return harmless(str(value))


def local(at: str | None, zone: ZoneInfo) -> str:
    """An instant of an answer as a clock in `zone` shows it."""
    if at is None:
        return ""
    return datetime.fromisoformat(at).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def field(name: str) -> Callable[[Row], Any]:
    return lambda row: row.get(name)


def columns(*names: str) -> list[Column]:
    return [(name, field(name)) for name in names]


def given(**values: Any) -> dict[str, Any]:
    """A body of what was given; options that were left out are left out."""
    return {name: value for name, value in values.items() if value is not None and value != []}
