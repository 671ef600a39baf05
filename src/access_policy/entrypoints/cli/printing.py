"""Print responses for people as tables, details and sentences; with `--json`, only the API's document."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from access_policy.entrypoints.cli.quoting import printable
from access_policy.entrypoints.cli.session import Session
from access_policy.entrypoints.cli.terms import terms_of

if TYPE_CHECKING:
    from rich.text import Text

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], Any]]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

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
    """Return the session, which from now on uses this command's options and arguments as the names of fields."""
    found: Session = ctx.obj
    found.terms = terms_of(ctx.command.params)
    return found


def document(session: Session, answer: Any) -> bool:
    """Print the response if `--json` was given, and return True; the caller then prints nothing else."""
    if session.as_json:
        import msgspec

        typer.echo(
            msgspec.json.format(msgspec.json.encode(answer))
        )  # bytes: JSON is UTF-8, whatever the terminal's encoding
    return session.as_json


def table(
    session: Session,
    rows: Iterable[Row],
    columns: Sequence[Column],
    *,
    about: Row | None = None,
    nothing: str = "no entries",
) -> None:
    """Print rows. `about`: the charger or depot whose local time applies if a row names none."""
    items = list(rows)
    if document(session, {"items": items}):
        return
    if not items:
        session.err.print(nothing)
        return
    local_rows = (in_local_times(session, row, about) for row in items)
    cells = [[of(row) for _, of in columns] for row in local_rows]
    names = [name for name, _ in columns]
    if not session.out.is_terminal:  # for pipes: tabs and complete values
        for line in (names, *cells):
            sys.stdout.write("\t".join(map(shown, line)) + "\n")
        return
    from access_policy.entrypoints.cli.grids import laid_out

    for text in laid_out(names, [[styled(value) for value in line] for line in cells], session.out):
        session.out.print(text)


def in_local_times(session: Session, row: Row, about: Row | None = None) -> Any:
    """Convert the instants in a response to its depot's local time."""
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
    """Print one object, one line per field, without empty fields."""
    if document(session, answer):
        return
    from rich.text import Text

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
    """Print the sentence, or with `--json` the response."""
    if not document(session, answer):
        session.out.print(sentence, markup=False)


def styled(value: Any) -> Text:
    from rich.text import Text

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
            return printable(str(value))


def local(at: str | None, zone: ZoneInfo) -> str:
    """Format an instant of a response in the local time of `zone`."""
    if at is None:
        return ""
    return datetime.fromisoformat(at).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def field(name: str) -> Callable[[Row], Any]:
    return lambda row: row.get(name)


def columns(*names: str) -> list[Column]:
    return [(name, field(name)) for name in names]


def compact(**values: Any) -> dict[str, Any]:
    """Return the values except None and empty lists and tuples, which leaves the options that were given."""
    return {name: value for name, value in values.items() if value is not None and value not in ([], ())}
